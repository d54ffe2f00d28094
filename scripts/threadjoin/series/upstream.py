"""Read which defects upstream has fixed, and which not, in versions without a series.

The data is in patches/upstream.json, and is measured with scripts/defects:

    {
        "3.13": {
            "measured": "3.13.15",
            "mended": ["interrupted_join"],
            "left": ["start_waits_for_ever"]
        }
    }

The name of a reproducer is that of its file in tests/defects/defects.json. A version
later than all of these is taken to be like the last of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core import files
from ..core.layout import DEFECTS, PATCHES

NAME = "upstream.json"


def _number(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.split(".")[:2]))


def load(version: str, patches: Path = PATCHES) -> dict[str, Any] | None:
    """Return what is known of a CPython of *version* ("3.13.5"), None for nothing."""
    path = patches / NAME
    if not path.exists():
        return None
    with files.data(path) as data:
        known: dict[tuple[int, ...], Any] = {_number(name): data[name] for name in data}
    wanted = tuple(map(int, re.findall(r"\d+", version)[:2]))
    fitting = [number for number in known if number <= wanted]
    return known[max(fitting)] if fitting else None


def lines(
    version: str, patches: Path = PATCHES, defects: Path = DEFECTS
) -> Iterator[str]:
    """Yield lines to print about a CPython of *version*, none if it is not known.

    Parameters:
        defects: path of the list that describes the reproducers; without it, the
            lines have their names.
    """
    found = load(version, patches)
    if not found:
        return
    known = {}
    if defects.exists():
        with files.data(defects) as listed:
            known = {Path(one["script"]).stem: one for one in listed}
    for title, names in (
        (f"Upstream has fixed (as of {found['measured']}):", found["mended"]),
        ("Upstream has not fixed:", found["left"]),
    ):
        yield title
        for name in names:
            defect = known.get(name, {"what": name})
            issue = f" (gh-{defect['issue']})" if defect.get("issue") else ""
            yield f"    {defect['what'].replace('`', '')}{issue}"
