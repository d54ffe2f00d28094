"""Options and fixtures for all tests."""

import sys

import pytest
from threadjoin.core.progress import Progress


def pytest_addoption(parser):
    """Take from scripts/test which series are tested; see its help."""
    group = parser.getgroup("threadjoin")
    for option, help in (
        ("--series", "all tests of this series"),
        ("--part", "those that its differences.json has as its part"),
        ("--not-built", "NAME=WHY: skip that part"),
    ):
        group.addoption(option, action="append", default=[], help=help)


@pytest.fixture(scope="session")
def progress(pytestconfig):
    """Return a Progress whose output pytest does not capture."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    class Aloud:
        def write(self, text):
            with capture.global_and_fixture_disabled():
                sys.stdout.write(text)

        def flush(self):
            with capture.global_and_fixture_disabled():
                sys.stdout.flush()

        def isatty(self):
            return False

    stream = Aloud()
    stream.write("\n")
    return Progress(stream)
