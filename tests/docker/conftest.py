"""A real engine, and images that are built once for all tests."""

import contextlib
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "scripts")]

from dockerimages import Images, Results, make_authority  # noqa: E402
from threadjoin import dockerengine  # noqa: E402
from threadjoin.progress import Progress  # noqa: E402

#: The fixtures that compile CPython; PGO does so twice, and trains.
COMPILED = {"default", "patched", "stock"}


def pytest_collection_modifyitems(items):
    """Mark all that takes an image which is compiled from the start."""
    for item in items:
        if HERE not in item.path.parents:
            continue
        parameters = getattr(item, "callspec", None)
        values = list(parameters.params.values()) if parameters else []
        if COMPILED & {*item.fixturenames, *map(str, values)}:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def progress(pytestconfig):
    """Tells what takes long, past pytest, which keeps all output to itself."""
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


@pytest.fixture(scope="session")
def engine(progress):
    """The dockerengine.Engine; where there can be none, nothing is tested."""
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(dockerengine.running(progress))
        except dockerengine.Unavailable as exc:
            pytest.skip(f"the image was NOT tested, Docker cannot run here: {exc}")
        yield running


@pytest.fixture(scope="session")
def results(engine, progress):
    """What was measured, told at the end; kept in build/docker/results.json."""
    measured = Results(engine.home / "results.json")
    yield measured
    measured.save()
    progress.note(f"\n{measured.table()}")


@pytest.fixture(scope="session")
def authority(engine):
    """A certificate authority of our own, and a server's key pair by it."""
    return make_authority(engine.home / "authority")


@pytest.fixture(scope="session")
def images(engine, progress, results, authority):
    return Images(engine, progress, results, authority)


@pytest.fixture(scope="session")
def default(images):
    """The image of the README's first line."""
    return images.default()


@pytest.fixture(scope="session")
def patched(images):
    """A release image without PGO, by the classic builder."""
    return images.release("patched")


@pytest.fixture(scope="session")
def stock(images):
    """The same without the series."""
    return images.release("stock")
