"""Choose the source of a build: a release, the distribution's package, or a path."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

from ..core import files, layout
from ..core.errors import Problem
from ..series import catalog, tree
from . import debian, fetch, tarballs, workcopy

#: The reason for a build of what --source names.
SAID = "as --source says"

CACHE = layout.BUILD / "cache"


@dataclass(frozen=True)
class Origin:
    """A source of CPython that trees can be laid out from."""

    name: str  # for people
    path: Path  # a tarball or a directory
    digest: str | None = None  # of the tarball; a directory may change
    package: debian.Package | None = None  # whose patches are part of the source

    def lay(self, place: Path) -> None:
        """Make the new directory *place* a copy of the source."""
        if self.digest:
            workcopy.unpack(self.path, place)
        else:
            workcopy.copy(self.path, place)
        if self.package:
            self.package.apply(place)


@dataclass(frozen=True)
class Plan:
    """A source of a build, before it is fetched."""

    name: str  # "CPython 3.11.16"
    why: str  # "the newest release that the series 3.11 is checked on"
    get: Callable[[], Origin]  # may raise Problem
    #: Takes the reason why get() fails; returns the Plan to follow instead.
    otherwise: Callable[[str], Plan] | None = None


def newest(series: catalog.Series, log: Path) -> Plan:
    """Return the Plan for the newest source of *series* that there is.

    That is its newest release, from the cache or from python.org, or else the release
    in the distribution, with the distribution's patches.

    Parameters:
        log: path of a file for the output of the distribution's tools.
    """
    wanted = series.newest
    why = f"the newest release that the series {series.name} is checked on"

    def instead(reason: str) -> Plan:
        name = f"CPython {wanted.version}"
        if not series.debian:
            raise tarballs.NoWay(name, [f"python.org: {reason}"])
        return distribution(series, log, f"python.org does not give {name} ({reason})")

    if not tarballs.cached(wanted, CACHE):
        try:
            fetch.probe(wanted.url(next(iter(wanted.tarballs))))
        except fetch.Unavailable as exc:
            return instead(str(exc))
    return replace(exactly(series, wanted.version, log, why), otherwise=instead)


def exactly(
    series: catalog.Series, version: str, log: Path, why: str | None = None
) -> Plan:
    """Return the Plan for the release *version*, and no other.

    Parameters:
        why: the reason; None if --release names it.

    Other parameters as newest() has them. Raises Problem when *series* does not know
    it.
    """
    wanted = series.release(version)
    if not why:
        why = "as --release says"
        if not wanted.checked:
            why += f"; the series {series.name} was not checked on it"
    return Plan(f"CPython {version}", why, lambda: release(series, log, version))


def distribution(series: catalog.Series, log: Path, why: str = SAID) -> Plan:
    """Return the Plan for the distribution's source package, with its patches.

    Parameters as newest() has them. Raises Problem when there is none of *series*.
    """
    data = series.debian
    if not data:
        raise Problem(f"no distribution's source package is known for {series.name}")

    def get() -> Origin:
        try:
            package = debian.obtain(data, CACHE, log)
        except fetch.Unavailable as exc:
            tried = [] if why == SAID else [why]
            tried.append(f"Debian's source package: {exc}")
            raise tarballs.NoWay(data.package, tried) from None
        base = release(series, log, data.version)
        digest = hashlib.sha256(f"{base.digest} {package.digest}".encode()).hexdigest()
        name = f"CPython {data.version} with Debian's patches ({package.name})"
        return Origin(name, base.path, digest, package)

    name = f"CPython {data.version} with the patches of Debian's {data.package}"
    return Plan(name, why, get)


def is_url(text: str) -> bool:
    """Whether *text*, the value of --source, is a URL and not a path."""
    return re.match(r"[a-z][a-z0-9+.-]*://", text, re.IGNORECASE) is not None


def release(series: catalog.Series, log: Path, version: str | None = None) -> Origin:
    """Return the Origin of the release that *series* is made on, or of *version*.

    Gets its tarball where it is not there yet; see tarballs.pinned().
    """
    wanted = series.release(version) if version else series.base
    path = tarballs.pinned(wanted, series.debian, CACHE, log)
    return Origin(f"CPython {wanted.version}", path, wanted.tarballs[path.name])


def given(text: str, digest: str | None = None) -> Origin:
    """Return the Origin that *text*, the value of --source, names.

    Parameters:
        text: a directory, a tarball, or the URL of a tarball.
        digest: the SHA-256 that the tarball has to have, or None; a URL is
            not followed without.

    Raises Problem when it is none of these, or has another checksum.
    """
    if is_url(text):
        if not digest:
            raise Problem(f"{text} needs --sha256 SUM, to verify the download")
        return Origin(text, tarballs.remote(text, digest, CACHE), digest)
    path = Path(text).expanduser().resolve()
    if path.is_dir():
        if digest:
            raise Problem("--sha256 goes with a tarball, and --source is a directory")
        return Origin(text, path)
    if not path.is_file():
        raise Problem(f"--source {text}: there is no such file or directory")
    if digest:
        tarballs.verify(path, digest)
    return Origin(text, path, digest or tarballs.sha256(path))


def version(origin: Origin) -> str:
    """Return the version of CPython that *origin* is.

    Raises Problem when it is something else.
    """
    if not origin.digest:
        return tree.version_of(origin.path, origin.name)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "src"
        origin.lay(place)
        return tree.version_of(place, origin.name)


def series(origin: Origin, name: str | None = None) -> catalog.Series:
    """Return the catalog.Series for *origin*.

    Parameters:
        name: the series that was asked for, which has to be the right one;
            None to choose by the version.

    Raises Problem when there is none for its version, or not *name*.
    """
    found = version(origin)
    fitting = catalog.series_for(found)
    if name and name != fitting.name:
        raise Problem(
            f"{origin.name} is CPython {found}, and the series {name} is for "
            f"another version; leave {name} out"
        )
    return fitting


def prepare(
    origin: Origin, series: catalog.Series, place: Path, patched: bool
) -> bool | None:
    """Lay out the source *origin* in the directory *place*.

    Parameters:
        series: the catalog.Series to apply, or to take out.
        place: pathlib.Path; files there that are the same stay.
        patched: whether to apply the series.

    Returns whether *origin* has the series in it already, None when there was
    nothing to do. Raises Problem, with *place* as it was, when the series
    does not apply.
    """
    digest = origin.digest and _digest(origin.digest, series.patches if patched else ())
    if digest and workcopy.is_settled(place, digest):
        return None
    fresh = place.with_name(f"{place.name}.new")
    files.remove(fresh)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        origin.lay(fresh)
        if patched:
            had_it = not tree.apply(fresh, series, called=origin.name)
        else:
            had_it = tree.has(fresh, series)
            if had_it:
                tree.apply(fresh, series, reverse=True)
        workcopy.settle(fresh, place, digest or "")
    finally:
        files.remove(fresh)
    return had_it


def _digest(source: str, patches: Iterable[Path]) -> str:
    """Return a digest of *source*, itself a digest, and *patches*."""
    total = hashlib.sha256(source.encode())
    for patch in patches:
        total.update(hashlib.sha256(patch.read_bytes()).digest())
    return total.hexdigest()
