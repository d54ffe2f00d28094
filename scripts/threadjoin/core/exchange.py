"""Put new contents into several files of a tree: all of them or none."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from . import disk
from .errors import Problem


def put(contents: Mapping[str, Path | None], tree: Path) -> None:
    """Replace, add and remove files of *tree*.

    All new files are written beside their places first, so that a full disk,
    a read-only one or a missing permission shows before anything has changed;
    what fails after that is undone.

    Parameters:
        contents: dict of names, relative to *tree*, to the paths of their new
            contents; None for a file to remove. Directories are made and removed
            with the files in them.
        tree: a directory.

    Raises Problem when a file cannot be written, with the tree as it was, or
    saying that it is not.
    """
    with contextlib.ExitStack() as clean, contextlib.ExitStack() as undo:
        try:
            staged = [
                (tree / name, new and _stage(new, tree / name, undo))
                for name, new in contents.items()
            ]
            for place, new in staged:
                _exchange(place, new, undo, clean)
        except OSError as exc:
            what = disk.explain(exc) or f"{exc.filename}: {exc.strerror}"
            raise Problem(f"{what}; {_undone(undo)}") from None
        undo.pop_all()
    for place, new in staged:
        if new is None:
            _remove_empty(place.parent, tree)


def _undone(undo: ExitStack) -> str:
    """Close the ExitStack *undo*; return words on what the tree is then."""
    try:
        undo.close()
    except OSError as exc:
        # A disk that broke, for example. The rest has been undone anyway.
        return f"the tree is not as it was: {exc.filename}: {exc.strerror}"
    return "the tree is as it was"


def _stage(new: Path, place: Path, undo: ExitStack) -> Path:
    """Copy the file *new* beside *place* and return where."""
    for parent in reversed(place.parents):
        if not parent.exists():
            parent.mkdir()
            undo.callback(parent.rmdir)
            _give(parent, parent.parent.stat())
    beside = place.with_name(f".{place.name}.threadjoin-new")
    undo.callback(_unlink, beside)
    shutil.copy(new, beside)
    if place.exists():
        # The patch sets the executable bit, and no other one.
        before = place.stat()
        beside.chmod((before.st_mode & 0o666) | (new.stat().st_mode & 0o111))
        _give(beside, before)
    else:
        _give(beside, place.parent.stat())
    return beside


def _give(path: Path, like: os.stat_result) -> None:
    """Let *path* have the owner of *like*: root may work for somebody else."""
    if os.geteuid() == 0:
        os.chown(path, like.st_uid, like.st_gid)


def _exchange(place: Path, new: Path | None, undo: ExitStack, clean: ExitStack) -> None:
    """Put *new* (None: nothing) in *place*.

    The old file is removed when *clean* closes, and restored when *undo* does.
    """
    old = place.with_name(f".{place.name}.threadjoin-old")
    if place.exists():
        _unlink(old)
        clean.callback(_unlink, old)
        try:
            os.link(place, old)
        except OSError:
            # A file system without hard links.
            shutil.copy2(place, old)
        undo.callback(os.replace, old, place)
    else:
        undo.callback(_unlink, place)
    if new is None:
        place.unlink()
    else:
        os.replace(new, place)


def _unlink(path: Path) -> None:
    # Where nothing can be written, the removal of what is not there fails too.
    if os.path.lexists(path):
        path.unlink()


def _remove_empty(directory: Path, top: Path) -> None:
    """Remove *directory*, and those above it below *top*, while empty."""
    while directory != top:
        try:
            directory.rmdir()
        except OSError:
            return
        directory = directory.parent
