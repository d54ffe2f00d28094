"""Read how the version of a series differs from the lead's, for its tests.

The data is in differences.json beside the patches, and is edited by hand. Each key may
be left out, and so may the file:

    {
        "mended": {"interrupted_join": "3.12.4"},
        "lacks": {"test_interpreters": "it came with 3.13"},
        "expected_failures": {"tests/integration/test_fork.py::test_x": "why"},
        "modelled": {"Thread.join": "only its docstring differs"},
        "unplanted": {"dummy-forks": "3.12.2 fixes what it breaks"},
        "part": ["tests/integration/test_joining.py"]
    }

`mended` has the first release of the version without a defect: that of a reproducer,
by the name of its file, or one that a test names. `lacks` has CPython's own files of
tests that the version does not have. `expected_failures` are tests of the project, all
of which fail. `modelled` are the functions in tests/models that differ from the lead's,
each with the reason why the models hold for it. `unplanted` are the bugs of
tests/mutants that are not planted: they break nothing in the version, or nothing that a
test can force. `part` is the part of the tests that runs when the series is not named.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..core import files
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
    with files.data(path) as found:
        return Differences(**found)
