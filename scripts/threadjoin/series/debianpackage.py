"""Put a series into Debian's source package of CPython, or take it out.

In a package of the format "3.0 (quilt)", a change of the sources alone makes
dpkg-source refuse the tree. The series goes into debian/patches, with the records of
quilt and dpkg-source about applied patches in .pc; it gets an entry in
debian/changelog; and the names that it adds to the library go into the symbols file.
What is taken out is the series that is in the package, which may be another revision.
"""

from __future__ import annotations

import datetime
import email.utils
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core import exchange
from ..core.errors import Problem
from . import patchfile, tree
from .catalog import Series

FORMAT = "3.0 (quilt)"

#: The directory of the series in debian/patches.
OURS = "threadjoin"

LISTING = "debian/patches/series"
APPLIED = ".pc/applied-patches"
CHANGELOG = "debian/changelog"
SYMBOLS = "debian/libpython.symbols.in"

_HEAD = re.compile(r"(\S+) \((\S+)\) [^;\n]+; urgency=(\w+)")
_ENTRY = """\
{package} ({version}) UNRELEASED; urgency={urgency}

  * Apply the series {label} of threadjoin, {count} patches: Thread.join(),
    fork() and shutdown without races.

 -- {author}  {date}

"""
_OUR_ENTRY = re.compile(
    r"\S+ \(\S+\+tj\S+\) [^;\n]+; urgency=\w+\n\n"
    r"  \* Apply the series \S+ of threadjoin, \d+ patches: Thread\.join\(\),\n"
    r"    fork\(\) and shutdown without races\.\n\n"
    r" -- [^\n]+\n\n"
)
_OUR_SYMBOL = re.compile(r"^ \S+@Base \S+\+tj\S+~\n", re.MULTILINE)


def is_one(place: Path) -> bool:
    """Return whether the directory *place* is a source package with quilt's patches."""
    return _read(place / "debian/source/format").strip() == FORMAT


def version(place: Path) -> str:
    """Return the version of the package in *place*, that of its last changelog."""
    return _head(place)[2]


def apply(
    place: Path, series: Series, *, reverse: bool = False, check: bool = False
) -> bool:
    """Put *series* into the package in the directory *place*, or take it out.

    Parameters as tree.apply() has them, and what is returned and raised, too.
    """
    place = Path(place)
    tree.version_of(place)
    listed = [name for name in _names(place / LISTING) if name.startswith(f"{OURS}/")]
    if bool(listed) != reverse:
        if listed:
            _require_same(place, listed, series)
        return False
    with tempfile.TemporaryDirectory(prefix="threadjoin-") as directory:
        scratch = Path(directory).resolve()
        work = _Work(place, series, listed, scratch)
        contents = work.take_out() if reverse else work.put_in()
        if not check:
            exchange.put(contents, place)
    return True


def _require_same(place: Path, listed: Sequence[str], series: Series) -> None:
    """Raise Problem unless the package has the patches of just this *series*."""
    here = [_read(place / "debian/patches" / name) for name in listed]
    if here != [path.read_text(errors="surrogateescape") for path in series.patches]:
        raise Problem(
            f"{place} has another revision of the series in it, or one that was "
            f"edited; take it out first: scripts/apply --reverse {place}"
        )


