"""Running tests and programs against a planted bug: what counts as found."""

import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from threadjoin.core.errors import Problem
from threadjoin.proof.mutants import looking
from threadjoin.proof.mutants.looking import BySoak, ByTests, Commands, Stopped
from threadjoin.proof.mutants.plant import Mutant, Seeds
from threadjoin.proof.soak import programs
from threadjoin.proof.soak.runs import Result

#: Tests of a stand-in for an interpreter: a file that has "mutant" or "pristine" in it.
TESTS = """
import os, pathlib, time
import pytest

MUTANT = "mutant" in pathlib.Path(os.environ["THREADJOIN_PATCHED"]).read_text()

@pytest.fixture
def needs():
    assert not MUTANT

def test_finds():
    assert not MUTANT

def test_finds_nothing():
    pass

@pytest.mark.parametrize("what", ["nothing", "it"])
def test_finds_one(what):
    assert what == "nothing" or not MUTANT

def test_in_the_fixture(needs):
    pass

def test_always_fails():
    assert 0

def test_skipped():
    pytest.skip("not here")

def test_hangs():
    time.sleep(3600)
"""


@pytest.fixture
def built(tmp_path):
    """Return two interpreters: one with a bug, and a pristine one."""

    def one(name):
        python = tmp_path / name
        python.write_text(name)
        return SimpleNamespace(
            python=python, log=lambda stage: tmp_path / f"{stage}-{name}.log"
        )

    return one("mutant"), one("pristine")


@pytest.fixture
def find(tmp_path, monkeypatch, built):
    """Return a function that looks for a bug with some of TESTS."""
    tests = tmp_path / looking.TESTS
    tests.mkdir(parents=True)
    (tests / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").touch()
    monkeypatch.setattr(looking.layout, "ROOT", tmp_path)
    monkeypatch.setattr(looking.devenv, "VENV", Path(sys.prefix))

    def find(*names):
        named = tuple(f"test_it.py::{name}" for name in names)
        return ByTests(Commands()).find(Mutant("bug", "", (), named), *built)

    return find


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["test_finds"], "test_it.py::test_finds"),
        (["test_finds_nothing", "test_finds"], "test_it.py::test_finds"),
        (["test_finds_one"], "test_it.py::test_finds_one[it]"),
        (["test_finds_nothing"], None),
        (["test_finds_nothing", "test_skipped"], None),
    ],
)
def test_found_by_a_test(find, names, found):
    assert find(*names) == found


def test_tests_are_run_for_the_series_of_the_build(tmp_path, find, built):
    tests = tmp_path / looking.TESTS
    (tests / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--series')\n"
    )
    (tests / "test_it.py").write_text(
        "import os, pathlib\n"
        "def test_series(request):\n"
        "    python = pathlib.Path(os.environ['THREADJOIN_PATCHED'])\n"
        "    if python.read_text() == 'mutant':\n"
        "        assert request.config.getoption('--series') != '3.12'\n"
    )
    bug = Mutant("bug", "", "", ("test_it.py::test_series",))
    assert ByTests(Commands(), "3.12").find(bug, *built) == bug.tests[0]
    assert ByTests(Commands()).find(bug, *built) is None


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["test_in_the_fixture"], "pytest could not run .*test_in_the_fixture"),
        (["test_finds_nothing", "test_in_the_fixture"], "pytest could not run"),
        (["test_skipped"], "pytest could not run"),
        (["test_that_is_not_there"], "pytest could not run"),
        (["test_always_fails"], "with nothing planted, .*test_always_fails fails too"),
    ],
)
def test_outcomes_that_do_not_count_as_found(find, names, words):
    with pytest.raises(Problem, match=words):
        find(*names)


