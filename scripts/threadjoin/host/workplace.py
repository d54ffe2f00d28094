"""Hold a directory below build/, for one run at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..core import files, process
from ..core.errors import Problem
from ..core.layout import BUILD


def require_ascii(place: Path = BUILD) -> None:
    """Raise Problem unless CPython can be built in the directory *place*.

    An interpreter that cannot decode names of files yet takes part in the build.
    """
    if not str(place).isascii():
        raise Problem(
            f"CPython cannot be built where the path is not ASCII, as in {place}; "
            "move the project"
        )


@contextlib.contextmanager
def held(place: Path) -> Iterator[None]:
    """Hold the directory *place* while the `with` block runs.

    Raises Problem when another run holds it, or when it cannot be made.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = open(place / ".lock", "a+")
    except PermissionError as exc:
        raise Problem(
            f"{exc.filename} cannot be written; run from a copy of the project "
            "that you own"
        ) from None
    with lock:
        _take(lock, place)
        yield


@contextlib.contextmanager
def occupied(place: Path = BUILD) -> Iterator[None]:
    """Hold the directory *place*, as held() does, to build CPython in it.

    Temporary files, ours and those of the programs we run, go below it too.
    Raises Problem when CPython cannot be built there, and as held() does.
    """
    require_ascii(place)
    with held(place):
        scratch = place / "tmp"
        files.remove(scratch)
        scratch.mkdir()
        tempfile.tempdir = str(scratch)
        try:
            with process.variable("TMPDIR", str(scratch)):
                yield
        finally:
            tempfile.tempdir = None
            files.remove(scratch)


def _take(lock: IO[str], place: Path) -> None:
    """Lock the open file *lock* and write our process id into it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        raise Problem(
            f"another run works in {place} (process {holder}); wait for it to end"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
