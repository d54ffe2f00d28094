"""Copy CPython's source to work in: the given one is never changed.

A new copy is made beside the old one, and only the files that differ are moved over, so
that make compiles again what has changed and nothing else.
"""

from __future__ import annotations

import fnmatch
import json
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core import disk, files, git
from ..core.errors import Problem
from ..core.layout import BUILD

#: The files that a build inside the source tree leaves there. make, which also searches
#: the source tree, would take such an object file for its own.
LEFTOVERS = (
    "*.o",
    "*.a",
    "*.so",
    "*.pyc",
    "*.gcda",
    "*.gcno",
    "Makefile",
    "Makefile.pre",
    "config.log",
    "config.status",
    "pybuilddir.txt",
    "pyconfig.h",
    "_bootstrap_python",
    "Modules/Setup.bootstrap",
    "Modules/Setup.local",
    "Modules/Setup.stdlib",
    "Modules/config.c",
    "Modules/ld_so_aix",
    "Programs/_freeze_module",
    "Python/deepfreeze/*.c",
    "Python/frozen_modules/*.h",
)

#: Directories that are no part of the source, wherever they are.
NOT_SOURCE = ("__pycache__", ".git", ".hg")


def unpack(tarball: Path, place: Path) -> None:
    """Unpack the source *tarball* to the directory *place*, a new one.

    The one directory that such a tarball has at its top becomes *place*.
    Raises Problem when it is no tarball, is damaged, or has no such directory.
    """
    raw = place.with_name(f"{place.name}.raw")
    files.remove(raw)
    try:
        with tarfile.open(tarball) as archive, disk.writing(raw):
            _extract(archive, raw, tarball)
        tops = list(raw.iterdir())
        if len(tops) != 1 or not tops[0].is_dir():
            raise Problem(f"{tarball} does not have all its files in one directory")
        tops[0].rename(place)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as exc:
        why = str(exc).partition("\n")[0].rstrip(":")
        raise Problem(f"{tarball} is no tarball, or a damaged one: {why}") from None
    except OSError as exc:
        # gzip and bz2 have plain OSErrors, without a number, for damage.
        if exc.errno is not None:
            raise
        raise Problem(f"{tarball} is a damaged tarball: {exc}") from None
    finally:
        files.remove(raw)


def _extract(archive: tarfile.TarFile, place: Path, tarball: Path) -> None:
    if hasattr(tarfile, "data_filter"):
        archive.extractall(place, filter="data")
        return
    for member in archive:
        parts = Path(member.name).parts
        if (
            member.name.startswith("/")
            or ".." in parts
            or not (member.isfile() or member.isdir())
        ):
            raise Problem(f"{tarball} has a member that is unsafe: {member.name}")
        archive.extract(member, place)


def copy(source: Path, place: Path) -> None:
    """Copy the source tree *source* to the directory *place*, a new one.

    Of a git checkout the tracked files are taken, as they are on disk; of any
    other tree all but what a build leaves behind. Symlinks stay symlinks.
    """
    place.mkdir(parents=True)
    for name in _tracked(source) if (source / ".git").exists() else _all(source):
        if os.path.lexists(source / name):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, place / name, follow_symlinks=False)


def _tracked(source: Path) -> list[str]:
    """Return the names of the files of the git checkout *source*."""
    # Another user's checkout may be read: nothing in it is run.
    safe = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false")
    done = git.attempt(source, *safe, "ls-files", "-z")
    if done.returncode:
        complaint = done.stderr.decode(errors="replace").strip()
        raise Problem(f"git cannot list the files of {source}: {complaint}")
    names = {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}
    # A submodule is listed as one name, which is a directory.
    return sorted(name for name in names if not files.is_directory(source / name))


def _all(source: Path) -> Iterator[str]:
    """Yield the names of the files of *source*, but for a build's leftovers."""
    for name in _walk(source, BUILD):
        # The pattern "*.o" means anywhere, one without * its very place.
        leftover = any(fnmatch.fnmatchcase(name, pattern) for pattern in LEFTOVERS)
        if not leftover and not name.startswith("build" + os.sep):
            yield name


def _walk(top: Path, skipped: Path | None = None) -> Iterator[str]:
    """Yield the names, relative to *top*, of the files and symlinks in it."""
    for directory, subdirectories, plain in os.walk(top):
        here = Path(directory)
        links = [name for name in subdirectories if (here / name).is_symlink()]
        subdirectories[:] = [
            name
            for name in subdirectories
            if name not in NOT_SOURCE and name not in links and here / name != skipped
        ]
        for name in plain + links:
            if _is_plain(here / name):
                yield str((here / name).relative_to(top))


def _is_plain(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


def settle(fresh: Path, place: Path, digest: str) -> None:
    """Make *place* equal to the tree *fresh*, which is then gone.

    Files that are equal already keep their time of modification; the others
    get the present one, even where their contents are old, so that make sees
    them as changed. Writes the tree's stamp.

    Parameters:
        fresh, place: directories in one file system.
        digest: a str that says what the tree is made of.
    """
    stamp = _stamp(place)
    names = set(_walk(fresh))
    if place.exists():
        known = _read(stamp).get("files", {})
        stamp.unlink(missing_ok=True)
        for name in set(known) - names:
            (place / name).unlink(missing_ok=True)
        for name in names:
            if not _same(fresh / name, place / name):
                _bring(fresh / name, place / name)
        files.remove(fresh)
    else:
        fresh.rename(place)
    states = {name: _state(place / name) for name in names}
    with disk.writing(stamp):
        stamp.write_text(json.dumps({"digest": digest, "files": states}))


def is_settled(place: Path, digest: str) -> bool:
    """Whether settle() made *place* with *digest* and no file of it has
    changed since, by size and time of modification.
    """
    stamp = _read(_stamp(place))
    return stamp.get("digest") == digest and all(
        _state(place / name) == state for name, state in stamp["files"].items()
    )


def _stamp(place: Path) -> Path:
    return place.with_name(f"{place.name}.json")


def _read(stamp: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(stamp.read_text())
        return found
    except (FileNotFoundError, ValueError):
        return {}


def _state(path: Path) -> list[int] | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return (
            one.is_symlink()
            and other.is_symlink()
            and os.readlink(one) == os.readlink(other)
        )
    return (
        other.is_file()
        and one.stat().st_mode == other.stat().st_mode
        and one.read_bytes() == other.read_bytes()
    )


def _bring(fresh: Path, place: Path) -> None:
    """Move the file *fresh* to *place*, with the present time."""
    if not fresh.is_symlink():
        os.utime(fresh)
    if files.is_directory(place):
        shutil.rmtree(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    os.replace(fresh, place)
