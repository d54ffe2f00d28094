"""Read the data beside each series: its patches, its base, its releases."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import files
from ..core.errors import Problem
from ..core.layout import PATCHES

#: The file, in a series' directory, about the releases of its Python.
RELEASES = "releases.json"

#: The file about its revision: {"number": 1, "released": null, "digest": "..."}.
REVISION = "revision.json"

#: The module that a series adds to CPython, which says the revision.
SAYS_REVISION = "Lib/concurrent/_threadjoin.py"

#: Files of CPython that are not part of the interpreter: after a change of one of them,
#: results remain valid.
_ASIDE = re.compile(
    rb"diff --git a/(Lib/test/|Doc/|Misc/|Modules/_testinternalcapi|%b )"
    % re.escape(SAYS_REVISION.encode())
)

#: In patches/debian/SERIES, the names that the series adds to the library, sorted.
SYMBOLS = "symbols"

#: The series that a command takes when it is given none.
DEFAULT_SERIES = "3.11"


class NoSeries(Problem):
    """There is no series for the Python called *name*; *names* are those that exist."""

    def __init__(self, name: str, names: Iterable[str]) -> None:
        super().__init__(
            f"no series for Python {name}; there is one for: {', '.join(names)}"
        )
        self.name = name


@dataclass(frozen=True)
class Release:
    """A release of CPython, from a series' releases.json."""

    version: str  # "3.11.2"
    checked: bool  # the series was tried on it
    tgz: str  # SHA-256 of that tarball
    xz: str  # and of the .tar.xz
    site: str  # where a file is: a URL with {version} and {name}

    @property
    def number(self) -> tuple[int, ...]:
        """The version as a tuple of int, which says what is newer."""
        return tuple(map(int, self.version.split(".")))

    @property
    def tarballs(self) -> dict[str, str]:
        """The file names of its tarballs, a dict to their SHA-256.

        The smaller one, which is that of the images on Docker Hub, is the first.
        """
        stem = f"Python-{self.version}"
        return {f"{stem}.tar.xz": self.xz, f"{stem}.tgz": self.tgz}

    def url(self, name: str) -> str:
        """Return the URL of the file called *name*, one of tarballs."""
        return self.site.format(version=self.version, name=name)


@dataclass(frozen=True)
class Debian:
    """Debian's source package of a release, from a series' releases.json."""

    suite: str  # "bookworm"
    package: str  # "python3.11"
    orig: str  # the file that is the release's tarball
    left_out: frozenset[str]  # of its patches, those that only its own packages need
    added: tuple[Path, ...] = ()  # Paths of patches on top of its own
    symbols: tuple[str, ...] = ()  # names that the series adds to its library

    @property
    def version(self) -> str:
        """The version of the release."""
        return self.orig.partition("_")[2].partition(".orig.")[0]

    @property
    def tarball(self) -> str:
        """The name that the release has for the file *orig*."""
        form = "tar.xz" if self.orig.endswith("xz") else "tgz"
        return f"Python-{self.version}.{form}"


@dataclass(frozen=True)
class Revision:
    """A series at one time, from its revision.json."""

    number: int
    released: str | None  # the day, as 2026-11-27; None for not yet
    digest: str  # of the series at that time