def test_pytest_cannot_run_a_test(find, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nonsense")
    with pytest.raises(Problem, match="pytest could not run"):
        find("test_finds")


def test_too_long(find, monkeypatch):
    monkeypatch.setattr(looking, "LIMIT", 1)
    with pytest.raises(Problem, match="pytest took more than 1 s"):
        find("test_hangs")


def test_status(tmp_path):
    commands = Commands()
    assert commands.status(["true"], tmp_path / "log") == 0
    assert commands.status(["sh", "-c", "exit 3"], tmp_path / "log", 60) == 3


#: Cleans up only when it is interrupted.
CLEANS = """
import os, pathlib, sys, time
place = pathlib.Path(sys.argv[1])
try:
    (place / "pipe").write_text("begun")
    time.sleep(3600)
except KeyboardInterrupt:
    (place / "clean").touch()
"""


@pytest.fixture
def cleans(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    return [sys.executable, "-c", CLEANS, str(tmp_path)]


def test_stopped(tmp_path, cleans):
    commands = Commands()

    def stop():
        (tmp_path / "pipe").read_text()
        commands.stopped.set()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(Stopped):
        commands.status(cleans, tmp_path / "log")
    thread.join()
    assert (tmp_path / "clean").exists()
    with pytest.raises(Stopped):
        commands.status(["touch", str(tmp_path / "begun")], tmp_path / "log")
    assert not (tmp_path / "begun").exists()


def test_the_time_limit_ends_the_tests(tmp_path, cleans, monkeypatch):
    # The clock stands still until the program has begun.
    begun = threading.Event()

    def begins():
        (tmp_path / "pipe").read_text()
        begun.set()

    thread = threading.Thread(target=begins)
    thread.start()
    clock = SimpleNamespace(monotonic=lambda: 100 * begun.is_set())
    monkeypatch.setattr(looking, "time", clock)
    assert Commands().status(cleans, tmp_path / "log", 50) is None
    thread.join()
    assert (tmp_path / "clean").exists()


class FakeRunner:
    """Pretends to run programs: those of the seeds *bad* fail if a bug is planted."""

    bad, always, ran = (), (), []

    def __init__(self, python, patience, stopped, perturbing, helper):
        self.planted = python.read_text() == "mutant"
        self.stopped = stopped
        assert (perturbing, helper) == ("a library", "another")

    def run(self, text, seed):
        self.ran.append(seed)
        if seed in self.always or (seed in self.bad and self.planted):
            return Result(-11, "", "")
        expected = programs.expectation(programs.generate(seed))
        reports = "".join(
            f"Traceback (most recent call last):\n  File\n{report}\n"
            for report in expected.reports.elements()
        )
        lines = "".join(f"{line}\n" for line in expected.lines.elements())
        return Result(expected.status, lines, reports)


@pytest.fixture
def soaked(monkeypatch, built):
    """Return a function that looks for a bug with the programs of the seeds 5 to 8."""
    monkeypatch.setattr(looking.libraries, "library", lambda: "a library")
    monkeypatch.setattr(looking.runs, "Runner", FakeRunner)
    monkeypatch.setattr(looking.libraries, "helper", lambda: "another")
    monkeypatch.setattr(FakeRunner, "ran", [])
    mutant = Mutant("bug", "", (), (), soak=Seeds(5, 4))

    def soaked(commands=None, **attributes):
        for name, value in attributes.items():
            monkeypatch.setattr(FakeRunner, name, value)
        return BySoak(commands or Commands()).find(mutant, *built)

    return soaked


def test_found_by_the_soak(soaked, capsys):
    assert soaked(bad=[7, 8]) == "seed 7: ended by SIGSEGV"
    # And once more on the pristine interpreter.
    assert FakeRunner.ran == [5, 6, 7, 7]
    assert not capsys.readouterr().out


def test_not_found_by_the_soak(soaked):
    assert soaked(bad=[4, 9]) is None
    assert FakeRunner.ran == [5, 6, 7, 8]


def test_program_that_always_fails(soaked):
    with pytest.raises(Problem, match="with nothing planted, .* seed 6 fails too"):
        soaked(always=[6])


def test_soak_that_is_stopped_has_found_nothing(soaked):
    commands = Commands()
    commands.stopped.set()
    with pytest.raises(Stopped):
        soaked(commands, bad=[5])
