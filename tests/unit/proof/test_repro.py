"""The two reproducers: on stand-ins for threading, and on real interpreters."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import repro_join_race as repro

SCRIPT = Path(repro.__file__)

# The parts of a Thread that are the same in all the stand-ins.
THREAD = """\
import _thread

class Thread:
    def __init__(self, target):
        self._target = target
        self._tstate_lock = _thread.allocate_lock()
        self._tstate_lock.acquire()
        self._mutex = _thread.allocate_lock()
        self._handle = object()

    def start(self):
        _thread.start_new_thread(self._run, ())

    def _run(self):
        self._target()
        self._tstate_lock.release()

"""

# As in 3.9.2, without the later except branch.
ASSERTS = """\
    def join(self):
        self._wait_for_tstate_lock()

    def _wait_for_tstate_lock(self, block=True, timeout=-1):
        lock = self._tstate_lock
        if lock is None:
            return
        elif lock.acquire(block, timeout):
            lock.release()
            self._stop()

    def _stop(self):
        lock = self._tstate_lock
        if lock is not None:
            assert not lock.locked()
"""

# The lines are there, and each joiner waits for the other one to pass them.
SERIALISED_ASSERTS = ASSERTS.replace(
    "self._wait_for_tstate_lock()",
    "with self._mutex:\n            self._wait_for_tstate_lock()",
)

# The lines are there, and the assertion always holds.
HARMLESS_ASSERTS = ASSERTS.replace("not lock.locked()", "lock.locked() in (0, 1)")

# The lines are there, for threads of another kind.
ASSERTS_OF_OTHERS = ASSERTS.replace(
    "        if lock is None:",
    """\
        if self._handle is not None:
            lock.acquire()
            lock.release()
            return
        if lock is None:""",
).replace("elif lock.acquire(block", "if lock.acquire(block")

# Another race, in code that the script does not know: the second joiner to pass
# the check finds nothing to close.
CHECKS_THEN_ACTS = """\
    def join(self):
        self._tstate_lock.acquire()
        self._tstate_lock.release()
        if self._handle is not None:
            self._close()

    def _close(self):
        handle, self._handle = self._handle, None
        if handle is None:
            raise RuntimeError("{closed} twice")
"""

SERIALISED = """\
    def join(self):
        self._tstate_lock.acquire()
        self._tstate_lock.release()
        with self._mutex:
            if self._handle is not None:
                self._handle = None
"""

NEVER_RETURNS = """\
    def join(self):
        self._tstate_lock.acquire()
        self._tstate_lock.acquire()
"""

ALWAYS_RAISES = """\
    def join(self):
        self._tstate_lock.acquire()
        self._tstate_lock.release()
        raise ValueError("always")
"""


@pytest.fixture
def stand_in(tmp_path):
    """Return a function that makes a module with a Thread of the given methods."""

    def make(methods):
        path = tmp_path / "standin.py"
        path.write_text(THREAD + methods)
        spec = importlib.util.spec_from_file_location("standin", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        repro.linecache.checkcache(str(path))
        return module

    return make


def force_known(module, patience=5.0):
    places = repro.known_places(module)
    return repro.force_known(module, places, patience=patience)


def line_of(text, methods):
    return (THREAD + methods).split(text)[0].count("\n") + 1


def test_the_lines_are_found_by_what_they_do(stand_in):
    wait, check, release = repro.known_places(stand_in(ASSERTS))
    assert wait == line_of("elif lock.acquire", ASSERTS)
    assert check == (True, "line", "_stop", line_of("assert not", ASSERTS))
    assert release == (
        True,
        "line",
        "_wait_for_tstate_lock",
        line_of("    lock.release()\n            self._stop", ASSERTS),
    )


@pytest.mark.parametrize(
    "methods",
    [
        CHECKS_THEN_ACTS,
        ASSERTS.replace("assert not lock.locked()", "lock.locked()"),
        ASSERTS.replace("            lock.release()\n", ""),
    ],
    ids=["other code", "no assertion", "no release after an acquiring"],
)
def test_other_code_has_no_known_lines(stand_in, methods):
    assert repro.known_places(stand_in(methods)) is None


@pytest.mark.parametrize(
    ("methods", "explore", "verdict", "known"),
    [
        (ASSERTS, False, repro.RACE, True),
        (ASSERTS, True, repro.RACE, False),
        (ASSERTS_OF_OTHERS, False, repro.NO_RACE, False),
        (SERIALISED, False, repro.NO_RACE, False),
    ],
    ids=["lines", "lines, all wanted", "lines of others", "other code"],
)
def test_the_interleaving_that_is_forced(
    stand_in, monkeypatch, methods, explore, verdict, known
):
    module = stand_in(methods)
    assert (repro.known_places(module) is None) == (methods is SERIALISED)
    forced = []
    for name in "force_known", "force_all":
        original = getattr(repro, name)

        def force(*args, name=name, original=original, **kwargs):
            kwargs.pop("each", None)
            forced.append(name)
            return original(*args, **kwargs, patience=0.2)

        monkeypatch.setattr(repro, name, force)
    force = repro.choose(explore, module, patience=0.2)
    assert force()[0] == verdict
    assert forced == ["force_known" if known else "force_all"]


#: As in later releases, with a handler that releases the lock, whoever holds it.
HANDLES = ASSERTS.replace(
    """\
        elif lock.acquire(block, timeout):
            lock.release()
            self._stop()
