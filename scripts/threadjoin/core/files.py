"""Read the project's data, remove files, and write files whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import disk
from .errors import Problem
from .layout import ROOT, StrPath


@contextlib.contextmanager
def data(path: Path) -> Iterator[Any]:
    """Give the content of *path*, a JSON file of the project that people edit.

    What the `with` block misses in it, such as a key, raises Problem.
    """
    try:
        yield json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, LookupError, TypeError, AttributeError) as exc:
        what = f"there is no {exc}" if isinstance(exc, KeyError) else str(exc)
        name = str(path).removeprefix(f"{ROOT}/")
        raise Problem(f"{name} is wrong: {what}; restore it from git") from None


def is_directory(path: Path) -> bool:
    """Whether *path* is a directory, and no symlink to one."""
    return path.is_dir() and not path.is_symlink()


def remove(path: Path) -> None:
    """Remove the file or directory *path* if it is there."""
    if is_directory(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write(path: StrPath, text: str) -> None:
    """Make *text* all that the file *path* has, or leave it as it is."""
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        # A device or a pipe.
        path.write_text(text)
        return
    part = path.with_name(f".{path.name}.part")
    try:
        with disk.writing(path):
            part.write_text(text)
        os.replace(part, path)
    finally:
        if os.path.lexists(part):
            part.unlink()
