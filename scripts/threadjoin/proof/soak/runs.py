"""Run one program of a soak in a process of its own, watch it, and judge it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from ...core import disk, process
from ...core.errors import Problem
from ...core.layout import StrPath
from . import libraries
from .programs import Expectation

#: What a program counts, in the order of its lines.
COUNTED = ("joins", "waited", "threads", "forks")

#: The id, the state and the processor time of a thread.
Thread = tuple[str, str, tuple[str, ...]]

#: Seconds between two checks of a program that runs.
INTERVAL = 0.05

#: Seconds between two checks whether a program hangs.
CLOSER = 2

#: Seconds without any work of a thread after which a program counts as hanging.
IDLE = 10

#: Seconds that a debugger may take to show the stacks.
DEBUGGER = 60

#: Characters of a stream that are shown at most.
SHOWN = 20_000

#: The lines on stderr that report an exception.
_REPORT = re.compile(
    r"(?:Exception ignored [^\n]*\n)?"
    r"Traceback \(most recent call last\):\n"
    r"(?:  [^\n]*\n)+"
    r"(?:soakops\.run\.)?((?:Expected: [^\n]+|KeyboardInterrupt))\n"
)


@dataclass(frozen=True)
class Result:
    """The exit status of a program, and its output."""

    status: int  # negative: the number of the signal that ended it
    out: str
    err: str
    hung: bool = False
    stacks: str = ""  # of all threads, if it hung


@dataclass(frozen=True)
class Verdict:
    """The fault of a Result."""

    kind: str  # "hang", "crash", "status", "output" or "errors"
    words: str  # for people


def judge(result: Result, expectation: Expectation) -> Verdict | None:
    """Return the Verdict on *result*, None if it is the expected one.

    Parameters:
        expectation: the program's programs.Expectation.
    """
    if result.hung:
        return Verdict("hang", "it hangs")
    if result.status < 0 and result.status != expectation.status:
        name = signal.Signals(-result.status).name
        return Verdict("crash", f"ended by {name}")
    reports = Counter(_REPORT.findall(result.err))
    rest = _REPORT.sub("", result.err)
    if rest or reports != expectation.reports:
        lines = rest.strip().splitlines()
        words = lines[-1] if lines else _difference(reports, expectation.reports)
        return Verdict("errors", f"on stderr: {words}")
    if result.status != expectation.status:
        words = f"exit status {result.status}, and not {expectation.status}"
        return Verdict("status", words)
    said = Counter(line for line in result.out.splitlines() if not _counts(line))
    for line in expectation.maybe:
        said.pop(line, None)
    if said != expectation.lines:
        return Verdict("output", _difference(said, expectation.lines))
    return None


def _difference(found: Counter[str], wanted: Counter[str]) -> str:
    parts = {"missing": wanted - found, "unexpected": found - wanted}
    return "; ".join(
        f"{what}: {', '.join(map(repr, sorted(lines.elements())))}"
        for what, lines in parts.items()
        if lines
    )


def _counts(line: str) -> bool:
    return line.startswith("counts ")


def counted(result: Result) -> Counter[str]:
    """Return a Counter of the counts that the program's processes have printed."""
    counts: Counter[str] = Counter()
    for line in filter(_counts, result.out.splitlines()):
        # A process that was killed may have printed a part of its line.
        numbers = line.split()[1:]
        if len(numbers) == len(COUNTED):
            counts.update(dict(zip(COUNTED, map(int, numbers))))
    return counts