class _Work:
    """New contents of files, of which exchange.put() makes those of a package.

    Parameters:
        listed: those of the package's patches that are of a series.
        scratch: a directory for what is made.
    """

    def __init__(
        self, place: Path, series: Series, listed: Sequence[str], scratch: Path
    ) -> None:
        self._place = place
        self._series = series
        self._listed = listed
        self._scratch = scratch
        self._contents: dict[str, Path | None] = {}

    def _set(self, name: str, text: str) -> Path:
        """Make *text* the new content of the file *name*; return where it is."""
        new = self._scratch / "new" / name
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8", errors="surrogateescape")
        self._contents[name] = new
        return new

    def _text(self, name: str) -> str:
        return _read(self._place / name)

    def _try(self, patches: Sequence[Path], reverse: bool, **options: Any) -> None:
        """Take in the sources after *patches*, or before them; raise Problem."""
        room = tree.Room(self._place, patches, self._scratch)
        refusal = room.attempt(patches, reverse, **options)
        if refusal:
            raise tree.refused(self._place, refusal, room, reverse)
        self._contents.update(room.results())

    def put_in(self) -> dict[str, Path | None]:
        """Return the changes of files that put the series into the package."""
        names = _names(self._place / LISTING)
        applied = _names(self._place / APPLIED)
        if applied != names:
            raise Problem(
                f"{self._place}: quilt has applied {len(applied)} of the package's "
                f"{len(names)} patches; apply all of them first: "
                f"(cd {self._place} && dpkg-source --before-build .)"
            )
        ours = {path: f"{OURS}/{path.name}" for path in self._series.patches}
        self._try(self._series.patches, False, before=self._back_up)
        for path, name in ours.items():
            self._contents[f"debian/patches/{name}"] = path
        lines = "".join(f"{name}\n" for name in ours.values())
        self._set(LISTING, self._text(LISTING) + lines)
        self._set(APPLIED, self._text(APPLIED) + lines)
        self._log()
        return self._contents

    def _back_up(self, patch: Path, copies: Mapping[str, Path]) -> None:
        """Keep the files before *patch*, as quilt needs them."""
        home = f".pc/{OURS}/{patch.name}"
        for name, copy in copies.items():
            # For a file that does not exist yet, quilt has an empty one.
            new = self._set(f"{home}/{name}", "")
            if copy.exists():
                shutil.copy2(copy, new)
        self._set(f"{home}/.timestamp", "")

    def _log(self) -> None:
        """Write the entry of the changelog, and the symbols of its version."""
        old, package, last, urgency = _head(self._place)
        number = self._series.label.partition("+")[2] or "tj0"
        new = f"{last}+{number}"
        entry = _ENTRY.format(
            package=package,
            version=new,
            urgency=urgency,
            label=self._series.label,
            count=len(self._series.patches),
            author=_author(self._series),
            date=_now(),
        )
        self._set(CHANGELOG, entry + old)
        debian = self._series.debian
        if debian and debian.symbols and (self._place / SYMBOLS).is_file():
            lines = "".join(f" {name}@Base {new}~\n" for name in debian.symbols)
            self._set(SYMBOLS, self._text(SYMBOLS) + lines)

    def take_out(self) -> dict[str, Path | None]:
        """Return the changes of files that take the series out of the package."""
        applied = _names(self._place / APPLIED)
        if set(self._listed) & set(applied):
            self._pop(applied)
        for name in self._listed:
            self._contents[f"debian/patches/{name}"] = None
        self._set(LISTING, self._without(LISTING))
        # An entry that is not the last, or has more in it, is about a released package.
        log = self._text(CHANGELOG)
        self._set(CHANGELOG, log[_end(_OUR_ENTRY.match(log)) :])
        if (self._place / SYMBOLS).is_file():
            self._set(SYMBOLS, _OUR_SYMBOL.sub("", self._text(SYMBOLS)))
        return self._contents

    def _pop(self, applied: list[str]) -> None:
        """Take the patches out of the sources, and out of quilt's records."""
        if applied[-len(self._listed) :] != self._listed:
            raise Problem(
                f"{self._place}: quilt has not applied the series as the last; see "
                f"`quilt applied`, and pop what is on top of {self._listed[-1]}"
            )
        patches = [self._place / "debian/patches" / name for name in self._listed]
        self._try(patches, True)
        for name in self._listed:
            home = self._place / ".pc" / name
            for path in home.rglob("*"):
                if not path.is_dir():
                    self._contents[path.relative_to(self._place).as_posix()] = None
        self._set(APPLIED, self._without(APPLIED))

    def _without(self, name: str) -> str:
        ours = set(self._listed)
        lines = self._text(name).splitlines(keepends=True)
        return "".join(line for line in lines if _name(line) not in ours)


def _head(place: Path) -> tuple[str, str, str, str]:
    """Return debian/changelog, and the package, version and urgency of its top."""
    log = _read(place / CHANGELOG)
    found = _HEAD.match(log)
    if not found:
        raise Problem(f"{place}/{CHANGELOG} does not begin with an entry")
    return log, found[1], found[2], found[3]


def _names(path: Path) -> list[str]:
    """Return the patches that quilt's file *path* lists."""
    return list(filter(None, map(_name, _read(path).splitlines())))


def _name(line: str) -> str:
    return line.split("#")[0].partition(" ")[0].strip()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _end(match: re.Match[str] | None) -> int:
    return match.end() if match else 0


def _author(series: Series) -> str:
    """Return the maintainer of the package: from Debian's variables, or the series'."""
    name, address = os.environ.get("DEBFULLNAME"), os.environ.get("DEBEMAIL")
    if name and address:
        return f"{name} <{address}>"
    return patchfile.read(series.patches[0]).author


def _now() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    utc = datetime.timezone.utc
    if epoch:
        return email.utils.format_datetime(
            datetime.datetime.fromtimestamp(int(epoch), utc)
        )
    return email.utils.format_datetime(datetime.datetime.now(utc))
