"""Run other programs: their output to a log, no process left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import disk, signals
from .errors import Problem
from .layout import StrPath

#: Seconds that a program that is stopped has to clean up.
GRACE = 10

#: Seconds that an interpreter may take to report its version.
PATIENCE = 60

#: What the C library says for ENOSPC, in the language of environment().
DISK_FULL = b"No space left on device"


class Failed(Problem):
    """A program ended with a status that is not 0, or took too long.

    Attributes:
        log: the file with its output.
    """

    def __init__(self, message: str, log: Path) -> None:
        super().__init__(f"{message}; see {log}")
        self.log = log


class DiskFull(Problem):
    """A program found no space left on the disk."""


def environment(**changes: str) -> dict[str, str]:
    """Return the environment for the programs that are run here.

    Messages are in English, since we search for some of them, and what is meant
    for the Python, git or make that started us is left out: it would reach
    the interpreter that is built.
    """
    ours = ("PYTHON", "GIT_", "MAKE", "MFLAGS")
    env = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    env["LC_ALL"] = "C.UTF-8"
    env.update(changes)
    return env


@contextlib.contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Have *name* be *value* in our environment while the `with` block runs."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def require_python(*paths: StrPath) -> None:
    """Raise Problem unless all of *paths* are Pythons that the commands are for."""
    question = "import json, sys; print(json.dumps(sys.version_info[:3]))"
    for path in paths:
        answer = ask(path, question, timeout=PATIENCE)
        if not isinstance(answer, list) or len(answer) != 3:
            raise _no_interpreter(path, "it is no Python")
        if answer < [3, 9]:
            version = ".".join(map(str, answer))
            raise Problem(f"{path} is Python {version}; name one of 3.9 or later")


def ask(python: StrPath, code: str, timeout: float | None = None) -> Any:
    """Return what *code* prints as JSON on the interpreter *python*.

    Parameters:
        timeout: seconds that it may take; None for no limit.

    Raises Problem when that does not run, or is no Python.
    """
    # What is in the current directory is not to be imported.
    code = f"import sys; sys.path[:] = filter(None, sys.path)\n{code}"
    try:
        done = _finished([python, "-c", code], timeout)
    except OSError as exc:
        raise _no_interpreter(python, exc.strerror) from None
    except subprocess.TimeoutExpired:
        raise _no_interpreter(python, f"no answer within {timeout} s") from None
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise _no_interpreter(python, last[0])
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise _no_interpreter(python, "it is no Python") from None


def said(
    command: Sequence[StrPath], *, timeout: float | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run *command* to its end.

    Parameters:
        timeout: seconds that it may take; None for no limit.
        options: those of subprocess.run() that are to be others.

    Returns the subprocess.CompletedProcess, with what it wrote as text. Raises
    Problem when it cannot be run, or takes too long.
    """
    try:
        return _finished(command, timeout, **options)
    except OSError as exc:
        raise Problem(f"cannot run {command[0]}: {exc.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Problem(f"{command[0]} was stopped after {timeout} s") from None


def _finished(
    command: Sequence[StrPath],
    timeout: float | None,
    input: str | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run *command* as said() does; raise what subprocess.run() would."""
    usual: dict[str, Any] = {"env": environment()}
    usual["stdin"] = subprocess.DEVNULL if input is None else subprocess.PIPE
    usual.update(dict.fromkeys(("stdout", "stderr"), subprocess.PIPE))
    usual.update(encoding="utf-8", errors="replace")
    # What is raised before Popen() has returned would leave it running.
    with signals.held() as let:
        with subprocess.Popen(command, **{**usual, **options}) as process:
            try:
                let()
                output = process.communicate(input, timeout)
            except BaseException:
                process.kill()
                # For Ctrl-C, the `with` block would not wait.
                process.wait()
                raise
    return subprocess.CompletedProcess(process.args, process.returncode, *output)


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line that *done*, of said(), has on stderr."""
    return (done.stderr.strip().splitlines() or ["it said nothing"])[-1]


def _no_interpreter(python: StrPath, why: str | None) -> Problem:
    return Problem(f"{python} does not run ({why}); name an interpreter")


def tail(log: Path, lines: int = 20) -> str:
    """Return the last *lines* lines of the file *log* as one str."""
    text = _end_of(log).decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])


