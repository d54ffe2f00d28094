"""Read what is different in the version of a series, for those who test it.

It is data, differences.json beside the patches, and edited by hand. All of it may be
left out, and the file too:

    {
        "mended": {"interrupted_join": "3.12.4"},
        "lacks": {"test_interpreters": "it came with 3.13"},
        "expected_failures": {"tests/integration/test_fork.py::test_x": "why"},
        "part": ["tests/integration/test_joining.py"]
    }

`mended` has the first release of the version without a defect: that of a reproducer,
by the name of its file, or one that a test names. `lacks` has CPython's own files of
tests that the version does not have. `expected_failures` are of the project's tests,
all of which fail. `part` is what is run of those when nobody names the series.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..core.errors import Problem
from .catalog import Series

NAME = "differences.json"

_RELEASE = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Differences:
    """The content of the file."""

    mended: dict = field(default_factory=dict)  # what to "3.12.4"
    lacks: dict = field(default_factory=dict)  # file of tests to why
    expected_failures: dict = field(default_factory=dict)  # test to why
    part: tuple = ()  # of tests: files, FILE::NAME or directories

    def units(self, names: Iterable[str]) -> list[str]:
        """Return those of *names*, CPython's files of tests, that are there."""
        return [name for name in names if name.split()[0] not in self.lacks]


def load(series: Series) -> Differences:
    """Return the Differences of a catalog.Series.

    Raises Problem, naming the first thing that is wrong with the file.
    """
    path = series.directory / NAME
    where = f"patches/{series.name}/{NAME}"
    if not path.exists():
        return Differences()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise Problem(f"{where} is no JSON: {exc}") from None
    if not isinstance(data, dict):
        raise Problem(f"{where} is no object")
    strange = data.keys() - Differences.__dataclass_fields__
    if strange:
        raise Problem(f"{where}: {', '.join(sorted(strange))}: not known")
    part = data.pop("part", [])
    if not isinstance(part, list) or not all(map(_is_text, part)):
        raise Problem(f"{where}: part is not a list of tests")
    for name, values in data.items():
        if not isinstance(values, dict) or not all(map(_is_text, values.values())):
            raise Problem(f"{where}: {name} does not have a text for each")
    for what, release in data.get("mended", {}).items():
        right = _RELEASE.fullmatch(release)
        if not right or not release.startswith(f"{series.name}."):
            raise Problem(
                f"{where}: mended: {what}: {release!r} is no release of {series.name}"
            )
    return Differences(**data, part=tuple(part))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
