"""Read the registry of the patches: which change a number is, in every series.

It is data, patches/registry.json, and edited by hand:

    {
        "maintainers": "the one name in each patch's From: <and its address>",
        "per_version": {"Include/own.h": "why it is not one text in all series"},
        "patches": [
            {
                "number": "0110",
                "slug": "done-event",
                "issues": [116372],
                "mends": "one line, for people",
                "standalone": false,
                "series": {"3.11": true, "3.12": "why that one does not have it"}
            }
        ]
    }

A number is the same change in all series, for good. Numbers come in tens, so
that another fits between; gaps stay. `standalone` says that the patch applies
to the release alone, for those who want no other. The files that patches create
are the same in all series, but for those in `per_version`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import Problem
from ..core.layout import PATCHES
from ..series.patchfile import Patch

NAME = "registry.json"
WHERE = f"patches/{NAME}"

#: The field of a commit's message that says which patch it is.
FIELD = "Patch"

_NUMBER = re.compile(r"\d{4}")
_SLUG = re.compile(r"(?=.{1,32}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PERSON = re.compile(r"[^<>\n]+ <[^<>@\s]+@[^<>@\s]+>")


@dataclass(frozen=True)
class Entry:
    """One change, whatever series have it."""

    number: str  # "0110"
    slug: str  # "done-event"
    issues: tuple  # numbers of upstream's
    mends: str  # in one line
    series: dict  # name to True, or to why it has not got it
    standalone: bool = False

    @property
    def name(self) -> str:
        """The name in commits, and of its file without the suffix."""
        return f"{self.number}-{self.slug}"


@dataclass(frozen=True)
class Registry:
    """All that is in registry.json."""

    maintainers: str  # the author of every patch: "NAME <ADDRESS>"
    entries: dict  # number to Entry, in the order of the numbers
    per_version: dict = field(default_factory=dict)  # name of a file to why

    def problem(self, patch: Patch, series: str) -> str | None:
        """Return what is wrong with the number of *patch* in *series*, or None.

        Parameters:
            series: name of the series.
        """
        names = [value for field, value in patch.fields() if field == FIELD]
        if len(names) != 1:
            has = "more than one number" if names else "no number"
            return (
                f"{has}; end the message's last paragraph in one line "
                f"`{FIELD}: NNNN-slug`, as {WHERE} has it"
            )
        (name,) = names
        number = name[:4]
        if not _NUMBER.fullmatch(number) or name[4:5] != "-":
            return f"`{FIELD}: {name}` is not of the form NNNN-slug; amend the message"
        entry = self.entries.get(number)
        if entry is None:
            return f"{WHERE} does not know {number}; add it there, or take one it has"
        if name != entry.name:
            return (
                f"`{FIELD}: {name}` is called {entry.name} in {WHERE}; "
                "amend the message or the registry"
            )
        if entry.series.get(series) is not True:
            return (
                f'{WHERE} does not say that {series} has {number}; put "{series}": '
                "true into its series"
            )
        return None

    def names(self, patches: Iterable[Patch], series: str) -> list[str]:
        """Return the file names of *patches*, patchfile.Patch objects in order.

        Raises Problem when one of them is not in the registry as one of *series*,
        or the numbers do not ascend.
        """
        names: list[str] = []
        for patch in patches:
            problem = self.problem(patch, series)
            if problem:
                raise Problem(f"the commit {patch.subject!r}: {problem}")
            name = f"{dict(patch.fields())[FIELD]}.patch"
            if names and name <= names[-1]:
                raise Problem(
                    f"the commit {patch.subject!r} is {name[:4]} and comes after "
                    f"{names[-1][:4]}; put the commits into the order of their "
                    "numbers (git rebase -i)"
                )
            names.append(name)
        return names


def load(patches: Path = PATCHES) -> Registry:
    """Return the Registry of the series below the directory *patches*.

    Raises Problem, naming the first thing that is wrong with the file.
    """
    try:
        data = json.loads((patches / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Problem(f"there is no {WHERE}, which knows the numbers") from None
    except ValueError as exc:
        raise Problem(f"{WHERE} is no JSON: {exc}") from None
    wanted = {"maintainers", "patches"}
    if not isinstance(data, dict) or (wanted ^ set(data)) - {"per_version"}:
        raise Problem(
            f"{WHERE} has to have maintainers and patches, may have per_version, and "
            "nothing else"
        )
    if not _matches(_PERSON, data["maintainers"]):
        raise Problem(f"{WHERE}: maintainers is not of the form NAME <ADDRESS>")
    own = data.get("per_version", {})
    if not isinstance(own, dict) or not all(map(_is_reason, own.values())):
        raise Problem(f"{WHERE}: per_version has not why, for each file")
    entries, slugs, last = {}, set(), ""
    for position, values in enumerate(data["patches"], 1):
        problem = _problem(values)
        if problem:
            called = isinstance(values, dict) and values.get("number")
            raise Problem(f"{WHERE}: {called or f'patch {position}'}: {problem}")
        entry = Entry(**{**values, "issues": tuple(values["issues"])})
        if entry.number <= last or entry.slug in slugs:
            raise Problem(
                f"{WHERE}: {entry.name}: numbers ascend, and each number and slug "
                "is there once"
            )
        entries[entry.number] = entry
        slugs.add(entry.slug)
        last = entry.number
    return Registry(data["maintainers"], entries, own)


def _problem(values: Any) -> str | None:
    """Return what is wrong with *values*, which is to be an Entry, or None."""
    if not isinstance(values, dict):
        return "is not an object"
    wanted = {"number", "slug", "issues", "mends", "series"}
    different = (wanted ^ set(values)) - {"standalone"}
    if different:
        return f"{', '.join(sorted(different))}: missing, or not known"
    if not _matches(_NUMBER, values["number"]):
        return "number is not a str of four digits"
    if not _matches(_SLUG, values["slug"]):
        return "slug is not words of small letters with hyphens, 32 characters at most"
    issues = values["issues"]
    if not isinstance(issues, list) or not issues or not all(map(_is_issue, issues)):
        return "issues is not a list of numbers"
    if not _matches(re.compile(r"\S.*\S"), values["mends"]):
        return "mends is not one line"
    if not isinstance(values.get("standalone", False), bool):
        return "standalone is not true or false"
    series = values["series"]
    if not isinstance(series, dict) or not all(map(_is_said, series.values())):
        return "series has not true, or why not, for each series"
    return None


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_issue(value: object) -> bool:
    return type(value) is int and value > 0


def _is_said(value: object) -> bool:
    return value is True or _is_reason(value)


def _is_reason(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
