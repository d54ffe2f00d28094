"""Tell whether a full or read-only file system explains an error."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .layout import BUILD, StrPath

FULL = (errno.ENOSPC, errno.EDQUOT)

#: Errors whose cause is the machine, and not the program.
REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)

#: With less free space than these bytes, a file system counts as full.
LITTLE = 1 << 20


def mount_point(path: StrPath) -> Path:
    """Return the Path at which the file system is that *path* is in, or would be."""
    place = Path(os.path.realpath(path))
    while not os.path.ismount(place):
        place = place.parent
    return place


def full(paths: Iterable[StrPath]) -> list[Path]:
    """Return the mount points of those of *paths* that have no room."""
    points = dict.fromkeys(map(mount_point, paths))
    return [point for point in points if _is_full(point)]


def _is_full(point: Path) -> bool:
    about = os.statvfs(point)
    if about.f_flag & os.ST_RDONLY:
        # Read-only file systems, such as squashfs, never have any free space.
        return False
    blocks = about.f_bfree if os.geteuid() == 0 else about.f_bavail
    # Some file systems count neither; those that count files may run out of them.
    room = blocks * about.f_frsize >= LITTLE or not about.f_blocks
    return not room or (about.f_files > 0 and about.f_favail == 0)


@contextlib.contextmanager
def writing(path: StrPath) -> Iterator[None]:
    """Let an error for lack of room within the `with` block name *path*.

    The system names no file where a write fails, as it does where an open does.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in FULL and exc.filename is None:
            exc.filename = os.fspath(path)
        raise


def explain(exc: OSError) -> str | None:
    """Return words for *exc*, an OSError, that say what to do; else None.

    It has words if a file system is full, or cannot be written.
    """
    # Of two names, the second is the target.
    name = exc.filename2 or exc.filename
    if exc.errno in FULL:
        points = [mount_point(name)] if name is not None else full(_usual())
        return no_room(points)
    if exc.errno in REFUSED and name is not None:
        return f"{name}: {exc.strerror}"
    if exc.errno == errno.ENOENT and "No usable temporary" in str(exc.strerror):
        return "no directory for temporary files can be written; set TMPDIR to one"
    return None


def no_room(points: Sequence[Path]) -> str:
    """Return words for the lack of room in the file systems at *points*."""
    if not points:
        return "the disk is full; make room, then run again"
    where = " and ".join(map(str, points))
    return f"the file system at {where} is full; make room there, then run again"


def _usual() -> list[Path]:
    # Where the commands of this project write.
    places = [BUILD, Path.cwd()]
    with contextlib.suppress(FileNotFoundError):
        places.append(Path(tempfile.gettempdir()))
    return places
