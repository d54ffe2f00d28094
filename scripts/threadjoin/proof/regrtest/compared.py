"""Run CPython's own tests on two interpreters, and report what differs."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...building.identity import KINDS, Python
from ...core import tables
from ...core.errors import Problem
from ...core.progress import Progress, duration
from .. import compare, kept, pages
from ..outcomes import FAILED, PASSED, SKIPPED, Run
from . import runner
from .store import Known

RESULT = runner.HOME / "result.json"

#: Repetitions, at most, of a test whose outcomes differ.
REPEAT = 10

#: Seconds that a file of tests may take: some take minutes, and twice that
#: while another one runs.
TIMEOUT = 1200


#: Files that run on one interpreter before the other one has its turn.
HANDFUL = 16


@dataclass(frozen=True)
class Result:
    """The results of the tests on both interpreters.

    Attributes:
        versions: sys.version, by role.
        files, cases: how many there were of each outcome, by role.
        seconds: that the files took, by role.
        broken: the files that failed on both.
        differences: judged.
        added, gone: outcomes by test id, of those that only patched has, and
            that only stock has.
        left_out: reasons by name of a file that was not run.
        measured: the lines of pages.measured() at the time of the run.
    """

    versions: dict[str, str]
    files: dict[str, dict[str, int]]
    cases: dict[str, dict[str, int]]
    seconds: dict[str, float]
    broken: list[str]
    differences: list[compare.Difference]
    added: dict[str, str]
    gone: dict[str, str]
    left_out: dict[str, str]
    measured: list[str]

    def worse(self, expected: Container[str] = ()) -> list[str]:
        """Return the faults of patched.

        Parameters:
            expected: ids of tests that may be gone.
        """
        found = [
            str(difference)
            for difference in self.differences
            if difference.kind == compare.WORSE and difference.stands
        ]
        found += [
            f"{test}: only stock has it" for test in self.gone if test not in expected
        ]
        found += [
            f"{test}: fails, and only patched has it"
            for test, outcome in self.added.items()
            if outcome == FAILED
        ]
        return found

    def save(self) -> None:
        """Keep it in the file RESULT."""
        kept.save(RESULT, asdict(self))

    @classmethod
    def load(cls: type[Result]) -> Result:
        """Return what save() kept. Raises Problem if there is no valid result."""
        found = kept.load(cls, RESULT, "name two interpreters")
        if found is None:
            raise Problem("some tests have not been run yet; name two interpreters")
        return found


def run(
    pythons: Sequence[Python],
    units: Sequence[str],
    settings: runner.Settings,
    progress: Progress,
    known: Known,
) -> dict[str, runner.Place]:
    """Run those of *units* that are not *known* on both interpreters.

    A few of them run on one and then on the other, so that a run that was interrupted
    can continue.

    Parameters:
        pythons: the two identity.Python, the stock one first.
        units: as runner.Place.run() has them.
        known: a store.Known, which is added to.

    Returns a dict of runner.Place by role.
    """
    places = {
        python.kind: runner.Place(python.path, runner.HOME / python.kind, settings)
        for python in pythons
    }
    missing = [unit for unit in units if unit not in known]
    for begin in range(0, len(missing), HANDFUL):
        some = missing[begin : begin + HANDFUL]
        where = f"{begin + 1} to {begin + len(some)} of {len(missing)} files of tests"
        for role, place in places.items():
            with progress.stage(f"{where} ({role})"):
                known.add(role, place.run(some))
    return places


def judge(
    pythons: Sequence[Python],
    places: Mapping[str, Any],
    runs: Mapping[str, Run],
    progress: Progress,
    rounds: int,
) -> Result:
    """Return the Result of two *runs*, by role.

    What differs is repeated in *places*; other parameters as run() has them.
    """
    stock, patched = (runs[role].outcomes for role in KINDS)
    both = stock.keys() & patched.keys()
    found = compare.differences(*({k: o[k] for k in both} for o in (stock, patched)))
    units = {
        unit: {test for one in runs.values() for test in one.units[unit]}
        for unit in runs["stock"].units
    }
    if found:
        with progress.stage(f"{len(found)} differ, repeated"):
            compare.repeat(found, places, units, rounds)
    # If a file did not end on one of them, its tests there are not known.
    same = {
        unit
        for unit in units
        if len({stock.get(unit), patched.get(unit)} - {None}) == 1
    }
    ended = {test for unit in same for test in units[unit]}
    return Result(
        {python.kind: python.version for python in pythons},
        {role: _count(one, units) for role, one in runs.items()},
        {role: _count(one, one.outcomes.keys() - units) for role, one in runs.items()},
        {role: round(one.seconds, 1) for role, one in runs.items()},
        sorted(unit for unit in same if stock.get(unit) == FAILED),
        found,
        {k: patched[k] for k in sorted(ended & patched.keys() - stock.keys())},
        {k: stock[k] for k in sorted(ended & stock.keys() - patched.keys())},
        {},
        pages.measured_on(pythons[-1].version),
    )


def _count(run: Run, tests: Iterable[str]) -> dict[str, int]:
    return dict(Counter(run.outcomes[test] for test in tests if test in run.outcomes))


def explain(result: Result, data: Any) -> Iterator[str]:
    """Yield lines that explain *result* to a reader.

    Parameters:
        data: the content of tests.json.
    """
    for difference in result.differences:
        kind = difference.kind if difference.stands else "flaky"
        yield f"{kind}: {difference}"
    for test, outcome in result.gone.items():
        reason = data["gone"].get(test, "not expected")
        yield f"only on stock: {test}: {outcome} ({reason})"
    if result.added:
        counts = Counter(result.added.values())
        said = ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items()))
        yield f"only on patched: {len(result.added)} tests: {said}"
        for test, outcome in result.added.items():
            if outcome == FAILED:
                yield f"worse: {test}: fails, and only patched has it"
    for name in result.broken:
        yield f"fails on both: {name}"
    for name, reason in result.left_out.items():
        yield f"not run: {name}: {reason}"


def rows(result: Result) -> list[list[str]]:
    """Return the rows of the table of *result*, lists of str."""
    head = ["", "files of tests", PASSED, SKIPPED, FAILED]
    head += ["tests", PASSED, SKIPPED, FAILED, "time"]
    body = [
        [role, *_cells(result.files[role]), *_cells(result.cases[role])]
        + [duration(result.seconds[role])]
        for role in KINDS
    ]
    return [head, *body]


def _cells(counts: Mapping[str, int]) -> list[str]:
    outcomes = [counts.get(outcome, 0) for outcome in (PASSED, SKIPPED, FAILED)]
    return [f"{number:,}" for number in (sum(outcomes), *outcomes)]


def markdown(result: Result, data: Any) -> str:
    """Return the page for the documentation; parameters as explain()'s."""
    introduction = (
        "CPython's own tests on the stock and on the patched interpreter, each with "
        "the tests of its own tree. A test whose outcomes differ was repeated on "
        "both, and counts as different when Fisher's exact test tells them apart at "
        "5 %; else it is flaky. A file passes when all of it does, nothing hangs or "
        "crashes, and it leaves no thread, process or setting behind. The time is "
        "that of all files, one after another."
    )
    return pages.page(
        "CPython's own tests",
        "scripts/regrtest-diff --table",
        result.measured,
        textwrap.fill(introduction, width=80),
        pages.versions(result.versions),
        tables.markdown(rows(result)),
        "## What there is to know",
        pages.listed(map(_code, explain(result, data)), "Nothing differs."),
    )


def _code(line: str) -> str:
    # Ids of tests have underscores in them.
    kind, _, rest = line.partition(": ")
    test, separator, rest = rest.partition(": ")
    return f"{kind}: `{test}`{separator}{rest}"
