"""Each command refuses a Python that is too old, in one line."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from threadjoin.core import layout


def first_line(path):
    with open(path, "rb") as stream:
        return stream.readline()


SCRIPTS = sorted(
    path
    for path in (layout.ROOT / "scripts").iterdir()
    if path.is_file() and b"python" in first_line(path)
)

#: Runs a script as if this Python were an older one.
PRETENCE = """\
import runpy, sys
sys.argv[:] = sys.argv[1:]
sys.path[0] = sys.argv[0].rpartition("/")[0]
sys.version_info = (3, 8, 18, "final", 0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def check(command, version, **options):
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, **options
    )
    # For some of them 1 is a verdict, such as "race".
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        rf"error: .* Python 3\.9 or later, and is run by {re.escape(version)}.*\n",
        done.stderr,
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_an_older_python_gets_one_line(script):
    check([sys.executable, "-B", "-c", PRETENCE, str(script), "--help"], "3.8.18")


def find_old(version):
    """Return the path of a Python *version*, and the version that it reports."""
    versions = Path.home() / ".pyenv" / "versions"
    found = [shutil.which(f"python{version}")]
    found += sorted(map(str, versions.glob(f"{version}.*/bin/python")))
    ask = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
    for python in filter(None, found):
        done = subprocess.run(
            [python, "-c", ask], capture_output=True, text=True, check=False
        )
        # pyenv has a shim for a version that is installed and not active, too.
        if done.returncode == 0:
            return python, done.stdout.strip()
    return pytest.skip(f"no Python {version} here")


@pytest.mark.parametrize("version", ["2.7", "3.6"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_an_old_python_can_parse_the_check(script, version):
    python, called = find_old(version)
    check([python, "-B", str(script), "--help"], called)


@pytest.mark.parametrize("version", ["2.7", "3.6"])
def test_the_reproducer_needs_no_other_file(version):
    python, called = find_old(version)
    text = (layout.ROOT / "scripts" / "repro_join_race.py").read_text()
    check([python, "-"], called, input=text)
