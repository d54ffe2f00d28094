"""scripts/soak: its figures, when it stops, and the report of a failure."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter

import pytest
from threadjoin.commands import soak as command
from threadjoin.core import cli, layout
from threadjoin.host import packages
from threadjoin.proof.soak import programs, session
from threadjoin.proof.soak.runs import Result
from tinycpython import shell_script


class FakeRunner:
    """Pretends to run programs: those with one of the operations *bad* fail."""

    def __init__(self, bad=(), hung=False):
        self.bad = set(bad)
        self.hung = hung
        self.ran = []
        self.stopped = threading.Event()

    def run(self, text, seed):
        assert f"program of seed {seed};" in text
        self.ran.append(text)
        names = {word.partition("(")[0] for word in text.split("do.")[1:]}
        if names & self.bad:
            return Result(1, "", "AssertionError: planted\n", self.hung)
        return self.sound(text)

    def sound(self, text):
        seed = next(s for s in range(100) if f"seed {s};" in text)
        expected = programs.expectation(programs.generate(seed))
        out = "".join(f"{line}\n" for line in expected.lines.elements())
        err = "".join(
            f"Traceback (most recent call last):\n  File\n{report}\n"
            for report in expected.reports.elements()
        )
        return Result(expected.status, f"{out}counts 10 4 3 2\n", err)


@pytest.fixture
def fake(monkeypatch):
    def put(*args, **kwargs):
        runner = FakeRunner(*args, **kwargs)

        def make(python, patience, stopped, perturbing, helper):
            runner.perturbing = perturbing
            runner.helper = helper
            return runner

        monkeypatch.setattr(session.runs, "Runner", make)
        monkeypatch.setattr(command, "_python", lambda path, series: path)
        monkeypatch.setattr(command.libraries, "helper", lambda: "helper.so")
        return runner

    return put


def test_the_library_that_programs_call(fake, capsys, monkeypatch):
    runner = fake()
    command.main(["--programs", "1", "--seed", "20"])
    assert runner.helper == "helper.so"
    assert "note:" not in capsys.readouterr().out
    monkeypatch.setattr(command.libraries, "helper", lambda: None)
    command.main(["--programs", "1", "--seed", "20"])
    assert runner.helper is None
    assert "note: no C compiler; what needs C code is left" in capsys.readouterr().out


def test_figures(fake, capsys):
    runner = fake()
    assert command.main(["--programs", "7", "--seed", "20", "--jobs", "2"]) is None
    out = capsys.readouterr().out
    assert "\n7 programs in " in out
    assert ": 70 joins (" in out
    assert ", 28 of threads alive), 21 threads, 14 forks, failures: 0\n" in out
    seeds = sorted(text.split("seed ")[1].split(";")[0] for text in runner.ran)
    assert seeds == [str(seed) for seed in range(20, 27)]


def test_failure(fake, capsys):
    runner = fake(["crowd"])
    assert cli.run(command.main, ["--programs", "100"]) == 1
    captured = capsys.readouterr()
    failed = next(
        seed
        for seed in range(100)
        if "crowd" in [node.name for node in programs.generate(seed).walk()]
    )
    assert f"seed {failed}: on stderr: AssertionError: planted" in captured.out
    assert "failures: 1" in captured.out
    shown = captured.out.partition(f"# reduced program of seed {failed}")[2]
    calls = [line for line in shown.splitlines() if line.startswith("do.")]
    assert [call.partition("(")[0] for call in calls] == [
        "do.begin",
        "do.crowd",
        "do.end",
    ]
    assert "times=1, threads=1" in calls[1]
    assert "--- stderr\nAssertionError: planted\n" in shown
    assert captured.err == (
        f"error: programs failed; --replay runs one again, by its seed: {failed}\n"
    )
    assert len(runner.ran) > failed + 1


def test_failure_that_is_not_reduced(fake, capsys):
    fake(["crowd"])
    arguments = ["--no-reduce", "--failures", "2"]
    assert cli.run(command.main, arguments) == 1
    out = capsys.readouterr().out
    assert "failures: 2" in out
    assert out.count("\n# program of seed ") == 2
    assert out.count("--- stderr\nAssertionError: planted\n") == 2


def test_failure_that_does_not_come_again(fake, capsys, monkeypatch):
    runner = fake()
    sound = runner.run

    def once(text, seed):
        runner.bad = set() if runner.ran else {"begin"}
        return sound(text, seed)

    monkeypatch.setattr(runner, "run", once)
    assert cli.run(command.main, ["--seed", "5"]) == 1
    assert len(runner.ran) == 1 + session.REPEATS
    out = capsys.readouterr().out
    assert "It did not fail again" in out
    assert "\n# program of seed 5;" in out
    assert "--- stderr\nAssertionError: planted\n" in out


def test_perturb(fake, capsys, monkeypatch):
    monkeypatch.setattr(command.libraries, "library", lambda: "a library")
    runner = fake(["begin"])
    assert cli.run(command.main, ["--seed", "9"]) == 1
    assert runner.perturbing is None
    assert "failed; --replay runs one again" in capsys.readouterr().err
    runner = fake(["begin"])
    assert cli.run(command.main, ["--seed", "9", "--perturb"]) == 1
    assert runner.perturbing == "a library"
    assert "failed; --perturb --replay runs one again, by its seed: 9" in (
        capsys.readouterr().err
    )


def test_perturb_without_a_compiler(fake, capsys, monkeypatch):
    monkeypatch.setattr(packages, "compiler", list)
    runner = fake()
    assert cli.run(command.main, ["--perturb"]) == 1
    error = "error: no C compiler for what perturbs programs; install gcc, or set CC\n"
    assert capsys.readouterr().err == error
    assert not runner.ran


def test_minutes():
    now = [0]

    def clock():
        now[0] += 10
        return now[0]

    args = command._parser().parse_args(["--minutes", "1", "--seed", "40"])
    # The clock is read once at the start.
    assert list(command._seeds(args, clock)) == [40, 41, 42, 43, 44]


def test_replay(fake):
    runner = fake()
    command.main(["--replay", "12"])
    assert len(runner.ran) == 1
    command.main(["--replay", "12", "--programs", "3"])
    assert runner.ran[1:] == 3 * runner.ran[:1]
    # Also if that is the number of programs that run without --replay.
    command.main(["--replay", "12", "--programs", str(session.PROGRAMS)])
    assert len(runner.ran) == 4 + session.PROGRAMS


def test_print(capsys):
    command.main(["--print", "12"])
    program = programs.generate(12)
    title = "program of seed 12; see scripts/soak --help"
    assert capsys.readouterr().out == programs.source(program, title)


def test_interrupted(fake, monkeypatch, capsys):
    runner = fake()

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "wait", interrupt)
    assert cli.run(command.main, ["--programs", "3"]) == 130
    captured = capsys.readouterr()
    assert "0 programs in 0 s: 0 joins" in captured.out
    assert captured.err == "error: interrupted\n"
    # Before it waits for the end of the program.
    assert runner.stopped.is_set()


@pytest.mark.parametrize(
    ("number", "status", "words"),
    [
        (signal.SIGINT, 130, "error: interrupted\n"),
        (signal.SIGTERM, 143, ""),
        (signal.SIGHUP, 129, ""),
    ],
)
def test_a_signal_ends_the_program_and_leaves_nothing(tmp_path, number, status, words):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "scratch").mkdir()
    # It writes its process ID, then waits for ever on a pipe.
    pipe = f"{tmp_path}/pipe"
    python = shell_script(tmp_path / "python", f"echo $$ >{pipe}; read x <{pipe}")
    running = subprocess.Popen(
        [sys.executable, layout.ROOT / "scripts" / "soak", "--python", python],
        env={**os.environ, "TMPDIR": str(tmp_path / "scratch")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # If these tests run with the signal ignored, it stays ignored.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    program = int((tmp_path / "pipe").read_text())
    os.kill(running.pid, number)
    assert running.communicate()[1] == words
    assert running.returncode == status
    assert not list((tmp_path / "scratch").iterdir())
    with pytest.raises(ProcessLookupError):
        os.kill(program, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--python", "/nowhere/python"], "no interpreter at /nowhere/python"),
        (["--jobs", "0"], "'0' is not a number from 1 up"),
        (["--minutes", "1", "--programs", "1"], "not allowed with"),
        (["--minutes", "1", "--replay", "1"], "--replay takes --programs"),
        (["--minutes", "0"], "'0' is not a number from 1 up"),
        (["--patience", "0"], "'0' is not a number from 1 up"),
        (["--python", "/"], "no interpreter at /;"),
    ],
)
def test_bad_arguments(arguments, words, capsys):
    try:
        assert cli.run(command.main, arguments) == 1
    except SystemExit as exc:
        assert exc.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_counts_of_all_programs_are_added():
    state = session.Soak(None)
    for _ in range(3):
        state.record(1, Result(0, "counts 2000 2 3 4\n", ""), None)
    assert state.counts == Counter(joins=6000, waited=6, threads=9, forks=12)
    assert "6,000 joins" in state.figures()
