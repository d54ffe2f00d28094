"""Print tables, as Markdown and as plain text, and write pages."""

import argparse
import os
from pathlib import Path

from . import disk


def table(rows, align="---:"):
    """Return the Markdown table of *rows*, lists of str, the first its head.

    Parameters:
        align: how Markdown is told where in their columns all cells are, but for
            those of the first column, which are on the left.
    """
    rule = ["---", *[align] * (len(rows[0]) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:]))


def plain(rows):
    """Return *rows*, lists of str, as lines whose cells stand below each other."""
    first, *widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join([name.ljust(first), *map(str.rjust, cells, widths)])
        for name, *cells in rows
    ]


def write(path, text):
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


def target(text):
    """Return *text* as the Path of a page to write, for a Parser's type=.

    Raises argparse.ArgumentTypeError, which is for the Parser, where none can be.
    """
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written")
    return path
