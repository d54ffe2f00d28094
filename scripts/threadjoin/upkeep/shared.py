"""Compare the new files of the series, which are one text in all of them.

At each number a series has them as the lead has them after its patches up to that
number: a series that has not got a number of the lead's gets what that one changes
in them with its own next number. What is different by purpose, the registry names
in `per_version`. A NEWS entry comes with its number, or not at all.

All this is told from the patches alone: a file that patches create needs no release.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import Problem
from ..series import patchfile
from ..series.catalog import Series
from . import news
from .registry import Registry


@dataclass(frozen=True)
class File:
    """A file that a series creates, as it is after one of the patches."""

    content: bytes
    mode: str  # git's, such as "100644"
    since: str  # number of the patch that creates it


#: By number of a patch, the files that are there after it, by name.
States = dict[str, dict[str, File]]


def states(series: Series) -> States:
    """Return the files that a catalog.Series creates: {number: {name: File}}.

    Each number has all files that are there after its patch. Raises Problem when a
    patch does not fit what comes before it.
    """
    found = {}
    files: dict[str, File] = {}
    for path in series.patches:
        files = dict(files)
        number = path.name[:4]
        for change in patchfile.read(path).changes:
            if change.created:
                files[change.name] = File(change.content(), change.mode, number)
            elif change.name not in files:
                continue
            elif change.deleted:
                del files[change.name]
            else:
                before = files[change.name]
                content = _changed(before.content, change, path)
                files[change.name] = File(content, before.mode, before.since)
        found[number] = files
    return found


def _changed(content: bytes, change: patchfile.Change, path: Path) -> bytes:
    """Return *content* after a patchfile.Change of the patch *path*."""
    lines = content.splitlines(keepends=True)
    moved = 0
    for hunk in change.hunks:
        old, new = hunk.side(new=False), hunk.side(new=True)
        # Of a hunk without old lines, the line is the one before it.
        at = hunk.start - bool(old) + moved
        if lines[at : at + len(old)] != old:
            raise Problem(
                f"{path.parent.name}/{path.name}: {change.name} does not match, "
                f"at {hunk.place.partition(' @@')[0]} @@; export the series again"
            )
        lines[at : at + len(old)] = new
        moved += len(new) - len(old)
    return b"".join(lines)


def wanted(known: Registry, lead: States, numbers: Sequence[str]) -> States:
    """Return the lead's files that another series has to have.

    Parameters:
        lead: states() of the lead.
        numbers: those of the other series, in order.

    As states() has it. What the lead changes after the last of *numbers* is nowhere
    in it.
    """
    found, files, ahead = {}, {}, list(lead)
    for number in numbers:
        while ahead and ahead[0] <= number:
            files = lead[ahead.pop(0)]
        found[number] = {
            name: file
            for name, file in files.items()
            if name not in known.per_version
            and (not is_news(name) or file.since in numbers)
        }
    return found


def theirs(known: Registry, lead: Container[str], files: Iterable[str]) -> set[str]:
    """Return the names in *files* that have to be the same as in the lead.

    Parameters:
        lead: names of the files that the lead has at any number.
        files: names.

    NEWS entries that the lead does not have are a series' own.
    """
    return {
        name
        for name in files
        if name not in known.per_version and (name in lead or not is_news(name))
    }


def is_news(name: str) -> bool:
    """Whether the file *name* is a NEWS entry."""
    return name.startswith(news.NEXT + "/")


def names(states: States) -> set[str]:
    """Return the names of all files in *states*."""
    return {name for files in states.values() for name in files}


def late(
    known: Registry, lead: States, numbers: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield (number, name): what the lead changes after the last of *numbers*."""
    previous: dict[str, File] = {}
    for number, files in lead.items():
        if number > numbers[-1]:
            for name in sorted(files.keys() | previous.keys()):
                if name in known.per_version or is_news(name):
                    continue
                if files.get(name) != previous.get(name):
                    yield number, name
        previous = files


def problems(known: Registry, every: Mapping[str, States]) -> Iterator[str]:
    """Yield where series do not have the same files, a line each.

    Parameters:
        every: {name of a series: its states()}, the lead first.
    """
    if not every:
        return
    (first, lead), *others = every.items()
    for series, states in others:
        numbers = list(states)
        if not numbers:
            continue
        right = wanted(known, lead, numbers)
        wrong: dict[tuple[str, str], list[str]] = {}
        for number, files in states.items():
            have = theirs(known, names(lead), files)
            for name in have | right[number].keys():
                problem = difference(files.get(name), right[number].get(name))
                if problem:
                    wrong.setdefault((name, problem), []).append(number)
        for (name, problem), where in sorted(wrong.items()):
            said = problem.format(first)
            span = where[0] if len(where) == 1 else f"{where[0]} to {where[-1]}"
            yield f"patches/{series}: {name}, at {span}: {said}"
        for number, name in late(known, lead, numbers):
            yield (
                f"patches/{series}: {name}: {first} changes it in {number}, and "
                f"{series} has no patch of that or a later number"
            )


def difference(file: File | None, right: File | None) -> str | None:
    """Return how *file* differs from *right* (Files, or None), for str.format()."""
    if file is None:
        return "is missing, which {} has there"
    if right is None:
        return "{} has no such file there, and per_version does not name it"
    if file.content != right.content:
        return "differs from what {} has there"
    return None if file.mode == right.mode else "has another mode than in {}"
