"""Get a tarball of CPython's source, never one with another checksum."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ..core.errors import Problem
from ..series.catalog import Debian, Release
from . import aptsource
from .fetch import Unavailable, download

#: The name of the distribution in messages.
APT = "the distribution's source package"

#: A way to get a file: its name, the file's path and digest, and a function that writes
#: it to a path.
Way = tuple[str, Path, str, Callable[[Path], None]]


def checksum(text: str) -> str:
    """Return *text* as a SHA-256, for a Parser's type=.

    Raises argparse.ArgumentTypeError, which is for the Parser, when it is none.
    """
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError("a SHA-256 has 64 hexadecimal digits")
    return text.lower()


class NoWay(Problem):
    """All ways to get a file have failed."""

    def __init__(self, what: str, tried: Sequence[str]) -> None:
        self.reason = "; ".join(tried)
        super().__init__(
            f"no way to get {what}: {self.reason}. Check the network, or give a file "
            "with --source"
        )


def sha256(path: Path) -> str:
    """Return the SHA-256 of the file *path* as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def cached(release: Release, cache: Path) -> Path | None:
    """Return the path of a tarball of *release* (a catalog.Release) that is in
    the directory *cache*, None for none.
    """
    for name, digest in release.tarballs.items():
        path = cache / name
        if path.exists() and sha256(path) == digest:
            return path
    return None


def pinned(release: Release, debian: Debian | None, cache: Path, log: Path) -> Path:
    """Return the path of a tarball of *release* (a catalog.Release) in *cache*.

    It comes from *cache*, else from python.org, else, where *debian* (a
    catalog.Debian or None) is of this release, from that source package, whose
    tools write to the file *log*. Raises Problem, saying what was tried, when
    no way works.
    """
    found = cached(release, cache)
    if found:
        return found
    name, digest = next(iter(release.tarballs.items()))
    url = release.url(name)
    ways = [("python.org", cache / name, digest, lambda part: download(url, part))]
    if debian and debian.version == release.version:
        place = cache / debian.tarball
        digest = release.tarballs[place.name]
        ways.append(
            (APT, place, digest, lambda part: aptsource.fetch(debian, part, log))
        )
    return _obtain(f"CPython {release.version}", ways)


def remote(url: str, digest: str, cache: Path) -> Path:
    """Return the path in *cache* of the file at *url*, with SHA-256 *digest*.

    Raises Problem when it cannot be fetched or has another checksum.
    """
    name = os.path.basename(urllib.parse.urlsplit(url).path) or "source"
    place = cache / name
    if place.exists() and sha256(place) == digest:
        return place
    return _obtain(name, [(url, place, digest, lambda part: download(url, part))])


def verify(path: Path, digest: str) -> None:
    """Raise Problem unless the file *path* has the SHA-256 *digest*."""
    found = sha256(path)
    if found != digest:
        raise Problem(f"{path}: {_mismatch(found, digest)}; get it again")


def _obtain(what: str, ways: Iterable[Way]) -> Path:
    """Return the file from the first of *ways* that gives it with the right digest.

    Parameters:
        what: the file, in words for people.
        ways: a list of tuples: a name, the file's path, its digest, and a function
            that writes it to a path.
    """
    tried = []
    for name, place, digest, way in ways:
        if place.exists():
            tried.append(f"{place}: {_mismatch(sha256(place), digest)}")
        try:
            with _incoming(place, digest) as part:
                way(part)
        except Unavailable as exc:
            tried.append(f"{name}: {exc}")
        else:
            return place
    raise NoWay(what, tried)


@contextlib.contextmanager
def _incoming(place: Path, digest: str) -> Iterator[Path]:
    """Give the path of a file to write; then make it *place*, if right."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.part")
    try:
        yield part
        found = sha256(part)
        if found != digest:
            raise Unavailable(_mismatch(found, digest))
        os.replace(part, place)
    finally:
        part.unlink(missing_ok=True)


def _mismatch(found: str, digest: str) -> str:
    return f"checksum mismatch (SHA-256 {found}, not {digest})"
