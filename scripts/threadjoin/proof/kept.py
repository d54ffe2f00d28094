"""Keep results as JSON files, and read them again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..core import files
from ..core.errors import Problem
from .compare import Difference

T = TypeVar("T")
N = TypeVar("N", bound="Named")


def save(path: Path, content: object, indent: int | None = 1) -> None:
    """Make *content*, which JSON can hold, all that the file *path* has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, json.dumps(content, indent=indent))


def restored(kind: type[T], entry: Mapping[str, Any]) -> T:
    """Return what *entry*, of asdict(), was: an object of the dataclass *kind*.

    Raises TypeError when it is of a version of this program with other fields.
    """
    found = dict(entry)
    if "differences" in found:
        found["differences"] = [Difference(**one) for one in found["differences"]]
    return kind(**found)


def load(kind: type[T], path: Path, advice: str) -> T | None:
    """Return what the file *path* has of the dataclass *kind*; None without a file.

    Raises Problem, with *advice*, when it is of a version of this program with
    other fields.
    """
    if not path.is_file():
        return None
    try:
        return restored(kind, json.loads(path.read_text()))
    except TypeError:
        raise Problem(f"{path} is too old; {advice}") from None


@dataclass(frozen=True)
class Named:
    """A result of which a directory has one for each name.

    Attributes:
        name: that of what it is of.
    """

    name: str

    def save(self, home: Path) -> None:
        """Keep it below *home*."""
        save(home / self.name / "result.json", asdict(self))

    @classmethod
    def load(cls: type[N], home: Path, names: Iterable[str], what: str) -> list[N]:
        """Return what save() kept below *home* of *names*, each of which is a *what*.

        Raises Problem when that is nothing, and as load() does.
        """
        found = [
            load(cls, home / name / "result.json", f"run {name} again")
            for name in names
        ]
        if not any(found):
            raise Problem(f"nothing has been run yet; name a {what}")
        return list(filter(None, found))
