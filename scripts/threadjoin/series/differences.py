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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .catalog import Series

NAME = "differences.json"


@dataclass(frozen=True)
class Differences:
    """The content of the file."""

    mended: dict[str, str] = field(default_factory=dict)  # what to "3.12.4"
    lacks: dict[str, str] = field(default_factory=dict)  # file of tests to why
    expected_failures: dict[str, str] = field(default_factory=dict)  # test to why
    modelled: dict[str, str] = field(default_factory=dict)  # function to why
    unplanted: dict[str, str] = field(default_factory=dict)  # name to why
    part: Sequence[str] = ()  # of tests: files, FILE::NAME or directories

    def units(self, names: Iterable[str]) -> list[str]:
        """Return those of *names*, CPython's files of tests, that are there."""
        return [name for name in names if name.split()[0] not in self.lacks]


def load(series: Series) -> Differences:
    """Return the Differences of a catalog.Series, whose form a hook checks."""
    path = series.directory / NAME
    if not path.exists():
        return Differences()
    return Differences(**json.loads(path.read_text(encoding="utf-8")))
