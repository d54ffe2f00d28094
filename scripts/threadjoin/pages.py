"""The pages of results in docs/: heads, tables, and whether they are old."""

import argparse
import os
import re
from pathlib import Path

from . import disk, layout

_MEASURED = re.compile(r"^Measured with the series (\S+), (\w+)\.$", re.MULTILINE)


def measured(names=(layout.DEFAULT_SERIES,), patches=layout.PATCHES):
    """Return the lines that say which series a page was measured with, a list.

    Parameters:
        names: those of the series, as they are now.
        patches: Path of the directory of all series.
    """
    found = [layout.load_series(name, patches) for name in names]
    return [f"Measured with the series {one.name}, {one.digest}." for one in found]


def outdated(text, patches=layout.PATCHES):
    """Yield those lines of measured() in *text* that are of a series as it was.

    Other parameters: as measured() has them.
    """
    for match in _MEASURED.finditer(text):
        name = match[1]
        known = name in layout.available(patches)
        if not known or match[0] not in measured([name], patches):
            yield match[0]


def head(title, command, said):
    """Return how a page begins, a list of paragraphs.

    Parameters:
        title: the heading.
        command: what writes the page, such as "scripts/refleaks --table".
        said: lines of measured().
    """
    made = f"<!-- Made by {command}. Do not edit. -->"
    return [f"# {title}", made, "\n".join(sorted(set(said)))]


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
