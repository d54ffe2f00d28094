"""Read what upstream has mended, and left, in the versions that need no series.

It is data, patches/upstream.json, measured with scripts/defects:

    {
        "3.13": {
            "measured": "3.13.15",
            "mended": ["interrupted_join"],
            "left": ["start_waits_for_ever"]
        }
    }

A reproducer is called as its file in tests/defects/defects.json is. A version that is
later than all is as the last one that is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import Problem
from ..core.layout import PATCHES
from . import catalog

NAME = "upstream.json"
WHERE = f"patches/{NAME}"


@dataclass(frozen=True)
class Upstream:
    """The figures measured of a version."""

    measured: str  # the release
    mended: tuple[str, ...]  # names of reproducers
    left: tuple[str, ...]


def _number(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.split(".")[:2]))


def load(version: str, patches: Path = PATCHES) -> Upstream | None:
    """Return the Upstream for a CPython of *version* ("3.13.5"), None for none.

    Raises Problem when the file is not as it is to be.
    """
    path = patches / NAME
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        known = {
            _number(name): Upstream(
                one["measured"], tuple(one["mended"]), tuple(one["left"])
            )
            for name, one in data.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise Problem(f"{WHERE} is not as its module says: {exc!r}") from None
    wanted = _number(catalog.series_name(version))
    fitting = [number for number in known if number <= wanted]
    return known[max(fitting)] if fitting else None


def lines(found: Upstream, known: Iterable[Any]) -> Iterator[str]:
    """Yield the lines that tell people of an Upstream.

    *known* are the defects.Defects of the project.
    """
    what = {defect.script.rpartition("/")[2][: -len(".py")]: defect for defect in known}
    for title, names in (
        (f"Upstream has mended (as of {found.measured}):", found.mended),
        ("and has left:", found.left),
    ):
        yield title
        for name in names:
            defect = what[name]
            issue = f" (gh-{defect.issue})" if defect.issue else ""
            yield f"    {defect.what.replace('`', '')}{issue}"
