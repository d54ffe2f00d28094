"""Write the heads of the pages of results in docs/, and tell which pages are old."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from ..core import layout
from ..series import catalog

#: Where the pages are, in a directory for each series.
RESULTS = layout.ROOT / "docs" / "results"

#: From such a page to the directory of the project.
UP = PurePosixPath("../../..")

_MEASURED = re.compile(r"^Measured with the series (\S+), (\w+)\.$", re.MULTILINE)


def measured(
    names: Iterable[str] = (catalog.DEFAULT_SERIES,), patches: Path = layout.PATCHES
) -> list[str]:
    """Return the lines that say which series a page was measured with.

    Parameters:
        names: those of the series, as they are now.
        patches: the directory of all series.
    """
    found = [catalog.load_series(name, patches) for name in names]
    return [f"Measured with the series {one.name}, {one.digest}." for one in found]


def measured_on(version: str) -> list[str]:
    """Return measured() for an interpreter of *version*, a sys.version."""
    return measured([catalog.series_name(version.split()[0])])


def outdated(text: str, patches: Path = layout.PATCHES) -> Iterator[str]:
    """Yield those lines of measured() in *text* that are of an older series.

    Other parameters: as measured() has them.
    """
    for match in _MEASURED.finditer(text):
        name = match[1]
        known = name in catalog.available(patches)
        if not known or match[0] not in measured([name], patches):
            yield match[0]


def path(name: str, series: str = catalog.DEFAULT_SERIES) -> Path:
    """Return the Path of the page *name* ("defects.md") of *series*."""
    return RESULTS / series / name


def of(text: str) -> list[tuple[str, str]]:
    """Return which series *text*, of a page, is of: {(name, digest)}, sorted."""
    return sorted(set(_MEASURED.findall(text)))


def page(title: str, command: str, said: Iterable[str], *parts: str) -> str:
    """Return the text of a page.

    Parameters:
        title: the heading.
        command: the command that writes the page, such as "scripts/refleaks --table".
        said: lines of measured().
        parts: the paragraphs.
    """
    made = f"<!-- Made by {command}. Do not edit. -->"
    head = [f"# {title}", made, "\n".join(sorted(set(said)))]
    return "\n\n".join([*head, *parts]) + "\n"


def versions(found: Mapping[str, str]) -> str:
    """Return a list of the sys.version of interpreters, *found* by what they are."""
    return listed(f"{name}: {' '.join(text.split())}" for name, text in found.items())


def listed(lines: Iterable[str], nothing: str = "Nothing.") -> str:
    """Return *lines* as a list; *nothing* where there are none."""
    return "\n".join(f"- {line}" for line in lines) or nothing
