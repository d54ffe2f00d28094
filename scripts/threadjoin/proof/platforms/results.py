"""Keep and print the results of the platforms, and write them to a page."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...building.identity import KINDS
from ...core import layout, tables
from ...core.progress import duration
from ...series.catalog import DEFAULT_SERIES
from .. import compare, kept, pages
from ..outcomes import FAILED, PASSED, SKIPPED
from ..regrtest import compared
from .builds import Built
from .data import Platform

HOME = layout.BUILD / DEFAULT_SERIES / "platforms"

#: The expected verdict of the reproducer, by role.
VERDICTS = {"stock": "race", "patched": "no race"}


@dataclass(frozen=True)
class Outcome(kept.Named):
    """The results on one platform.

    Attributes: name, that of the platform, and
        version: sys.version of the patched interpreter.
        facts: those about its platform, as runs.facts() returns them.
        compiler, emulator: their versions; "" for no emulator.
        cases: how many of CPython's tests had each outcome, by role.
        ours: how many of the project's tests had each outcome.
        race: the verdict of the reproducer, by role.
        seconds: that CPython's tests took, by role.
        known: lines about known failures and tests that were not run.
        wrong: lines about what is held against the series.
        measured: the lines of pages.measured() at the time of the run.
    """

    version: str
    facts: dict[str, Any]
    compiler: str
    emulator: str
    cases: dict[str, dict[str, int]]
    ours: dict[str, int]
    race: dict[str, str]
    seconds: dict[str, float]
    known: list[str]
    wrong: list[str]
    measured: list[str]

    @classmethod
    def of(
        cls,
        platform: Platform,
        built: Built,
        facts: dict[str, Any],
        result: compared.Result,
        ours: Mapping[str, str],
        race: dict[str, str],
        gone: Container[str],
    ) -> Outcome:
        """Return that of the data.Platform *platform*.

        Other parameters:
            facts: as runs.facts() returns them.
            ours: outcomes by id, as runs.joins() returns them.
            race: as runs.race() returns it.
            gone: reasons by the id of a test that only stock is to have.
        """
        wrong: list[str] = []
        excused: dict[str, list[str]] = {}
        for line in _held_against(result, ours, race, gone):
            why = platform.reason(line)
            excused.setdefault(why, []).append(line) if why else wrong.append(line)
        wrong += [f"patched only: {warning}" for warning in built.warnings]
        known = [_excused(lines, why) for why, lines in excused.items()]
        known += _known(platform, result)
        return cls(
            platform.name,
            result.versions["patched"],
            facts,
            built.compiler,
            built.emulator,
            result.cases,
            dict(Counter(ours.values())),
            race,
            result.seconds,
            known,
            wrong,
            result.measured,
        )

    def explain(self) -> Iterator[str]:
        """Yield the lines that tell it."""
        yield f"{self.name}: {self.version}"
        for role in KINDS:
            yield (
                f"{self.name}: {role}: {_told(self.cases[role])}; "
                f"{self.race[role]}; in {duration(self.seconds[role])}"
            )
        yield f"{self.name}: the project's: {_told(self.ours)}"
        yield from (f"{self.name}: {line}" for line in self.known)
        yield from (f"{self.name}: WRONG: {line}" for line in self.wrong)


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{counts[outcome]:,} {outcome}"
        for outcome in (PASSED, SKIPPED, FAILED)
        if counts.get(outcome)
    )


def _held_against(
    result: compared.Result,
    ours: Mapping[str, str],
    race: dict[str, str],
    gone: Container[str],
) -> list[str]:
    """Return lines on possible faults of the series; each begins with a test."""
    found = result.worse(gone)
    found += [f"{test}: fails" for test, said in ours.items() if said == FAILED]
    found += [
        f"the reproducer: says of {role}: {verdict}"
        for role, verdict in race.items()
        if verdict != VERDICTS[role]
    ]
    return found


def _excused(lines: Sequence[str], why: str) -> str:
    """Return the line on *lines* of _held_against(), which have one reason."""
    tests = [line.partition(": ")[0].partition("[")[0] for line in lines]
    names = dict.fromkeys(test.rpartition("::")[2] for test in tests)
    return f"{len(lines)} excused ({why}): {', '.join(names)}"


def _known(platform: Platform, result: compared.Result) -> list[str]:
    """Return the lines about what is not held against the series."""
    found = [
        f"{one.kind if one.stands else 'flaky'}: {one}"
        for one in result.differences
        if not one.stands or one.kind == compare.BETTER
    ]
    for unit in result.broken:
        why = platform.reason(unit)
        found.append(f"fails on both: {unit}" + (f" ({why})" if why else ""))
    found += [f"not run: {what}: {why}" for what, why in platform.left_out.items()]
    return found


_INTRODUCTION = """\
`scripts/platforms` builds the stock and the patched interpreter for each platform, and
runs {files} files of CPython's tests on both, {ours} files of the project's, which are
about threads that linger, timeouts and signals in joins, and the reproducer of the
race. `tests/platforms/platforms.json` has the compilers, the arguments of configure,
how the result is run, and what is left out and why. All builds are debug builds. Those
for another C library or processor have no `_ctypes`: tests that need it are skipped.

What patched does worse than stock on the same platform is held against the series, when
four repetitions on each tell the two apart; so are a test that only patched has and
that fails, one of the project's that fails, and a warning of the compiler that stock
lacks. Tests that fail on both are told."""


def markdown(platforms: Mapping[str, Platform], outcomes: Sequence[Outcome]) -> str:
    """Return the page for the documentation.

    Parameters:
        platforms: as data.load() returns them.
    """
    some = next(iter(platforms.values()))
    introduction = _INTRODUCTION.format(files=len(some.tests), ours=len(some.ours))
    first = [["", "is", "compiler", "run by", "threads"]]
    second = [["", "stock", "patched", "project's", "race on stock", "on patched"]]
    second[0] += ["against the series"]
    for one in outcomes:
        platform = platforms[one.name]
        said = one.facts
        what = f"{platform.summary}: {said['machine']}, {said['bits']} bits, "
        what += f"{said['order']}-endian"
        run_by = one.emulator or "the machine itself"
        first.append([f"`{one.name}`", what, one.compiler, run_by, said["threads"]])
        second.append(
            [f"`{one.name}`"]
            + [_told(one.cases[role]) for role in KINDS]
            + [_told(one.ours), one.race["stock"], one.race["patched"]]
            + [str(len(one.wrong)) if one.wrong else "nothing"]
        )
    names = {one.name for one in outcomes}
    lines = [
        f"`{one.name}`, {html.escape(line, quote=False)}"
        for one in outcomes
        for line in [*(f"**held against the series**: {w}" for w in one.wrong)]
        + one.known
    ]
    lines += [f"`{name}`: not run" for name in platforms if name not in names]
    return pages.page(
        "Platforms",
        "scripts/platforms --table",
        [line for one in outcomes for line in one.measured],
        introduction,
        pages.versions({one.name: one.version for one in outcomes}),
        tables.markdown(first, None),
        "CPython's tests, one by one, and the project's:",
        tables.markdown(second, None),
        "## What there is to know",
        pages.listed(lines),
    )
