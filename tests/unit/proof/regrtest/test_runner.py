"""Each file of CPython's tests runs in its own process, and its outcomes are read."""

import os
import subprocess
import sys

import pytest
from faketests import junit, write_tests
from threadjoin.building import selftest
from threadjoin.core.errors import Problem
from threadjoin.proof.regrtest import runner
from threadjoin.series import catalog, patchfile

GOOD = '<testcase name="test.t.C.good" status="run" />'
BAD = '<testcase name="test.t.C.bad"><failure type="A">x</failure></testcase>'
ERROR = '<testcase name="test.t.C.error"><error type="A">x</error></testcase>'
SKIPPED = '<testcase name="test.t.C.off"><skipped>why</skipped></testcase>'
EXPECTED = '<testcase name="test.t.C.xfail"><output type="A">x</output></testcase>'
SURPRISE = '<testcase name="test.t.C.upass" outcome="UNEXPECTED_SUCCESS" />'
SUBTEST = "<testcase />"


@pytest.fixture
def place(tmp_path):
    def make(files, **settings):
        environment = write_tests(tmp_path / "fake", files)
        settings = runner.Settings(environment=environment, **settings)
        return runner.Place(sys.executable, tmp_path / "logs", settings)

    return make


def test_outcomes_of_a_file_and_of_its_tests(place):
    cases = GOOD, BAD, ERROR, SKIPPED, EXPECTED, SURPRISE, SUBTEST
    found = place({"test_a": junit(*cases) + "\nsys.exit(2)"}).run(["test_a"])
    assert found.outcomes == {
        "test_a": "failed",
        "test_a::test.t.C.good": "passed",
        "test_a::test.t.C.bad": "failed",
        "test_a::test.t.C.error": "failed",
        "test_a::test.t.C.off": "skipped",
        "test_a::test.t.C.xfail": "passed",
        "test_a::test.t.C.upass": "failed",
    }
    assert found.units == {"test_a": sorted(found.outcomes)}
    assert found.seconds > 0


def test_a_test_that_runs_twice_fails_if_one_of_them_does(place):
    other = GOOD.replace("good", "bad")
    found = place({"test_a": junit(other, BAD, other)}).run(["test_a"])
    assert found.outcomes["test_a::test.t.C.bad"] == "failed"


def test_a_failed_subtest_is_in_the_summary(place):
    said = "=" * 70 + "\nFAIL: test_x (test.t.C.test_x) (i=3)\n"
    script = f"print(); print({said!r}); {junit(SUBTEST)}; sys.exit(2)"
    found = place({"test_a": script}).run(["test_a"])
    assert found.outcomes == {"test_a": "failed", "test_a::test.t.C.test_x": "failed"}


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("", "passed"),
        ("print('1 test skipped:\\n    test_a')", "skipped"),
        ("print('1 test skipped:\\n    test_a'); sys.exit(3)", "failed"),
        ("sys.exit(3)", "failed"),
        ("os.abort()", "failed"),
    ],
    ids=["empty", "skipped", "skipped-and-failed", "environment", "crash"],
)
def test_a_file_is_judged_by_how_it_ends(place, script, outcome):
    assert place({"test_a": script}).run(["test_a"]).outcomes == {"test_a": outcome}


def test_a_file_that_hangs_has_failed_and_is_killed(place, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "GRACE", 0)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pids = []
    wait = subprocess.Popen.wait

    def wait_once_it_hangs(process, timeout=None):
        # The timeout begins when it hangs, however long it takes to start.
        if not pids:
            pids.append(int(pipe.read_text()))
        return wait(process, timeout)

    script = f"open({str(pipe)!r}, 'w').write(str(os.getpid())); time.sleep(1000)"
    ours = place({"test_a": script}, timeout=0.1)
    monkeypatch.setattr(subprocess.Popen, "wait", wait_once_it_hangs)
    assert ours.run(["test_a"]).outcomes == {"test_a": "failed"}
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_the_report_of_an_earlier_run_does_not_count(place):
    ours = place({"test_a": f"if not os.path.exists(report + '.no'): {junit(GOOD)}"})
    assert len(ours.run(["test_a"]).outcomes) == 2
    ours.log("test_a").with_suffix(".xml.no").touch()
    assert ours.run(["test_a"]).outcomes == {"test_a": "passed"}


def test_units_have_arguments_of_their_own(place):
    ours = place({"test_a": ""}, timeout=7, options=("-R", "3:3"), cases=False)
    unit = "test_a -m One -m Two"
    assert ours.run([unit]).outcomes == {unit: "passed"}
    assert ours.log(unit).read_text() == (
        "-v --fail-env-changed --timeout=7 -R 3:3 -m One -m Two test_a\n"
    )


def test_each_runs_in_an_empty_directory_of_its_own_with_sigint(place):
    script = (
        "import signal, tempfile; here = os.getcwd(); print(here);"
        "assert not os.listdir(here) and tempfile.gettempdir() == here;"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler;"
        "open('left', 'w')"
    )
    ours = place({"test_a": script, "test_b": script}, jobs=2)
    run = ours.run(["test_a", "test_b"])
    logs = [ours.log(unit).read_text() for unit in run.units]
    assert set(run.outcomes.values()) == {"passed"}, logs
    places = {log.splitlines()[-1] for log in logs}
    assert len(places) == 2
    assert not any(map(os.path.exists, places))


def test_available_tests(tmp_path, monkeypatch, program):
    environment = write_tests(tmp_path, {"test_a": "", "test_b": ""})
    lister = f'PYTHONPATH={environment["PYTHONPATH"]} exec {sys.executable} "$@"'
    python = program("python", lister)
    assert runner.available(python) == ["test_a", "test_b"]
    with pytest.raises(Problem, match="has no tests of its own"):
        runner.available("false")


def test_the_tests_in_the_data_exist():
    data = runner.load()
    assert all(data["left out"].values())
    assert {"test_threading", *selftest.ADDED} <= set(data["threading"])
    patches = catalog.load_series().patches
    added = {c.name for p in patches for c in patchfile.read(p).changes if c.created}
    assert {f"Lib/test/{name}.py" for name in selftest.ADDED} <= added
    assert {unit.split()[0] for unit in data["refleaks"]["ci"]} <= set(
        data["refleaks"]["whole"]
    )
    for name in data["sanitizers"]["tests"]:
        assert not name.startswith("tests/") or (runner.layout.ROOT / name).is_file()


@pytest.mark.parametrize("name", ["regrtest-diff", "refleaks", "sanitizers"])
def test_help(name):
    script = runner.layout.ROOT / "scripts" / name
    done = subprocess.run(
        [sys.executable, script, "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"usage: scripts/{name}")


def test_the_digest_is_of_the_tests(tmp_path, program):
    def digest(files):
        place = write_tests(tmp_path, files)["PYTHONPATH"]
        python = program("python", f'PYTHONPATH={place} exec {sys.executable} "$@"')
        return runner.digest(python)

    assert digest({"test_a": "1"}) == digest({"test_a": "1"}) != digest({"test_a": "2"})
