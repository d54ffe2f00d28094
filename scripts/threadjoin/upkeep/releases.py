"""Try a series on the sources of all releases that are here, and list the results.

Nothing is built: the patches are applied to copies of the files that they change. A
release is taken from build/cache, or from a directory that --source names. Other trees
in such a directory, the head of the branch for example, are tried, too, and are listed
by their own versions.
"""

from __future__ import annotations

import contextlib
import re
import tarfile
import tempfile
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core import layout, tables
from ..core.errors import Problem
from ..series import catalog, tree
from ..source import debian, fetch, origin, tarballs, workcopy

#: How a series applies.
LETTER = "to the letter"
OFFSETS = "with offsets"
REFUSED = "refused"
NOT_RUN = "not run"


@dataclass(frozen=True)
class Found:
    """A source of CPython that is here."""

    version: str  # that it says it is, such as "3.11.16+"
    where: str  # for people
    path: Path | None  # a tree or a tarball; None where there is no source
    package: debian.Package | None = None  # whose patches are part of the source


@dataclass(frozen=True)
class Row:
    """The result for one release."""

    found: Found
    release: catalog.Release | None  # that it is of, None for other trees
    verdict: str  # LETTER, OFFSETS, REFUSED or NOT_RUN
    why: str = ""  # of REFUSED: the patch, and where

    def cells(self) -> list[str]:
        """Return what a table says of it."""
        checked = "-"
        if self.release:
            checked = "yes" if self.release.checked else "no"
        words = f"{self.verdict}: {self.why}" if self.why else self.verdict
        return [self.found.version, self.found.where, checked, words]


def obtain(series: catalog.Series, log: Path, cache: Path = origin.CACHE) -> None:
    """Fetch the releases and packages for *series* into *cache*.

    Those that cannot be fetched are left out. *log* is as origin.release() has it.
    """
    for release in series.releases:
        with contextlib.suppress(tarballs.NoWay):
            tarballs.pinned(release, series.debian, cache, log)
    if series.debian:
        with contextlib.suppress(fetch.Unavailable):
            debian.obtain(series.debian, cache, log)


def sources(
    series: catalog.Series, directories: Iterable[Path], cache: Path = origin.CACHE
) -> list[Found]:
    """Return the sources of *series*' version that are here.

    Parameters:
        directories: trees, or of directories that have trees or tarballs of
            releases in them.
        cache: the directory of tarballs that were fetched.

    Raises Problem when one of *directories* is none.
    """
    found = []
    for release in series.releases:
        path = tarballs.cached(release, cache)
        if path:
            found.append(Found(release.version, _shown(path), path))
    if series.debian:
        found += _of_debian(series, series.debian, cache)
    for directory in directories:
        if not directory.is_dir():
            raise Problem(f"--source {directory} is not a directory")
        for path in [directory, *sorted(directory.iterdir())]:
            version = version_at(path)
            if version and catalog.series_name(version) == series.name:
                found.append(Found(version, _shown(path), path))
    return found


def _of_debian(
    series: catalog.Series, data: catalog.Debian, cache: Path
) -> Iterator[Found]:
    """Yield the Found of the distribution's package that is in *cache*, if one is."""
    package = debian.cached(data, cache)
    path = tarballs.cached(series.release(data.version), cache)
    if package and path:
        version = f"{data.version} (Debian)"
        yield Found(version, _shown(package.path), path, package)


def _shown(path: Path) -> str:
    path = path.resolve()
    inside = layout.ROOT in path.parents
    return str(path.relative_to(layout.ROOT) if inside else path)


def version_at(path: Path) -> str | None:
    """Return the version of the CPython at *path*, None where there is none.

    That of a tarball is the one in its name.
    """
    if path.is_dir():
        try:
            return tree.version_of(path)
        except Problem:
            return None
    named = re.fullmatch(r"(?:Python-)?(\d+\.\d+\.\d+)\.(?:tgz|tar\.\w+)", path.name)
    return named and named[1]


def attempt(series: catalog.Series, found: Found) -> tuple[str, str]:
    """Apply *series* to the source *found*; return the verdict, and why."""
    names = {name for patch in series.patches for name in tree.touched(patch)}
    with tempfile.TemporaryDirectory(prefix="threadjoin-") as scratch:
        place = found.path
        if place is None:
            return NOT_RUN, ""
        if not place.is_dir():
            tarball, place = place, Path(scratch) / "src"
            if found.package:
                workcopy.unpack(tarball, place)
                found.package.apply(place)
            else:
                _unpack_some(tarball, place, names)
        outcome = tree.fit(place, series.patches)
    if isinstance(outcome, tree.Refusal):
        return REFUSED, f"{outcome.patch.name}: {outcome.reason}"
    return (OFFSETS if outcome else LETTER), ""


def _unpack_some(tarball: Path, place: Path, names: Container[str]) -> None:
    """Unpack the files *names* of a release's *tarball* to the directory *place*."""
    place.mkdir()
    try:
        with tarfile.open(tarball) as archive:
            for member in archive:
                name = member.name.partition("/")[2]
                stream = archive.extractfile(member) if name in names else None
                if stream:
                    target = place / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(stream.read())
    except (tarfile.TarError, EOFError, OSError) as exc:
        raise Problem(f"{tarball} is no tarball, or a damaged one: {exc}") from None


def rows(series: catalog.Series, known: Sequence[Found]) -> Iterator[Row]:
    """Yield a Row for each of the sources *known*, and for each release without one.

    Parameters:
        known: what sources() returned.
    """
    for release in series.releases:
        here = [found for found in known if found.version == release.version]
        for found in here or [Found(release.version, "-", None)]:
            yield Row(found, release, *attempt(series, found))
    versions = {release.version for release in series.releases}
    for found in known:
        if found.version not in versions:
            yield Row(found, None, *attempt(series, found))


def table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of the table of *rows*, and of their sums."""
    cells = [["version", "source", "checked", "the series"], *(r.cells() for r in rows)]
    counts = [
        f"{sum(row.verdict == verdict for row in rows)} {verdict}"
        for verdict in (LETTER, OFFSETS, REFUSED, NOT_RUN)
    ]
    return [*tables.plain(cells, None), ", ".join(counts)]


def refused(rows: Iterable[Row]) -> list[str]:
    """Return the versions that the data calls checked, and that refuse a patch."""
    return list(
        dict.fromkeys(
            row.found.version
            for row in rows
            if row.verdict == REFUSED and row.release and row.release.checked
        )
    )