""",
    """\
        try:
            if lock.acquire(block, timeout):
                lock.release()
                self._stop()
        except:
            if lock.locked():
                lock.release()
            raise
""",
)


def rows_of(report):
    """Return the rows of *report*, (column, text, state of the lock) each."""
    start = next(i for i, line in enumerate(report) if line.startswith("---")) + 1
    found = []
    for line in report[start : report.index("", start)]:
        b, c, lock = (line[:31], line[33:64], line[66:])
        found.append(("C" if c.strip() else "B", (b + c).strip(), lock))
    return found


def test_the_report_says_who_holds_the_lock(stand_in):
    verdict, report = force_known(stand_in(HANDLES))
    assert verdict == repro.RACE
    rows = rows_of(report)
    assert sorted(rows[:2]) == [
        ("B", "waits in join()", "held by A"),
        ("C", "waits in join()", "held by A"),
    ]
    acquire = f"{line_of('if lock.acquire', HANDLES)} if lock.acquire(block, timeout):"
    acquire = acquire[: repro.NARROW - 3] + "..."
    release = line_of("    lock.release()\n                self._stop", HANDLES)
    check = f"{line_of('assert not', HANDLES)} assert not lock.locked()"
    assert rows[2:] == [
        ("B", "A ends, and releases its lock", "free"),
        ("B", acquire, "held by B"),
        ("B", f"{release} lock.release()", "free"),
        ("C", acquire, "held by C"),
        ("B", f"{release + 1} self._stop()", "held by C"),
        ("B", check, "held by C"),
        ("B", "AssertionError", "held by C"),
        ("B", f"{release + 2} except:", "held by C"),
        ("B", f"{release + 3} if lock.locked():", "held by C"),
        ("B", f"{release + 4} lock.release()", "free, was C's"),
        ("B", f"{release + 5} raise", "free"),
        ("B", "join() raises AssertionError", "free"),
        ("C", f"{release} lock.release()", "free"),
        ("C", "RuntimeError", "free"),
        ("C", f"{release + 2} except:", "free"),
        ("C", f"{release + 3} if lock.locked():", "free"),
        ("C", f"{release + 5} raise", "free"),
        ("C", "join() raises RuntimeError", "free"),
    ]
    # It fits in a terminal.
    assert max(map(len, report)) < 80


def test_a_lock_that_no_other_thread_releases_stays_held(stand_in):
    verdict, report = force_known(stand_in(ASSERTS))
    assert verdict == repro.RACE
    release = line_of("    lock.release()", ASSERTS)
    assert rows_of(report)[-6:] == [
        ("B", "AssertionError", "held by C"),
        ("B", "join() raises AssertionError", "held by C"),
        ("C", f"{release} lock.release()", "free"),
        ("C", f"{release + 1} self._stop()", "free"),
        ("C", f"{line_of('assert not', ASSERTS)} assert not lock.locked()", "free"),
        ("C", "join() returns", "free"),
    ]


def test_the_report_says_what_the_program_sees(stand_in):
    _, report = force_known(stand_in(HANDLES))
    assert report[-5:] == [
        "What the program sees:",
        "    A.join() in B raises AssertionError",
        "    A.join() in C raises RuntimeError: release unlocked lock",
        "",
        "Verdict: race (AssertionError in B, RuntimeError in C).",
    ]


def test_the_known_interleaving_without_harm_is_no_race(stand_in):
    verdict, report = force_known(stand_in(HARMLESS_ASSERTS))
    assert verdict == repro.NO_RACE
    assert report[-1] == "Verdict: no race, both joins returned."


def test_lines_that_cannot_be_passed_together_give_no_verdict(stand_in):
    with pytest.raises(repro.Unknown, match="did not pass the lines"):
        force_known(stand_in(SERIALISED_ASSERTS), patience=0.05)


@pytest.mark.parametrize(
    ("methods", "raised"),
    [(ASSERTS, "AssertionError in B"), (CHECKS_THEN_ACTS, "RuntimeError in [BC]")],
    ids=["the known race", "another race"],
)
def test_exploring_finds_a_race(stand_in, methods, raised):
    verdict, report = repro.force_all(stand_in(methods), patience=0.05)
    assert verdict == repro.RACE
    assert re.fullmatch(rf"Verdict: race \({raised}\)\.", report[-1])


def test_a_report_shows_braces_as_they_are(stand_in):
    _, report = repro.force_all(stand_in(CHECKS_THEN_ACTS), patience=0.05)
    assert re.search(
        "A.join.. in [BC] raises RuntimeError: {closed} twice", "\n".join(report)
    )


class Puppet:
    """A joiner whose go() ends the joiners *ending*."""

    def __init__(self, name, events, ending):
        self.name = name
        self.place = repro.Place(True, "line", "join", 1)
        self.passed = [self.place]
        self.done = False
        self.shown = False
        self.raised = None
        self.error = None
        self._events = events
        self._ending = ending

    def go(self):
        self.place = None
        for joiner in self._ending:
            self._events.put((joiner, None))


def test_a_joiner_that_ends_late_is_told_of(stand_in):
    scene = repro.Scene(stand_in(SERIALISED), "standin.py", None, limit=20.0)
    scene.finish_a()
    ending = []
    b = Puppet("B", scene._events, [])
    c = Puppet("C", scene._events, ending)
    ending += [b, c]
    b.error = RuntimeError("late")
    scene.end([b, c], 0)
    ends = [(row.joiner.name, row.text) for row in scene.rows[-2:]]
    assert sorted(ends) == [
        ("B", "join() raises RuntimeError"),
        ("C", "join() returns"),
    ]


def test_exploring_sound_code_finds_no_race(stand_in):
    kicks = []
    verdict, report = repro.force_all(
        stand_in(SERIALISED), patience=0.05, each=lambda: kicks.append(1)
    )
    assert verdict == repro.NO_RACE
    places, tried = map(int, re.findall(r"\d+", report[0]))
    # The five lines and the return.
    assert places >= 6
    assert len(kicks) == tried > places
    assert report[-1] == (
        f"Verdict: no race, every join() of {tried} interleavings returned."
    )
    assert int(re.search(r"in (\d+) of them both", report[1]).group(1)) > places


def test_a_join_that_does_not_return_is_no_verdict(stand_in):
    with pytest.raises(repro.Stuck, match="did not return; last: A ends"):
        repro.force_all(stand_in(NEVER_RETURNS), limit=0.1, patience=0.05)


def test_a_join_that_raises_on_its_own_is_no_race(stand_in):
    with pytest.raises(repro.Unknown, match="a single join.. raised ValueError"):
        repro.force_all(stand_in(ALWAYS_RAISES), patience=0.05)


def run(python, *arguments, code=None, flags=()):
    program = ["-c", code] if code is not None else [str(SCRIPT)]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parent)}
    environment.pop("PYTHONOPTIMIZE", None)
    return subprocess.run(
        [python, *flags, *program, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )


def find_python(version):
    """Return the path of a Python *version* ("3.10"); skip where none is."""
    if version == "{}.{}".format(*sys.version_info):
        return sys.executable
    versions = Path.home() / ".pyenv" / "versions"
    installed = [shutil.which(f"python{version}")]
    installed += sorted(map(str, versions.glob(f"{version}.*/bin/python")))
    for python in filter(None, installed):
        # pyenv has a shim for a version that is installed and not active, too.
        if run(python, code="").returncode == 0:
            return python
    pytest.skip(f"no Python {version} here")


STOCK_WITH_RACE = ["3.9", "3.10", "3.11", "3.12"]


@pytest.mark.parametrize("version", STOCK_WITH_RACE)
def test_stock_has_the_race_every_time(version):
    result = run(find_python(version), "--times", "20")
    assert result.stderr == ""
    assert "Verdict: race (AssertionError in B" in result.stdout
    assert result.stdout.endswith("20 of 20 times: race\n")
    assert result.returncode == repro.RACE


@pytest.mark.parametrize("version", ["3.13"])
def test_a_version_with_other_code_has_no_race(version):
    result = run(find_python(version))
    assert result.stderr == ""
    assert "Verdict: no race" in result.stdout
    assert result.returncode == repro.NO_RACE


def test_interpreters_as_arguments():
    racy, sound, old = map(find_python, ("3.11", "3.13", "3.6"))
    result = run(sys.executable, sound, racy)
    assert result.stderr == ""
    assert re.fullmatch(
        rf"{re.escape(sound)} \(3\.13\.\d+\): no race, every join\(\) .* returned\n"
        rf"{re.escape(racy)} \(3\.11\.\d+\): race \(AssertionError in B, "
        r"RuntimeError in C\)\n",
        result.stdout,
    )
    assert result.returncode == repro.RACE
    assert run(sys.executable, sound).returncode == repro.NO_RACE
    result = run(sys.executable, "--times", "3", old, racy)
    assert result.stdout.endswith("; 3 of 3 times: race\n")
    assert re.fullmatch(
        rf"error: verdict unknown: {re.escape(old)}: this needs Python 3\.9 or later, "
        r"and is run by 3\.6\.\d+\n",
        result.stderr,
    )
    assert result.returncode == repro.UNKNOWN


@pytest.mark.parametrize("program", ["/bin/true", "/bin/cat", "/none"])
def test_an_argument_that_is_no_interpreter(program):
    result = run(sys.executable, program)
    assert (result.returncode, result.stdout) == (repro.UNKNOWN, "")
    assert result.stderr.startswith(f"error: verdict unknown: {program}")
    assert result.stderr.count("\n") == 1


def test_interpreters_need_a_file_to_run(tmp_path):
    result = subprocess.run(
        [sys.executable, "-", sys.executable],
        check=False,
        capture_output=True,
        text=True,
        input=SCRIPT.read_text(),
    )
    assert (result.returncode, result.stdout) == (repro.UNKNOWN, "")
    assert "only if this is run from a file" in result.stderr


@pytest.mark.parametrize(
    "line, coloured",
    [
        ("Verdict: race (x).", "Verdict: \033[1;31mrace\033[0m (x)."),
        ("p (3): no race, y", "p (3): \033[32mno race\033[0m, y"),
        ("1 a()   free, was C's", "1 a()   \033[1;31mfree, was C's\033[0m"),
        ("1139 if lock.acquire(", "1139 if lock.acquire("),
    ],
)
def test_the_verdict_is_in_colour_on_a_terminal(line, coloured, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert repro.colour(line) == line
    monkeypatch.setattr(repro.sys.stdout, "isatty", lambda: True, raising=False)
    assert repro.colour(line) == coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert repro.colour(line) == line
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert repro.colour(line) == line


def test_without_assertions_there_is_no_verdict():
    result = run(sys.executable, flags=["-O"])
    assert result.returncode == repro.UNKNOWN
    assert result.stderr == (
        "error: verdict unknown: without assertions the race goes unnoticed; "
        "run without -O\n"
    )


def test_times_has_to_be_positive():
    result = run(sys.executable, "--times", "0")
    assert result.returncode == repro.UNKNOWN
    assert "--times must be at least 1" in result.stderr


def test_an_unrelated_exception_is_not_reported_as_a_race(monkeypatch, capsys):
    monkeypatch.setattr(repro, "run", lambda options: 1 // 0)
    assert repro.main([]) == repro.UNKNOWN
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_hang_ends_the_process_and_shows_its_threads():
    code = """\
