"""Look for leaked references, blocks and files, with CPython's regrtest -R."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..building import identity, selftest
from ..core import tables
from ..core.errors import Problem
from ..core.layout import StrPath
from ..core.progress import duration
from . import pages
from .outcomes import PASSED, Run
from .regrtest import runner

HOME = runner.HOME / "refleaks"

#: Runs that are not counted, since caches fill up, and runs that are.
RUNS = ("-R", "3:3")
TIMES = 6

#: Seconds for one file of tests: it runs six times.
TIMEOUT = 3600

_LEAKED = re.compile(r"^(\S+) leaked (\[.*\] .+, sum=\d+)", re.MULTILINE)


def leaks(output: str) -> list[str]:
    """Return the leaks that the *output* of regrtest -R reports: a list of str."""
    return [f"{name}: {what}" for name, what in _LEAKED.findall(output)]


def hunt(
    python: StrPath, units: Sequence[str], jobs: int = 1, home: Path | None = None
) -> tuple[Run, runner.Place]:
    """Run *units* six times each on the interpreter *python* and return a Run.

    Also the runner.Place, whose logs have what was found.

    Parameters:
        python: path of a debug build.
        units: as runner.Place.run() has them.
        jobs: how many of them at the same time.
        home: a directory for logs; None for HOME.
    """
    settings = runner.Settings(jobs, TIMEOUT, RUNS, cases=False)
    place = runner.Place(python, home or HOME, settings)
    return place.run(units), place


def check(python: identity.Python, units: Sequence[str]) -> None:
    """Raise Problem unless *python* counts references and has *units*."""
    if not python.debug:
        raise Problem(f"{python.path} counts no references; name a debug build")
    runner.check(python.path, units)


def rows(run: Run, place: runner.Place) -> list[list[str]]:
    """Return the rows of the table of what hunt() returned, lists of str."""
    found = [["", "tests", "leaks", "time"]]
    for unit, seconds in run.times.items():
        text = place.log(unit).read_text(errors="replace")
        tests = selftest.parse_tests(0, text).ran // TIMES
        leaked = "; ".join(said(unit, run, place)) or "none"
        found.append([unit, f"{tests:,}", leaked, duration(seconds)])
    return found


def said(unit: str, run: Run, place: runner.Place) -> list[str]:
    """Return the faults of *unit*."""
    found = leaks(place.log(unit).read_text(errors="replace"))
    if run.outcomes.get(unit) != PASSED and not found:
        return [f"{unit}: {run.outcomes.get(unit, 'not there')}, see {place.log(unit)}"]
    return found


_INTRODUCTION = """\
CPython's own hunter ran each file of tests six times on a patched debug build, as
`python -m test -R 3:3` does. The first three are for caches to fill; the last three
must leave no reference, no block of memory and no open file behind. The tests are
those of one time, the time is of all six."""


def markdown(
    version: str, found: Sequence[Sequence[str]], left_out: Iterable[str] = ()
) -> str:
    """Return the page for the documentation.

    Parameters:
        version: sys.version of the interpreter.
        found: as rows() returns them.
        left_out: units that should be there and were not asked for.
    """
    return pages.page(
        "References",
        "scripts/refleaks --table",
        pages.measured_on(version),
        _INTRODUCTION,
        pages.versions({"patched": version}),
        tables.markdown(found),
        *(f"Not run: `{unit}`." for unit in left_out),
    )
