"""Apply a series to a source tree of CPython: all of it or nothing.

git does the patching, on copies of the files that the series touches, in a
scratch directory that belongs to no repository: the tree's own git and its
configuration have no effect, and the tree changes only if all patches apply.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core import exchange, git, process
from ..core.errors import Problem
from ..core.layout import StrPath
from .catalog import Series

VERSION_HEADER = Path("Include", "patchlevel.h")

#: Directories that a tree may lack: those of tests and of documentation.
TESTS = ("Lib/test", "Doc")


@dataclass(frozen=True)
class Refusal:
    """The reason why a patch could not be applied."""

    patch: Path
    reason: str  # "Lib/threading.py, hunk 2 (line 1103)"


def version_of(tree: StrPath, called: StrPath | None = None) -> str:
    """Return the version ("3.11.2", "3.11.4+") of the CPython tree at *tree*.

    Raises Problem when that is no source tree of CPython; it names the tree
    as *called*, where that is given.
    """
    tree = Path(tree)
    called = called or tree
    if not tree.is_dir():
        what = "is not a directory" if tree.exists() else "does not exist"
        raise Problem(f"{called} {what}; name a source tree of CPython")
    try:
        header = (tree / VERSION_HEADER).read_text(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        header = ""
    found = re.search(r'^#define\s+PY_VERSION\s+"([^"]+)"', header, re.MULTILINE)
    if not found or not (tree / "Lib" / "threading.py").is_file():
        raise Problem(
            f"{called} is not a source tree of CPython: it has no "
            f"{VERSION_HEADER} with a version, or no Lib/threading.py"
        )
    return found.group(1)


def has(tree: Path, series: Series) -> bool:
    """Whether the CPython source *tree* has all of *series* in it."""
    with _room(tree, series) as room:
        return room.attempt(series.patches, reverse=True) is None


def apply(
    tree: StrPath,
    series: Series,
    *,
    reverse: bool = False,
    check: bool = False,
    called: StrPath | None = None,
    without_tests: bool = False,
) -> bool:
    """Apply *series* to the CPython source *tree*, or take it out.

    Parameters:
        tree: path of the tree.
        reverse: take the series out instead.
        check: only see whether it can be done.
        called: what a message calls the tree; None for its path.
        without_tests: leave out what is below TESTS.

    Returns True when the tree was changed (with *check*: would be), False
    when it is already as wanted. Raises Problem, with the tree as it was,
    when the series cannot be applied or taken out.
    """
    tree = Path(tree)
    with _room(tree, series, TESTS if without_tests else ()) as room:
        refusal = room.attempt(series.patches, reverse)
        if refusal is None:
            if not check:
                exchange.put(room.results(), tree)
            return True
        if room.attempt(series.patches, not reverse) is None:
            return False
        raise refused(tree, refusal, room, reverse, called)


def refused(
    tree: Path,
    refusal: Refusal,
    room: Room,
    reverse: bool = False,
    called: StrPath | None = None,
) -> Problem:
    """Return the Problem that a Refusal is.

    Parameters:
        room: the Room in which it was tried.

    Other parameters as apply() has them.
    """
    verb = "be taken out of" if reverse else "be applied to"
    return Problem(
        f"{refusal.patch.name} cannot {verb} {called or tree} (CPython "
        f"{version_of(tree)}): {refusal.reason}{room.slim(refusal)}; the tree is as it "
        "was"
    )


@contextlib.contextmanager
def _room(tree: StrPath, series: Series, without: Sequence[str] = ()) -> Iterator[Room]:
    if not series.patches:
        raise Problem(f"the series {series.name} lists no patch")
    with tempfile.TemporaryDirectory(prefix="threadjoin-") as directory:
        yield Room(Path(tree), series.patches, Path(directory).resolve(), without)


class Room:
    """A scratch directory in which patches are tried on copies.

    Parameters:
        patches: all patches that are tried.
        directory: the scratch directory.
        without: names of directories whose files are left out.
    """

    def __init__(
        self,
        tree: Path,
        patches: Sequence[Path],
        directory: Path,
        without: Sequence[str] = (),
    ) -> None:
        self._tree = tree
        self._without = tuple(f"{name}/" for name in without)
        self._copies = directory / "copies"
        self.offsets = 0  # hunks of the last attempt() that were in other lines
        self._names = sorted({name for p in patches for name in self._touched(p)})

    def _touched(self, patch: Path) -> list[str]:
        return [n for n in touched(patch) if not n.startswith(self._without)]

    def attempt(
        self,
        patches: Sequence[Path],
        reverse: bool,
        before: Callable[[Path, dict[str, Path]], None] | None = None,
    ) -> Refusal | None:
        """Try *patches* on fresh copies; return None or the first Refusal.

        Parameters:
            reverse: take them out instead, the last one first.
            before: a function that is called before each patch, with its Path and
                {name of a file that it touches: Path of its copy}.
        """
        if self._copies.exists():
            shutil.rmtree(self._copies)
        self._copies.mkdir()
        self.offsets = 0
        for name in self._names:
            if (self._tree / name).is_file():
                (self._copies / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self._tree / name, self._copies / name)
        for patch in reversed(patches) if reverse else patches:
            if before:
                copies = {name: self._copies / name for name in self._touched(patch)}
                before(patch, copies)
            complaints, offsets = _git_apply(
                self._copies, patch, reverse, self._without
            )
            self.offsets += offsets
            if complaints:
                return Refusal(patch, _explain(complaints, patch, reverse))
        return None

    def results(self) -> dict[str, Path | None]:
        """Return the files that the last attempt() changed, as a dict: their
        names to the paths of their new contents, None for those removed.
        """
        return {
            name: copy if copy.is_file() else None
            for name, copy in ((n, self._copies / n) for n in self._names)
            if _differ(copy, self._tree / name)
        }

    def slim(self, refusal: Refusal) -> str:
        """Return words on the directory of TESTS that caused the *refusal*, if any."""
        for name in TESTS:
            if refusal.reason.startswith(name) and not (self._tree / name).is_dir():
                return f"; for a tree without {name}, there is --without-tests"
        return ""


def apply_one(tree: Path, patch: Path) -> str | None:
    """Apply the file *patch*, which is in any series or none, to *tree*.

    Both are Paths. Returns git's complaint, None for none.
    """
    complaints, _ = _git_apply(tree.resolve(), patch, reverse=False)
    return _explain(complaints, patch, reverse=False) if complaints else None


def fit(tree: StrPath, patches: Sequence[Path]) -> Refusal | int | None:
    """Try *patches* (Paths) on copies of the files of *tree* that they touch.

    Returns None when all apply to the letter, the Refusal of the first that does
    not apply, or else the number of the hunks that are in other lines.
    """
    with tempfile.TemporaryDirectory(prefix="threadjoin-") as directory:
        room = Room(Path(tree), patches, Path(directory).resolve())
        refusal = room.attempt(patches, reverse=False)
        return refusal or room.offsets or None


def touched(patch: Path) -> set[str]:
    """Return the names of the files that the file *patch* changes."""
    names = set()
    for line in patch.read_text(errors="surrogateescape").splitlines():
        for form in (r"diff --git a/(.+) b/\1", r"(?:rename|copy) (?:from|to) (.+)"):
            names.update(re.findall(f"^{form}$", line))
    return names


def _git_apply(
    directory: Path, patch: Path, reverse: bool, without: Sequence[str] = ()
) -> tuple[list[str], int]:
    """Apply *patch* in *directory*, but for the files in the directories *without*.

    Returns git's complaints, [] for none, and the number of the hunks that it found
    in other lines than the patch says.
    """
    options = ["--verbose", "--whitespace=nowarn"]
    options += ["--reverse"] if reverse else []
    options += [f"--exclude={name}*" for name in without]
    done = git.attempt(
        directory,
        "apply",
        *options,
        str(patch.resolve()),
        # Otherwise git, inside another repository, skips the files in silence.
        GIT_CEILING_DIRECTORIES=str(directory.parent),
    )
    if process.DISK_FULL in done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory))
    said = done.stderr.decode(errors="replace").splitlines()
    offsets = sum("(offset " in line for line in said if line.startswith("Hunk #"))
    if not done.returncode:
        return [], offsets
    progress = ("Checking patch ", "Hunk #", "Applied patch ")
    complaints = [line for line in said if not line.startswith(progress)]
    return complaints or ["git apply failed"], offsets


def _explain(complaints: Sequence[str], patch: Path, reverse: bool) -> str:
    """Return words about the file and the hunk of *patch* that git refused."""
    for complaint in complaints:
        found = re.fullmatch(r"error: patch failed: (.+):(\d+)", complaint)
        if found:
            name, line = found.group(1), int(found.group(2))
            hunk = _hunk_at(patch, name, line, reverse)
            return f"{name}, hunk {hunk} (line {line}) does not match"
    for complaint in complaints:
        if complaint.startswith("error: "):
            return complaint[len("error: ") :]
    return complaints[0]


def _hunk_at(patch: Path, name: str, line: int, reverse: bool) -> int:
    """Return the number, from 1, of the hunk for *line* of the file *name*."""
    number = 0
    here = False
    for text in patch.read_text(errors="surrogateescape").splitlines():
        if text.startswith("diff --git "):
            here = text == f"diff --git a/{name} b/{name}"
            number = 0
        found = here and re.match(r"@@ -(\d+)(?:,\d+)? \+(\d+)", text)
        if found:
            number += 1
            if int(found.group(2 if reverse else 1)) == line:
                break
    return number


def _differ(one: Path, other: Path) -> bool:
    if one.is_file() != other.is_file():
        return True
    return one.is_file() and _content(one) != _content(other)


def _content(path: Path) -> tuple[int, bytes]:
    return path.stat().st_mode & 0o100, path.read_bytes()