import repro_join_race as repro, threading
def hang():
    threading.Thread(target=threading.Event().wait).start()
    raise repro.Stuck("a made-up hang")
repro.choose = lambda explore: hang
repro.main([])
"""
    result = run(sys.executable, code=code)
    assert result.returncode == repro.UNKNOWN
    assert "error: verdict unknown: a made-up hang\n" in result.stderr
    assert "most recent call first" in result.stderr


def test_the_watchdog_kills_with_a_status_of_its_own():
    code = """\
import repro_join_race as repro, signal
repro.watchdog()
print(signal.alarm(0) > 50, flush=True)
signal.raise_signal(signal.SIGALRM)
"""
    result = run(sys.executable, code=code)
    assert result.stdout == "True\n"
    assert result.returncode == -signal.SIGALRM
    assert "most recent call first" in result.stderr


SLEEPS = SCRIPT.with_name("repro_join_race_sleeps")


def run_sleeps(version):
    return subprocess.run(
        [find_python(version), SLEEPS, "--rounds", "1"],
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("version", STOCK_WITH_RACE)
def test_the_sleeps_show_the_race(version):
    done = run_sleeps(version)
    assert (done.returncode, done.stderr) == (repro.RACE, "")
    assert re.fullmatch(
        rf"Python {version}\.\S+: join\(\) failed in 1 of 1 rounds, 1 AssertionError"
        r"(, 1 RuntimeError)?\n",
        done.stdout,
    )


def test_code_without_a_place_for_the_sleeps_is_refused():
    done = run_sleeps("3.13")
    assert (done.returncode, done.stdout) == (repro.UNKNOWN, "")
    assert done.stderr.startswith("error: the sleeps have no place in the threading.py")