class Runner:
    """Runs programs with one interpreter.

    Parameters:
        python: path of the interpreter.
        patience: seconds that a program may take.
        stopped: a threading.Event; once it is set, programs are ended.
        perturbing: path of libraries.library(), None to do without.
        helper: path of libraries.helper(), None to do without.
    """

    def __init__(
        self,
        python: StrPath,
        patience: float,
        stopped: threading.Event,
        perturbing: Path | None = None,
        helper: Path | None = None,
    ) -> None:
        self.python = os.path.abspath(python)
        self.patience = patience
        self.stopped = stopped
        self._perturbing = perturbing
        self._helper = helper

    def _environment(self, seed: int) -> dict[str, str]:
        more = {}
        if self._perturbing is not None:
            more = libraries.environment(self._perturbing, seed)
        if self._helper is not None:
            more["SOAK_HELPER"] = str(self._helper)
        return process.environment(
            PYTHONPATH=str(libraries.HOME),
            PYTHONDONTWRITEBYTECODE="1",
            PYTHONNOUSERSITE="1",
            # 3.12 warns of a fork when there are other threads.
            PYTHONWARNINGS="ignore:This process:DeprecationWarning",
            **more,
        )

    def run(self, text: str, seed: int) -> Result | None:
        """Run *text*, the source of a program, and return the Result; None if
        it was ended because this is to stop.

        Parameters:
            seed: of the program, which also says how it is perturbed.

        Raises Problem when the interpreter cannot be run.
        """
        with tempfile.TemporaryDirectory(prefix="soak-") as name:
            place = Path(name)
            with disk.writing(place):
                (place / "program.py").write_text(text)
            # Files, not pipes: children that are left would keep those open.
            with open(place / "out", "ab") as out, open(place / "err", "ab") as err:
                running = self._started(place, out, err, seed)
            try:
                stacks = self._watch(running)
            finally:
                _kill(running.pid)
                running.wait()
            if stacks is None and self.stopped.is_set():
                return None
            said = {
                stream: (place / stream).read_bytes().decode(errors="replace")
                for stream in ("out", "err")
            }
        hung = stacks is not None
        return Result(running.returncode, **said, hung=hung, stacks=stacks or "")

    def _started(
        self, place: Path, out: IO[bytes], err: IO[bytes], seed: int
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [self.python, place / "program.py"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=place,
                env=self._environment(seed),
                # Its children are in this group, too, and are killed with it.
                start_new_session=True,
            )
        except OSError as exc:
            raise Problem(
                f"{self.python} cannot be run ({exc.strerror}); name an interpreter"
            ) from None

    def _watch(self, running: subprocess.Popen[bytes]) -> str | None:
        """Wait for the end of *running*; return the stacks when it hangs."""
        begun = time.monotonic()
        idle = _Idle(running.pid)
        closer = begun + CLOSER
        while not self.stopped.is_set():
            try:
                running.wait(INTERVAL)
                return None
            except subprocess.TimeoutExpired:
                pass
            now = time.monotonic()
            if now > closer:
                closer = now + CLOSER
                if idle.seconds(now) > IDLE or now - begun > self.patience:
                    return stacks(running.pid)
        return None


class _Idle:
    """The time for which the processes of a group have done nothing at all.

    A machine with much to do makes programs slow, not idle: a thread that waits
    for a processor is not taken for one that waits for ever.
    """

    def __init__(self, group: int) -> None:
        self._group = group
        self._seen: list[Thread] | None = None
        self._since = 0.0

    def seconds(self, now: float) -> float:
        threads = _threads(self._group)
        busy = any(state in "RD" for _, state, _ in threads)
        if busy or threads != self._seen or not threads:
            self._seen, self._since = threads, now
        return now - self._since


def members(group: int) -> list[int]:
    """Return the ids of the processes in the group *group* that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = _stat(path)
        if fields and int(fields[2]) == group and fields[0] not in "ZX":
            found.append(int(path.parent.name))
    return sorted(found)


def _stat(path: Path) -> list[str] | None:
    """Return the fields of a stat file after the name, None if it is gone."""
    try:
        # The name may be anything, and may have been cut within a character.
        return path.read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _threads(group: int) -> list[Thread]:
    """Return each Thread of *group*."""
    threads = []
    for pid in members(group):
        for path in Path(f"/proc/{pid}/task").glob("*/stat"):
            fields = _stat(path)
            if fields:
                threads.append((path.parent.name, fields[0], tuple(fields[11:13])))
    return threads


def stacks(group: int) -> str:
    """Return the stacks of all threads in the process group *group*, as text.

    Those in C come from gdb, where it is installed. The programs themselves
    write those in Python to stderr.
    """
    parts = []
    for pid in members(group):
        parts.append(f"process {pid}:")
        if shutil.which("gdb"):
            parts.append(_debugged(pid))
    for pid in members(group):
        # Not before: the signal ends a process that no longer has a handler.
        try:
            os.kill(pid, signal.SIGUSR1)
        except ProcessLookupError:
            continue
        time.sleep(CLOSER / 4)
    return "\n".join(parts)


def _debugged(pid: int) -> str:
    try:
        done = process.said(
            ["gdb", "-nx", "-batch", "-p", str(pid), "-ex", "thread apply all bt"],
            timeout=DEBUGGER,
        )
    except Problem as exc:
        return str(exc)
    begins = ("#", "Thread ", " ")
    kept = [line for line in done.stdout.splitlines() if line.startswith(begins)]
    return "\n".join(kept)


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def shown(result: Result) -> Result:
    """Return *result* with the ends of its streams alone."""
    return replace(result, out=result.out[-SHOWN:], err=result.err[-SHOWN:])
