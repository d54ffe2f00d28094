"""Read the data beside each series: its patches, its base, its releases."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..core.errors import Problem
from ..core.layout import PATCHES

#: In a series' directory, the file about the releases of its Python.
RELEASES = "releases.json"

#: And the one about its revision: {"number": 1, "released": null, "digest": "..."}.
REVISION = "revision.json"

#: The module that a series adds to CPython, which says the revision.
SAYS_REVISION = "Lib/concurrent/_threadjoin.py"

#: Files of CPython that make no other interpreter: a change of one of these leaves
#: what was measured true.
_ASIDE = re.compile(
    rb"diff --git a/(Lib/test/|Doc/|Misc/|Modules/_testinternalcapi|%b )"
    % re.escape(SAYS_REVISION.encode())
)

#: In patches/debian/SERIES, the names that the series adds to the library, sorted.
SYMBOLS = "symbols"

#: The series that a command takes when it is given none.
DEFAULT_SERIES = "3.11"


class NoSeries(Problem):
    """There is no series for the Python called *name*; *names* are those that are."""

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

        Of what is compiled or imported alone: messages, tests and documentation make
        no other interpreter.
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
        """The newest release that the series was checked on: the default."""
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
        data = json.loads((directory / RELEASES).read_text())
        lines = (directory / "series").read_text().splitlines()
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
    known = [Release(**one, site=data["url"]) for one in data["releases"]]
    known.sort(key=lambda release: release.number)
    base = next(one for one in known if one.version == data["base"])
    series = Series(name, directory, base, paths, tuple(known))
    return _described(series, data)


def _described(series: Series, data: dict[str, Any]) -> Series:
    """Return *series* with what else its releases.json, *data*, and others say."""
    debian = None
    if data.get("debian"):
        added = series.directory.parent / "debian" / series.name
        debian = Debian(
            **{**data["debian"], "left_out": frozenset(data["debian"]["left_out"])},
            added=tuple(sorted(added.glob("*.patch"))),
            symbols=_names(added / SYMBOLS),
        )
    revision = _revision(series.directory / REVISION)
    return replace(series, debian=debian, revision=revision, gpg_key=data["gpg_key"])


def _names(path: Path) -> tuple[str, ...]:
    """Return the lines of the file *path*, none where there is no file."""
    return tuple(path.read_text().split()) if path.is_file() else ()


def _revision(path: Path) -> Revision | None:
    """Return the Revision in the file *path*, None where there is none."""
    return Revision(**json.loads(path.read_text())) if path.is_file() else None


def series_for(version: str, patches: Path = PATCHES) -> Series:
    """Return the Series for a CPython of *version* ("3.11.9", "3.13.0rc1+").

    Raises Problem as load_series() does.
    """
    return load_series(series_name(version), patches)


def series_name(version: str) -> str:
    """Return what the series for a CPython of *version* is called, "3.11"."""
    return ".".join(version.split(".")[:2])