def status(
    argv: Sequence[StrPath], log: Path, *, timeout: float | None = None, **options: Any
) -> int:
    """Run *argv*, its output into the file *log*, and return its exit status.

    Parameters:
        argv: the program and its arguments.
        log: path of a file, overwritten.
        timeout: seconds after which it is stopped; None for no limit.
        options: cwd, env and group, as started() has them.

    Raises Failed when it took too long, and Problem when it does not exist.
    """
    with started(argv, log, **options) as process:
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            name = os.path.basename(argv[0])
            raise Failed(f"{name} was stopped after {timeout} s", log) from None


def bounded(
    argv: Sequence[StrPath], log: StrPath, timeout: float | None, **options: Any
) -> int | None:
    """Run *argv*, with all that it starts, for *timeout* seconds at most.

    What is left of its process group when it ends is killed. Returns the exit
    status, or None when it took too long; parameters as status() has them.
    """
    with started(argv, log, **options) as process:
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def started(
    argv: Sequence[StrPath],
    log: StrPath,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    group: bool = True,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start *argv*, its output into the file *log*, and give its Popen.

    Should the `with` block be left while it runs, it is stopped.

    Parameters:
        cwd, env: as subprocess.Popen has them; None for our own.
        group: whether it is to be in a process group of its own, which is
            stopped as a whole. A program that has to share our terminal
            (sudo, apt) is not, and is waited for instead.
    """
    # What is raised before Popen() has returned would leave the program running.
    with signals.held() as let:
        try:
            with open(log, "wb") as output:
                process = subprocess.Popen(
                    argv,
                    cwd=cwd,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=group,
                )
        except FileNotFoundError as exc:
            raise Problem(f"{exc.filename} is not there; install it") from None
        try:
            let()
            yield process
        finally:
            _stop(process, group)


def check(argv: Sequence[StrPath], log: Path, what: str, **options: Any) -> None:
    """Run *argv* as status() does; a status other than 0 raises.

    Parameters:
        what: the work in two or three words, such as "compile (stock)".

    Raises DiskFull when that is what stopped it, else Failed.
    """
    raise_for(status(argv, log, **options), log, what, options.get("cwd"))


def raise_for(result: int, log: Path, what: str, cwd: Path | None = None) -> None:
    """Raise as check() does when *result*, an exit status, is not 0.

    Parameters:
        cwd: the directory in which it ran, and wrote; None for neither.
    """
    if result:
        raise_if_disk_full(log, cwd)
        # What is full may have had no room for the message that says so.
        points = disk.full(_written(log, cwd))
        if points:
            raise _disk_full(points, log)
        raise Failed(f"{what} failed with status {result}", log)


def raise_if_disk_full(log: Path, cwd: Path | None = None) -> None:
    """Raise DiskFull when the program that wrote *log* ran out of disk.

    Parameters:
        cwd: as raise_for() has it.
    """
    if DISK_FULL in _end_of(log):
        raise _disk_full(disk.full(_written(log, cwd)), log)


def _written(log: Path, cwd: Path | None) -> list[StrPath]:
    """Return the places into which a program may have written."""
    return [log, cwd or log, tempfile.gettempdir()]


def _disk_full(points: Sequence[Path], log: Path) -> DiskFull:
    return DiskFull(f"{disk.no_room(points)} (log: {log})")


def _end_of(log: Path, size: int = 65536) -> bytes:
    with open(log, "rb") as stream:
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - size))
        return stream.read()


def _stop(process: subprocess.Popen[bytes], group: bool) -> None:
    """End *process*, and its group when it has one, if it still runs."""
    if process.poll() is not None:
        return
    if not group:
        # The terminal's Ctrl-C has reached it, too. A program that installs
        # packages must not be interrupted further.
        process.wait()
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        # The processes of the group that ignored the signal.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
