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
    """Write *content*, which JSON can hold, to the file *path*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, json.dumps(content, indent=indent))


def restored(kind: type[T], entry: Mapping[str, Any]) -> T:
    """Return the object of the dataclass *kind* of which asdict() made *entry*.

    Raises TypeError if it is of a version of this program with other fields.
    """
    found = dict(entry)
    if "differences" in found:
        found["differences"] = [Difference(**one) for one in found["differences"]]
    return kind(**found)


def load(kind: type[T], path: Path, advice: str) -> T | None:
    """Return the object of the dataclass *kind* in the file *path*; None for no file.

    Raises Problem, with *advice*, if it is of a version of this program with other
    fields.
    """
    if not path.is_file():
        return None
    try:
        return restored(kind, json.loads(path.read_text()))
    except TypeError:
        raise Problem(f"{path} is too old; {advice}") from None


@dataclass(frozen=True)
class Named:
    """A result, of which a directory has one for each name.

    Attributes:
        name: the name of what was measured.
    """

    name: str

    def save(self, home: Path) -> None:
        """Keep it below *home*."""
        save(home / self.name / "result.json", asdict(self))

    @classmethod
    def load(cls: type[N], home: Path, names: Iterable[str], what: str) -> list[N]:
        """Return the results of *names*, each a *what*, that save() kept below *home*.

        Raises Problem if there are none, and as load() does.
        """
        found = [
            load(cls, home / name / "result.json", f"run {name} again")
            for name in names
        ]
        if not any(found):
            raise Problem(f"nothing has been run yet; name a {what}")
        return list(filter(None, found))
