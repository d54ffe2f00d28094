"""Read what is different in the version of a series, for those who test it.

It is data, differences.json beside the patches, and edited by hand. All of it may be
left out, and the file too:

    {
        "mended": {"interrupted_join": "3.12.4"},
        "lacks": {"test_interpreters": "it came with 3.13"},
        "expected_failures": {"tests/integration/test_fork.py::test_x": "why"},
        "modelled": {"Thread.join": "only its docstring is another one"},
        "unplanted": {"dummy-forks": "3.12.2 mends what it breaks"},
        "part": ["tests/integration/test_joining.py"]
    }

`mended` has the first release of the version without a defect: that of a reproducer,
by the name of its file, or one that a test names. `lacks` has CPython's own files of
tests that the version does not have. `expected_failures` are of the project's tests,
all of which fail. `modelled` are the functions in tests/models that are not as in the
lead, each with the reason why the models hold for it. `unplanted` are the bugs of
tests/mutants that are not planted: they break nothing in the version, or nothing that a
test can force. `part` is what is run of the tests when nobody names the series.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..core.errors import Problem
from .catalog import Series

NAME = "differences.json"

#: The form that it has to have, which a hook checks.
SCHEMA = "patches/schemas/differences.schema.json"


@dataclass(frozen=True)
class Differences:
    """The content of the file."""

    mended: dict[str, str] = field(default_factory=dict)  # what to "3.12.4"
    lacks: dict[str, str] = field(default_factory=dict)  # file of tests to why
    expected_failures: dict[str, str] = field(default_factory=dict)  # test to why
    modelled: dict[str, str] = field(default_factory=dict)  # function to why
    unplanted: dict[str, str] = field(default_factory=dict)  # name to why
    part: tuple[str, ...] = ()  # of tests: files, FILE::NAME or directories

    def units(self, names: Iterable[str]) -> list[str]:
        """Return those of *names*, CPython's files of tests, that are there."""
        return [name for name in names if name.split()[0] not in self.lacks]


def load(series: Series) -> Differences:
    """Return the Differences of a catalog.Series.

    Raises Problem when the file cannot be read, or names another version's release; a
    hook has what else may be wrong with it.
    """
    path = series.directory / NAME
    where = f"patches/{series.name}/{NAME}"
    if not path.exists():
        return Differences()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = Differences(**{**data, "part": tuple(data.get("part", ()))})
        mended = list(found.mended.items())
    except (ValueError, TypeError, AttributeError) as exc:
        raise Problem(f"{where} is not as {SCHEMA} says: {exc!r}") from None
    for what, release in mended:
        if not release.startswith(f"{series.name}."):
            raise Problem(
                f"{where}: mended: {what}: {release!r} is no release of {series.name}"
            )
    return found
