"""Remove files and directories."""

import contextlib
import shutil


def is_directory(path):
    """Whether *path* is a directory, and no symlink to one."""
    return path.is_dir() and not path.is_symlink()


def remove(path):
    """Remove the file or directory *path* if it is there."""
    if is_directory(path):
        shutil.rmtree(path)
    else:
        unlink(path)


def unlink(path):
    """Remove the file *path* if it is there."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
