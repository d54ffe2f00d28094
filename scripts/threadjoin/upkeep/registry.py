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

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..core import files
from ..core.errors import Problem
from ..core.layout import PATCHES
from ..series.patchfile import Patch

NAME = "registry.json"
WHERE = f"patches/{NAME}"

#: The field of a commit's message that says which patch it is.
FIELD = "Patch"

_NUMBER = re.compile(r"\d{4}")


@dataclass(frozen=True)
class Entry:
    """One change, whatever series have it."""

    number: str  # "0110"
    slug: str  # "done-event"
    issues: tuple[int, ...]  # numbers of upstream's
    mends: str  # in one line
    series: dict[str, bool | str]  # name to True, or to why it lacks the change
    standalone: bool = False

    @property
    def name(self) -> str:
        """The name in commits, and of its file without the suffix."""
        return f"{self.number}-{self.slug}"


@dataclass(frozen=True)
class Registry:
    """All that is in registry.json."""

    maintainers: str  # the author of every patch: "NAME <ADDRESS>"
    entries: dict[str, Entry]  # number to Entry, in the order of the numbers
    per_version: dict[str, str] = field(default_factory=dict)  # name of a file to why

    def problem(self, patch: Patch, series: str) -> str | None:
        """Return the fault of the number of *patch* in *series*, or None.

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

    Raises Problem if it is wrong. A hook checks its form, in full.
    """
    try:
        with files.data(patches / NAME) as data:
            entries = [
                Entry(**{**values, "issues": tuple(values["issues"])})
                for values in data["patches"]
            ]
            maintainers, own = data["maintainers"], data.get("per_version", {})
    except FileNotFoundError:
        raise Problem(f"there is no {WHERE}, which lists the numbers") from None
    known = {entry.number: entry for entry in entries}
    slugs = {entry.slug for entry in entries}
    if list(known) != sorted(known) or not len(entries) == len(known) == len(slugs):
        raise Problem(
            f"{WHERE}: numbers ascend, and each number and slug is there once"
        )
    return Registry(maintainers, known, own)