@dataclass(frozen=True)
class Series:
    """One directory of patches/: a base, and the patches on it in order."""

    name: str  # "3.11"
    directory: Path
    base: Release  # that the patches are made on
    patches: tuple[Path, ...]  # in the order of the `series` file
    releases: tuple[Release, ...] = ()  # all that are known, oldest first
    debian: Debian | None = None  # its package, where there is one
    revision: Revision | None = None  # that was recorded last
    gpg_key: str = ""  # that python.org signs the releases with

    @property
    def label(self) -> str:
        """The name with the revision: "3.11+tj1".

        That is "3.11+tj1.changed" where the patches are not those that were recorded,
        and the name alone where no revision is recorded.
        """
        if not self.revision:
            return self.name
        changed = "" if self.digest == self.revision.digest else ".changed"
        return f"{self.name}+tj{self.revision.number}{changed}"

    @property
    def digest(self) -> str:
        """A digest of the changes to its base, as twelve hexadecimal digits.

        Only of the code that is compiled or imported: messages, tests and documentation
        do not change the interpreter.
        """
        total = hashlib.sha256(self.base.tgz.encode())
        for path in self.patches:
            changes = re.split(rb"^(?=diff --git )", path.read_bytes(), flags=re.M)
            for change in changes[1:]:
                if not _ASIDE.match(change):
                    total.update(hashlib.sha256(change).digest())
        return total.hexdigest()[:12]

    @property
    def newest(self) -> Release:
        """The newest release that the series has been checked on: the default."""
        checked = [release for release in self.releases if release.checked]
        if not checked:
            raise Problem(f"the series {self.name} was checked on no release yet")
        return checked[-1]

    def release(self, version: str) -> Release:
        """Return the Release of *version*. Raises Problem when there is none."""
        for one in self.releases:
            if one.version == version:
                return one
        raise Problem(
            f"the series {self.name} knows no release {version!r}; it knows "
            f"{self.releases[0].version} to {self.releases[-1].version}"
        )


def available(patches: Path = PATCHES) -> list[str]:
    """Return the names of the series in the project, oldest version first."""
    names = [p.parent.name for p in patches.glob("*/series")]
    return sorted(names, key=lambda name: tuple(map(int, name.split("."))))


def load_series(name: str = DEFAULT_SERIES, patches: Path = PATCHES) -> Series:
    """Return the Series called *name* ("3.11").

    Raises NoSeries when there is none of that name, and Problem when its `series`
    file lists a patch that does not exist.
    """
    directory = patches / name
    try:
        lines = (directory / "series").read_text().splitlines()
        with files.data(directory / RELEASES) as data:
            known = [Release(**one, site=data["url"]) for one in data["releases"]]
            known.sort(key=lambda release: release.number)
            base = {one.version: one for one in known}[data["base"]]
            key, package = data["gpg_key"], _debian(directory, data.get("debian"))
    except FileNotFoundError:
        raise NoSeries(name, available(patches)) from None
    # quilt's own syntax: a name a line, blank lines and # comments skipped.
    listed = [line.split("#")[0].strip() for line in lines]
    paths = tuple(directory / entry for entry in listed if entry)
    for path in paths:
        if not path.is_file():
            raise Problem(
                f"{directory.name}/series lists {path.name}, which does not "
                "exist; restore it from git, or export the series again"
            )
    revision = _revision(directory / REVISION)
    return Series(name, directory, base, paths, tuple(known), package, revision, key)


def _debian(directory: Path, data: dict[str, Any] | None) -> Debian | None:
    """Return the Debian of the series in *directory*, from *data* of releases.json."""
    if not data:
        return None
    added = directory.parent / "debian" / directory.name
    return Debian(
        **{**data, "left_out": frozenset(data["left_out"])},
        added=tuple(sorted(added.glob("*.patch"))),
        symbols=_names(added / SYMBOLS),
    )


def _names(path: Path) -> tuple[str, ...]:
    """Return the lines of the file *path*, none where there is no file."""
    return tuple(path.read_text().split()) if path.is_file() else ()


def _revision(path: Path) -> Revision | None:
    """Return the Revision in the file *path*, None where there is none."""
    if not path.is_file():
        return None
    with files.data(path) as found:
        return Revision(**found)


def series_for(version: str, patches: Path = PATCHES) -> Series:
    """Return the Series for a CPython of *version* ("3.11.9", "3.13.0rc1+").

    Raises Problem as load_series() does.
    """
    return load_series(series_name(version), patches)


def series_name(version: str) -> str:
    """Return the name of the series for a CPython of *version*, "3.11"."""
    return ".".join(version.split(".")[:2])
