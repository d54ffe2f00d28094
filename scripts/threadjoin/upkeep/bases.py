"""Find the sources of the releases that series are made on: given, or fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..core.errors import Problem
from ..core.layout import PATCHES
from ..series import catalog
from ..source import tarballs
from ..source.origin import Origin
from . import commits, releases

#: Finds the source of the base of a series.
Find = Callable[[catalog.Series], Origin]


def finder(given: Sequence[Path], several: bool = True) -> Find:
    """Return a function from a catalog.Series to the origin.Origin of its base.

    Parameters:
        given: trees and tarballs of releases, or of directories with those
            in them. The others are fetched as a build fetches them.
        several: False to take the one of *given* for the base, whatever it says.

    What it returns raises tarballs.NoWay when there is no source, and Problem when one
    is another than it says.
    """

    def find(series: catalog.Series) -> Origin:
        if not several and len(given) == 1 and not _holds(given[0]):
            return commits.release(series, given[0])
        for path in _paths(given):
            if releases.version_at(path) == series.base.version:
                return commits.release(series, path)
        return commits.release(series)

    return find


def _paths(given: Iterable[Path]) -> Iterator[Path]:
    for path in given:
        if not path.exists():
            raise Problem(f"--source {path}: there is no such file or directory")
        yield path
        if path.is_dir():
            yield from sorted(path.iterdir())


def _holds(path: Path) -> bool:
    """Whether *path* is a directory that is no tree of CPython."""
    return path.is_dir() and releases.version_at(path) is None


def named(names: Sequence[str], patches: Path = PATCHES) -> list[catalog.Series]:
    """Return the catalog.Series called *names*, or all if there is none of those.

    Raises Problem when there is none of one of the names, or none at all.
    """
    known = catalog.available(patches)
    if not known:
        raise Problem("there is no series in patches/; export one first")
    return [catalog.load_series(name, patches) for name in names or known]


def each(
    series: Sequence[catalog.Series], find: Find, note: Callable[[str], None]
) -> Iterator[tuple[catalog.Series, Origin]]:
    """Yield (catalog.Series, origin.Origin) for those of *series* with a source.

    Parameters:
        find: what finder() returned.
        note: a function that says one line: which are left out, and why.

    Raises tarballs.NoWay when none has one.
    """
    missing = []
    for one in series:
        try:
            found = find(one)
        except tarballs.NoWay as exc:
            note(f"{one.name}: not run: {exc}")
            missing.append(exc)
            continue
        yield one, found
    if len(missing) == len(series):
        raise missing[0]
