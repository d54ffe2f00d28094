"""The verdicts of an interpreter's tests and of the reproducer."""

import signal
import sys

import pytest
from threadjoin.building import interpreter, selftest
from threadjoin.core import process
from tinycpython import write


@pytest.fixture
def built(tmp_path):
    """Return a function that makes an interpreter out of a shell script."""

    def build(script):
        one = interpreter.Interpreter(
            "patched", tmp_path, interpreter.Variant("", (), environment={"MINE": "1"})
        )
        write(one.objects, {"python": f"#!/bin/sh\n{script}\n"})
        return one

    return build


@pytest.mark.parametrize(
    "status, output, expected",
    [
        (0, "Ran 194 tests in 15.1s\n\nOK\n", "passed (194 run, 0 skipped)"),
        (0, "Ran 9 tests in 1s\n\nOK (skipped=2)\n", "passed (9 run, 2 skipped)"),
        (
            0,
            "Ran 1 test in 1s\n\nOK (expected failures=1, skipped=1)\n",
            "passed (1 run, 1 skipped)",
        ),
        (
            2,
            "ERROR: test_b (test.test_threading.T.test_b)\n"
            "FAIL: test_a (test.test_threading.T.test_a)\n"
            "FAIL: test_a (test.test_threading.T.test_a)\n"
            "Ran 9 tests in 1s\n\nFAILED (failures=1, errors=1, skipped=2)\n",
            "FAILED (9 run, 2 skipped): test_b, test_a",
        ),
        (139, "", "FAILED (0 run, 0 skipped): see the log"),
        # A run without a test shows nothing.
        (0, "Ran 0 tests in 0s\n\nOK\n", "FAILED (0 run, 0 skipped): see the log"),
    ],
)
def test_the_outcome_is_read_from_the_output(status, output, expected):
    tests = selftest.parse_tests(status, output)
    assert str(tests) == expected
    assert tests.passed == expected.startswith("passed")


def test_test_threading_is_run(built):
    one = built('echo "$*"; echo "Ran 3 tests in 0s"')
    assert selftest.run_tests(one).ran == 3
    said = one.log("test_threading").read_text().splitlines()[0]
    assert said.startswith("-m test -v --timeout=")
    assert said.endswith(" test_threading")


def test_the_tests_that_the_series_adds_are_run_where_they_are(built):
    one = built('echo "$*"; echo "Ran 3 tests in 0s"')
    name = selftest.ADDED[0]
    write(one.source, {f"Lib/test/{name}.py": ""})
    selftest.run_tests(one)
    said = one.log("test_threading").read_text().splitlines()[0]
    assert said.split()[-2:] == [name, "test_threading"]


@pytest.mark.parametrize(
    "status, verdict",
    [(0, "no race"), (1, "race"), (2, "not carried out"), (139, "not carried out")],
)
def test_the_reproducers_status_is_its_verdict(built, status, verdict):
    one = built(f'echo "$*"; exit {status}')
    assert selftest.reproduce(one) == verdict
    assert one.log("race").read_text() == f"{selftest.REPRODUCER}\n"


def test_a_test_run_that_hangs_is_stopped(built, monkeypatch):
    monkeypatch.setattr(selftest, "REPRODUCER_TIMEOUT", 0.01)
    one = built("trap '' HUP; while :; do :; done")
    with pytest.raises(process.Failed, match="was stopped after 0.01 s"):
        selftest.reproduce(one)


def test_interrupts_are_not_ignored_in_a_background_job(built):
    asks = "import signal; print(signal.getsignal(signal.SIGINT))"
    one = built(f"echo $MINE; exec {sys.executable} -c '{asks}'")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        selftest.reproduce(one)
    finally:
        signal.signal(signal.SIGINT, before)
    mine, handler = one.log("race").read_text().splitlines()
    assert mine == "1"
    assert handler.startswith("<built-in function default_int_handler>")
