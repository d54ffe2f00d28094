"""Get a tarball of CPython's source, never one with another checksum."""

import contextlib
import hashlib
import os
import urllib.parse

from . import aptsource
from .errors import Problem
from .fetch import Unavailable, download


def sha256(path):
    """Return the SHA-256 of the file *path* as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def pinned(base, cache, log):
    """Return the path of the tarball of *base* (a layout.Base) in *cache*.

    It comes from *cache*, else from python.org, else from the distribution's
    source package, whose tools write to the file *log*. Raises Problem,
    saying what was tried, when no way works.
    """
    ways = {
        "python.org": lambda part: download(base.url, part),
        "the distribution's source package": lambda part: aptsource.fetch(
            base.debian, part, log
        ),
    }
    return _obtain(cache / base.tarball, base.sha256, ways)


def remote(url, digest, cache):
    """Return the path in *cache* of the file at *url*, with SHA-256 *digest*.

    Raises Problem when it cannot be fetched or has another checksum.
    """
    name = os.path.basename(urllib.parse.urlsplit(url).path) or "source"
    return _obtain(cache / name, digest, {url: lambda part: download(url, part)})


def verify(path, digest):
    """Raise Problem unless the file *path* has the SHA-256 *digest*."""
    found = sha256(path)
    if found != digest:
        raise Problem(f"{path}: {_mismatch(found, digest)}; get it again")


def _obtain(place, digest, ways):
    """Return *place*, filled by the first of *ways* that has the right file.

    *ways* is a dict of names to functions that write the file to a path.
    """
    tried = []
    if place.exists():
        found = sha256(place)
        if found == digest:
            return place
        tried.append(f"{place}: {_mismatch(found, digest)}")
    for name, way in ways.items():
        try:
            with _incoming(place, digest) as part:
                way(part)
        except Unavailable as exc:
            tried.append(f"{name}: {exc}")
        else:
            return place
    raise Problem(
        f"no way to get {place.name}: {'; '.join(tried)}. Check the network, or "
        "give a file with --source"
    )


@contextlib.contextmanager
def _incoming(place, digest):
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
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def _mismatch(found, digest):
    return f"checksum mismatch (SHA-256 {found}, not {digest})"
