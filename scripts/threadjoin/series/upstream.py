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
later than all of these is taken to be as the last of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.layout import DEFECTS, PATCHES

NAME = "upstream.json"


def _number(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.split(".")[:2]))


def load(version: str, patches: Path = PATCHES) -> dict[str, Any] | None:
    """Return what is known of a CPython of *version* ("3.13.5"), None for nothing."""
    path = patches / NAME
    if not path.exists():
        return None
    data = json.loads(path.read_text(encoding="utf-8"))
    known: dict[tuple[int, ...], Any] = {_number(name): data[name] for name in data}
    wanted = tuple(map(int, re.findall(r"\d+", version)[:2]))
    fitting = [number for number in known if number <= wanted]
    return known[max(fitting)] if fitting else None


def lines(
    version: str, patches: Path = PATCHES, defects: Path = DEFECTS
) -> Iterator[str]:
    """Yield lines for people about a CPython of *version*, none where it is not known.

    Parameters:
        defects: path of the list that describes the reproducers; where there is no
            such file, their names stand for themselves.
    """
    found = load(version, patches)
    if not found:
        return
    listed = json.loads(defects.read_text()) if defects.exists() else []
    known = {Path(one["script"]).stem: one for one in listed}
    for title, names in (
        (f"Upstream has mended (as of {found['measured']}):", found["mended"]),
        ("Upstream has not mended:", found["left"]),
    ):
        yield title
        for name in names:
            defect = known.get(name, {"what": name})
            issue = f" (gh-{defect['issue']})" if defect.get("issue") else ""
            yield f"    {defect['what'].replace('`', '')}{issue}"
