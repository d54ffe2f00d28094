"""Find the sources of the releases that series are made on: given, or fetched."""

from ..core.errors import Problem
from ..core.layout import PATCHES
from ..series import catalog
from ..source import tarballs
from . import commits, releases


def finder(given, several=True):
    """Return a function from a catalog.Series to the origin.Origin of its base.

    Parameters:
        given: Paths of trees and tarballs of releases, or of directories with those
            in them. What is not there, is got as a build gets it.
        several: False to take the one of *given* for the base, whatever it says.

    What it returns raises tarballs.NoWay when there is no source, and Problem when one
    is another than it says.
    """

    def find(series):
        if not several and len(given) == 1 and not _holds(given[0]):
            return commits.release(series, given[0])
        for path in _paths(given):
            if releases.version_at(path) == series.base.version:
                return commits.release(series, path)
        return commits.release(series)

    return find


def _paths(given):
    for path in given:
        if not path.exists():
            raise Problem(f"--source {path}: there is no such file or directory")
        yield path
        if path.is_dir():
            yield from sorted(path.iterdir())


def _holds(path):
    """Whether *path* is a directory that is no tree of CPython."""
    return path.is_dir() and releases.version_at(path) is None


def named(names, patches=PATCHES):
    """Return the catalog.Series called *names*, or all if there is none of those.

    Raises Problem when there is none of one of the names, or none at all.
    """
    known = catalog.available(patches)
    if not known:
        raise Problem("there is no series in patches/; export one first")
    return [catalog.load_series(name, patches) for name in names or known]


def each(series, find, note):
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
