"""Remove files and directories, and write files whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from . import disk
from .layout import StrPath


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
