"""Compare two series, patch by patch and hunk by hunk, without the numbers of lines.

Two hunks are the same if their lines are. A pair that differs only in its context does
the same in both series, and is reported as such.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..series import patchfile
from ..series.catalog import Series
from ..series.patchfile import Change, Hunk, Patch
from .registry import Registry

#: Fields of a message that are not compared: they are about the file, not the change.
_OF_THE_FILE = ("Last-Update: ",)


@dataclass(frozen=True)
class Pair:
    """Two hunks of one file that differ; one of them may be None."""

    name: str  # of the file
    hunks: tuple[patchfile.Hunk | None, patchfile.Hunk | None]

    @property
    def quotes_only(self) -> bool:
        """Whether both add and remove the same lines."""
        one, other = self.hunks
        return bool(one and other and _essential(one) == _essential(other))


@dataclass(frozen=True)
class Difference:
    """How one number differs between two series."""

    name: str  # "0110-done-event"
    pairs: tuple[Pair, ...] = ()
    hunks: int = 0  # how many there are, those of a pair as one
    message: tuple[str, ...] = ()  # lines of a diff of the messages
    only: str = ""  # name of the one series that has it
    why: str = ""  # the other one has not, if the registry says so: " (...)"

    def __bool__(self) -> bool:
        return bool(self.pairs or self.message or self.only)

    def __str__(self) -> str:
        if self.only:
            return f"{self.name}: only {self.only} has it{self.why}"
        said = f"{self.name}: {len(self.pairs)} of {self.hunks} hunks differ"
        quoting = sum(pair.quotes_only for pair in self.pairs)
        if quoting:
            said += f", {quoting} of them only in what they quote"
        return said + (", and the messages" if self.message else "")


def _essential(hunk: Hunk) -> list[bytes]:
    return [line for line in hunk.lines if not line.startswith(b" ")]


def compare(one: Series, other: Series, known: Registry) -> Iterator[Difference]:
    """Yield the Difference of each number that a series has."""
    paths = [{path.stem: path for path in series.patches} for series in (one, other)]
    for name in sorted(paths[0].keys() | paths[1].keys()):
        mine, its = (found.get(name) for found in paths)
        if mine and its:
            yield _patches(name, patchfile.read(mine), patchfile.read(its))
            continue
        has, lacks = (one, other) if mine else (other, one)
        entry = known.entries.get(name[:4])
        why = entry.series.get(lacks.name) if entry else None
        said = f" ({lacks.name}: {why})" if isinstance(why, str) else ""
        yield Difference(name, only=has.name, why=said)


def _patches(name: str, one: Patch, other: Patch) -> Difference:
    """Return the Difference of two patchfile.Patch objects."""
    hunks = [
        {change.name: _hunks(change) for change in patch.changes}
        for patch in (one, other)
    ]
    pairs: list[Pair] = []
    total = 0
    for file in sorted(hunks[0].keys() | hunks[1].keys()):
        mine, its = (found.get(file, []) for found in hunks)
        matcher = difflib.SequenceMatcher(
            None, [h.lines for h in mine], [h.lines for h in its], autojunk=False
        )
        for kind, *spans in matcher.get_opcodes():
            left, right = mine[spans[0] : spans[1]], its[spans[2] : spans[3]]
            found = _paired(file, left, right) if kind != "equal" else []
            total += len(found) or len(left)
            pairs += found
    said = difflib.unified_diff(_message(one), _message(other), lineterm="", n=0)
    message = tuple(line for line in said if not line.startswith(("---", "+++", "@@")))
    return Difference(name, tuple(pairs), total, message)


def _hunks(change: Change) -> Sequence[Hunk]:
    """Return the hunks of a patchfile.Change; one for a file that has no text."""
    if change.hunks:
        return change.hunks
    return [patchfile.Hunk(0, "", (b"created" if change.created else b"changed",))]


def _message(patch: Patch) -> list[str]:
    body = [line for line in patch.body if not line.startswith(_OF_THE_FILE)]
    return [patch.subject, *body]


def _paired(name: str, left: Sequence[Hunk], right: Sequence[Hunk]) -> list[Pair]:
    """Return Pairs of the hunks *left* and *right*, which keep their order.

    The two that are most alike belong together; then those before them, and after.
    """
    if not left or not right:
        alone = [Pair(name, (hunk, None)) for hunk in left]
        return alone + [Pair(name, (None, hunk)) for hunk in right]
    places = [(i, j) for i in range(len(left)) for j in range(len(right))]
    i, j = max(places, key=lambda place: _likeness(left[place[0]], right[place[1]]))
    return [
        *_paired(name, left[:i], right[:j]),
        Pair(name, (left[i], right[j])),
        *_paired(name, left[i + 1 :], right[j + 1 :]),
    ]


def _likeness(one: Hunk, other: Hunk) -> float:
    return difflib.SequenceMatcher(None, one.lines, other.lines, False).ratio()


def lines(difference: Difference, names: Sequence[str]) -> Iterator[str]:
    """Yield the lines about a Difference; the summary is the last.

    Parameters:
        names: of the two series.
    """
    for line in difference.message:
        yield f"{line[0]} {names[line[0] == '+']} {line[1:]}".rstrip()
    for pair in difference.pairs:
        mark = " (only in what it quotes)" if pair.quotes_only else ""
        yield f"{pair.name}{mark}"
        for sign, name, hunk in zip("-+", names, pair.hunks):
            yield f"{sign} {name} {hunk.place if hunk else 'has nothing of it'}"
        mine, its = ([_text(line) for line in h.lines] if h else [] for h in pair.hunks)
        compared = difflib.ndiff(mine, its, linejunk=None, charjunk=None)
        yield from (line.rstrip() for line in compared if not line.startswith("? "))
        yield ""
    yield str(difference)


def _text(line: bytes) -> str:
    return line.decode(errors="backslashreplace")


def total(differences: Sequence[Difference]) -> str:
    """Return the last line, on all *differences* of two series."""
    hunks = sum(one.hunks for one in differences)
    pairs = [pair for one in differences for pair in one.pairs]
    quoting = sum(pair.quotes_only for pair in pairs)
    alone = sum(bool(one.only) for one in differences)
    return (
        f"{len(differences)} patches: {len(pairs)} of {hunks} hunks differ, {quoting} "
        f"of them only in what they quote; in one series only: {alone}"
    )
