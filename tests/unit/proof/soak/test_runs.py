"""Running, watching and judging the programs of a soak."""

import subprocess
import sys
import threading
import time
from collections import Counter
from types import SimpleNamespace

import pytest
from threadjoin.proof.soak import runs
from threadjoin.proof.soak.programs import Expectation
from threadjoin.proof.soak.runs import Result, Runner, counted, judge

EXPECTED = Expectation(
    0, Counter(["done 1", "1 left"]), frozenset(["2 refused"]), Counter()
)
GOOD = "counts 3 1 2 0\n1 left\ndone 1\n"

REPORT = """\
Traceback (most recent call last):
  File "program.py", line 1, in <module>
    raise Expected(number)
soakops.run.Expected: 4.1
"""
IGNORED = f"Exception ignored in threading atexit callback: <function called>\n{REPORT}"
INTERRUPT = REPORT.replace("soakops.run.Expected: 4.1", "KeyboardInterrupt")
OTHER = REPORT.replace("soakops.run.Expected: 4.1", "AssertionError: alive")


@pytest.mark.parametrize("out", [GOOD, GOOD + "2 refused\n", "counts 1\n" + GOOD])
def test_sound(out):
    assert judge(Result(0, out, ""), EXPECTED) is None


@pytest.mark.parametrize(
    ("result", "kind", "words"),
    [
        (Result(-9, GOOD, "", hung=True), "hang", "hangs"),
        (Result(-11, GOOD, ""), "crash", "SIGSEGV"),
        (Result(-6, GOOD, "Fatal Python error: x"), "crash", "SIGABRT"),
        (Result(3, GOOD, ""), "status", "exit status 3, and not 0"),
        (Result(0, "done 1\n", ""), "output", "missing: '1 left'"),
        (Result(0, GOOD * 2, ""), "output", "unexpected: '1 left', 'done 1'"),
        (Result(0, GOOD, "a word\n"), "errors", "a word"),
        (Result(0, GOOD, REPORT), "errors", "unexpected: 'Expected: 4.1'"),
        (Result(1, GOOD, OTHER), "errors", "AssertionError: alive"),
    ],
)
def test_verdict(result, kind, words):
    verdict = judge(result, EXPECTED)
    assert verdict.kind == kind
    assert words in verdict.words


def test_expected_reports():
    reports = Counter({"Expected: 4.1": 2, "KeyboardInterrupt": 1})
    expected = Expectation(-2, Counter(), frozenset(), reports)
    assert judge(Result(-2, "", REPORT + IGNORED + INTERRUPT), expected) is None
    assert judge(Result(-2, "", REPORT + INTERRUPT), expected).kind == "errors"


def test_counted():
    result = Result(0, f"{GOOD}counts 1 0 1 2\ncounts 5", "")
    assert counted(result) == {"joins": 4, "waited": 1, "threads": 3, "forks": 2}


@pytest.fixture
def runner():
    return Runner(sys.executable, 60, threading.Event())


def test_run(runner):
    text = "import sys; print(1); print(2, file=sys.stderr); sys.exit(3)"
    result = runner.run(text, 0)
    assert result == Result(3, "1\n", "2\n")


def test_perturbed_by_the_seed(monkeypatch):
    monkeypatch.setattr(
        runs.libraries,
        "environment",
        lambda path, seed: {"PERTURBED": f"by {path} from {seed}"},
    )
    text = "import os; print(os.environ.get('PERTURBED'))"
    for perturbing, said in ((None, "None\n"), ("a.so", "by a.so from 7\n")):
        runner = Runner(sys.executable, 60, threading.Event(), perturbing)
        assert runner.run(text, 7).out == said


def test_the_library_that_programs_call(monkeypatch):
    monkeypatch.delenv("SOAK_HELPER", raising=False)
    text = "import os; print(os.environ.get('SOAK_HELPER'))"
    for helper, said in ((None, "None\n"), ("a.so", "a.so\n")):
        runner = Runner(sys.executable, 60, threading.Event(), None, helper)
        assert runner.run(text, 7).out == said


def test_processes_that_are_left_behind_are_ended(runner):
    # It has the streams open, too, and is not waited for.
    text = (
        "import os, signal\nif not os.fork():\n    signal.pause()\nprint(os.getpid())"
    )
    result = runner.run(text, 0)
    assert result.status == 0
    deadline = time.monotonic() + 60
    while runs.members(int(result.out)):
        assert time.monotonic() < deadline


HANGS = """
import faulthandler, os, signal, sys, threading
faulthandler.register(signal.SIGUSR1, all_threads=True)
lock = threading.Lock()

def a_function_that_waits():
    lock.acquire()
    {first}
    lock.acquire()

threading.Thread(target=a_function_that_waits).start()
"""


def test_hang(runner, monkeypatch):
    monkeypatch.setattr(runs, "CLOSER", 0.2)
    monkeypatch.setattr(runs, "IDLE", 1)
    result = runner.run(HANGS.format(first="os.fork()"), 0)
    assert result.hung
    assert result.stacks.count("process ") == 2
    assert result.err.count("in a_function_that_waits") == 2


def test_no_end(monkeypatch, tmp_path):
    begun = tmp_path / "begun"
    # The clock stands still until the program is in its endless loop.
    clock = SimpleNamespace(monotonic=lambda: 100 * begun.exists(), sleep=time.sleep)
    monkeypatch.setattr(runs, "time", clock)
    runner = Runner(sys.executable, 50, threading.Event())
    first = f"open({str(begun)!r}, 'x')\n    while True: pass"
    result = runner.run(HANGS.format(first=first), 0)
    assert result.hung
    assert "in a_function_that_waits" in result.err


def test_stop():
    stopped = threading.Event()
    stopped.set()
    runner = Runner(sys.executable, 60, stopped)
    assert runner.run("import signal; signal.pause()", 0) is None


def test_stacks_of_all_processes(monkeypatch):
    pids = list(range(1, 21))
    signalled = []
    monkeypatch.setattr(runs, "CLOSER", 0)
    monkeypatch.setattr(runs, "members", lambda group: pids)
    monkeypatch.setattr(runs, "_debugged", lambda pid: f"#0 of {pid}")
    monkeypatch.setattr(runs.shutil, "which", lambda name: name)
    monkeypatch.setattr(runs.os, "kill", lambda pid, number: signalled.append(pid))
    assert runs.stacks(1).splitlines() == [
        line for pid in pids for line in (f"process {pid}:", f"#0 of {pid}")
    ]
    assert signalled == pids


def test_processes_of_any_name_are_looked_at():
    # The kernel keeps 15 bytes of a name, here with half a character at the end.
    code = """
import ctypes, sys
ctypes.CDLL(None).prctl(15, "fourteen bytes\u00e9".encode(), 0, 0, 0)
print("named", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout.readline() == b"named\n"
        assert runs.members(process.pid) == [process.pid]
