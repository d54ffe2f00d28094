"""Environments are made once, out of the same files for both interpreters."""

import io
import json
import sys
import tarfile
from pathlib import Path

import pytest
from threadjoin.building import identity
from threadjoin.core import process
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.proof.downstream import environments as env
from threadjoin.proof.downstream.data import Library, Suite

LIBRARY = Library("x", ("y",), (Suite("own tests", "pytest", ("*",)),))

#: A stand-in for pip, which records its arguments. It installs where there are wheels,
#: and makes wheels where there are none.
PIP = """
import json, os, pathlib, sys
home = pathlib.Path(sys.argv[1])
arguments = sys.argv[2:]
with open(home / "asked", "a") as stream:
    print(json.dumps(arguments), os.environ["PIP_CONSTRAINT"], file=stream)
wheels = home / "made" / "wheels"
if "wheel" in arguments:
    wheels.mkdir(parents=True)
elif "install" in arguments and "--dry-run" not in arguments:
    sys.exit(0 if wheels.is_dir() else "no wheels")
elif "download" in arguments:
    (home / "x-1.0.tar.gz").rename(pathlib.Path(
        arguments[arguments.index("-d") + 1]) / "x-1.0.tar.gz")
"""


@pytest.fixture
def home(tmp_path):
    (tmp_path / "pip.py").write_text(PIP)
    pins = "x==1.0\ny==2.0\npytest==9.0\npytest-reportlog==1.0\n"
    (tmp_path / "constraints.txt").write_text(pins)
    return tmp_path


@pytest.fixture
def environments(home):
    def make():
        pythons = [identity.identify(sys.executable, kind) for kind in identity.KINDS]
        pip = [sys.executable, str(home / "pip.py"), str(home)]
        quiet = Progress(io.StringIO(), live=False)
        constraints = home / "constraints.txt"
        return env.Environments(pythons, quiet, pip, home / "made", constraints)

    return make


def asked(home):
    """Return the subcommands that pip was asked for; forget them."""
    path = home / "asked"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    words = {"install", "wheel", "download"}
    return [
        word
        for line in lines
        for word in json.loads(line.rpartition("] ")[0] + "]")
        if word in words
    ]


def test_wheels_are_fetched_once_and_environments_are_kept(environments, home):
    found = environments().provide(LIBRARY)
    assert set(found) == {"stock", "patched"}
    assert all(path.is_file() for path in found.values())
    assert asked(home) == ["install", "wheel", "install", "install"]
    assert environments().provide(LIBRARY) == found
    assert asked(home) == []


def test_other_versions_need_other_environments(environments, home):
    environments().provide(LIBRARY)
    asked(home)
    pins = (home / "constraints.txt").read_text()
    (home / "constraints.txt").write_text(pins.replace("2.0", "2.1"))
    environments().provide(LIBRARY)
    assert asked(home) == ["install", "install"]


def test_a_library_that_is_not_pinned_is_a_problem(environments):
    with pytest.raises(Problem, match="constraints.txt pins no version of z; add it"):
        environments().provide(Library("z", (), ()))


def test_a_wheel_that_cannot_be_fetched_is_a_problem(environments, home):
    (home / "pip.py").write_text("raise SystemExit(1)")
    with pytest.raises(process.Failed, match="pip wheel failed with status 1; see"):
        environments().provide(LIBRARY)


def test_the_sdist_is_unpacked_once(environments, home):
    with tarfile.open(home / "x-1.0.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("x-1.0/tests/a.py")
        archive.addfile(member, io.BytesIO())
    found = environments().sdist("x")
    assert (found / "tests" / "a.py").is_file()
    assert asked(home) == ["download"]
    assert environments().sdist("x") == found
    assert asked(home) == []


def test_a_suite_without_a_distribution_installs_its_requirements_alone(
    environments, home
):
    environments().provide(Library("gdb", ("y",), (), distribution=False))
    assert "gdb==" not in (home / "asked").read_text()
    assert "y==2.0" in (home / "asked").read_text()


def test_a_suite_without_requirements_installs_nothing(environments, home):
    found = environments().provide(Library("gdb", (), (), distribution=False))
    assert all(path.is_file() for path in found.values())
    assert asked(home) == []


@pytest.fixture
def built(environments, home):
    """Return a function that builds the tests of x with a given command."""
    with tarfile.open(home / "x-1.0.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("x-1.0/setup.py"), io.BytesIO())

    def build(*lines):
        suite = Suite("own tests", "pytest", ("*",), sdist="x", build=lines)
        return environments().built(suite, Path(sys.executable))

    return build


#: Adds a line to the file that it is given; runs only in the unpacked sdist.
NOTE = "import sys; open('setup.py'); open(sys.argv[1], 'a').write('ran ')"


def test_tests_are_built_once(built, home):
    (home / "note.py").write_text(NOTE)
    line = f"{{python}} {home / 'note.py'} out"
    found = built(line)
    assert built(line) == found
    assert (found / "out").read_text() == "ran "
    # They are built in a copy: the unpacked sdist stays as it is.
    assert not (home / "made" / "sdists" / "x-1.0" / "out").exists()
    assert (built(line, line) / "out").read_text() == "ran ran "


def test_tests_that_cannot_be_built_are_a_problem(built):
    with pytest.raises(process.Failed, match="false failed with status 1; see"):
        built("false")


def test_a_crate_is_found_by_its_name(home):
    for name in ("x-0.9", "x-y-1.0"):
        (home / name).mkdir()
    assert env.crate("x", home) == home / "x-0.9"
    with pytest.raises(
        Problem, match="the crate z is not there; install librust-z-dev"
    ):
        env.crate("z", home)


def test_a_crate_is_built_in_a_copy(environments, home, monkeypatch):
    source = home / "x-0.9"
    source.mkdir()
    monkeypatch.setattr(env, "crate", {"x": source}.__getitem__)
    suite = Suite("own tests", "libtest", ("*",), crate="x", build=("touch built",))
    found = environments().built(suite, Path(sys.executable))
    assert (found / "built").is_file() and not (source / "built").exists()


def test_pinning(home):
    report = {"install": [{"metadata": {"name": "X_y", "version": "3.0"}}]}
    (home / "pip.py").write_text(
        "import pathlib, sys\n"
        "path = sys.argv[sys.argv.index('--report') + 1]\n"
        f"pathlib.Path(path).write_text({json.dumps(report)!r})\n"
        "assert {'x', 'y', 'pytest'} <= set(sys.argv)\n"
    )
    pip = [sys.executable, str(home / "pip.py")]
    env.pin([LIBRARY], home / "new.txt", pip, home / "pin.log")
    assert (home / "new.txt").read_text().splitlines()[1:] == ["x-y==3.0"]


def test_only_pinned_wheels_count(home):
    for name in ("x-1.0-py3-none-any.whl", "x-0.9-py3-none-any.whl", "z-1-py3-x.whl"):
        (home / name).touch()
    found = env.pinned_wheels(home, home / "constraints.txt")
    assert found == [Path(home / "x-1.0-py3-none-any.whl")]
