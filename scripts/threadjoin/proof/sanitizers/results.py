"""Keep and print the results of tests with a sanitizer, and write them to a page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...building.identity import KINDS
from ...core import layout, tables
from ...core.progress import duration
from .. import kept, pages
from ..regrtest import compared, runner

HOME = layout.BUILD / "sanitizers"

#: The beginning of an id that is of a report, and not of a test.
REPORT = "report: "


def excuse(test: str, excuses: Mapping[str, str]) -> str | None:
    """Return why the report *test* is no fault of the series; None if it may be one.

    Parameters:
        excuses: those of tests.json, reasons by regular expression.
    """
    signature = test.removeprefix(REPORT)
    return next(
        (why for what, why in excuses.items() if re.match(what, signature)), None
    )


def tests_of(result: compared.Result) -> compared.Result:
    """Return *result* (a compared.Result) without the reports in it."""

    def no_report(tests: Mapping[str, str]) -> dict[str, str]:
        return {k: v for k, v in tests.items() if not k.startswith(REPORT)}

    found = [d for d in result.differences if not d.test.startswith(REPORT)]
    return replace(
        result,
        differences=found,
        added=no_report(result.added),
        gone=no_report(result.gone),
    )


@dataclass(frozen=True)
class Outcome(kept.Named):
    """The results with one sanitizer.

    Attributes: name, that of the sanitizer, and
        version: sys.version of the patched interpreter.
        reports: lists of their signatures, by which interpreters have them.
        seconds: that the files took, by role.
        known: lines about reports that are excused, and tests that failed.
        status: 1 where something is held against patched, else 0.
        measured: the lines of pages.measured() at the time of the run.
    """

    version: str
    reports: dict[str, list[str]]
    seconds: dict[str, float]
    known: list[str]
    status: int
    measured: list[str]

    @classmethod
    def of(
        cls: type[Outcome],
        name: str,
        result: compared.Result,
        places: Mapping[str, Any],
        found: Mapping[str, str],
        data: Any,
    ) -> Outcome:
        """Return that of the sanitizer *name*.

        Other parameters: as sanitizers.run() and new_reports() return them; the
        content of tests.json.
        """
        excuses = data["sanitizers"]["excused"]
        seen = {role: set(place.reports) for role, place in places.items()}
        signatures = {
            "on both": seen["stock"] & seen["patched"],
            "only on stock": seen["stock"] - seen["patched"],
            "only on patched": seen["patched"] - seen["stock"],
        }
        tests = tests_of(result)
        known = list(compared.explain(tests, data))
        new = False
        for test, reason in sorted(found.items()):
            why = excuse(test, excuses)
            new = new or not why
            kind, why = ("excused", f": {why}") if why else ("new", "")
            known.append(f"{kind}: {test.removeprefix(REPORT)}: {reason}{why}")
        return cls(
            name,
            result.versions["patched"],
            {
                where: sorted(test.removeprefix(REPORT) for test in those)
                for where, those in signatures.items()
            },
            result.seconds,
            known,
            1 if new or tests.worse(data["gone"]) else 0,
            result.measured,
        )

    def explain(self) -> Iterator[str]:
        """Yield the lines that tell it."""
        for where, signatures in self.reports.items():
            yield f"{self.name}: {len(signatures)} reports {where}"
            yield from (f"    {signature}" for signature in signatures)
        yield from (f"{self.name}: {line}" for line in self.known)


_INTRODUCTION = """\
`scripts/sanitizers` builds the stock and the patched interpreter with a sanitizer
of GCC, runs {files} files of tests on both, {theirs} of CPython's and {ours} of the
project's, and compares what is reported. `tests/regrtest/tests.json` has the list
of them, the options, what is left out and why, and what is excused and why.

A report counts by its kind and the two innermost functions and files of each
stack. It is held against the series when patched has it once and stock in none of
its rounds, or when it is about a file that the series adds. So is a test that does
worse on patched, when four repetitions on each tell the two apart. The status is
then 1. CPython's own races and leaks, which are on both, are told and not counted.
A file of which no test passes has told nothing, and the command fails."""

_NOTES = """\
The time is that of all files, one after another, without the repetitions.
AddressSanitizer's build has no free lists: an object from one has the memory of
another that is gone, and in a report the stack that this one was made in."""


def markdown(tools: Mapping[str, Any], outcomes: Sequence[Outcome]) -> str:
    """Return the page for the documentation.

    Parameters:
        tools: as sanitizers.load() returns them.
    """
    files = next(iter(tools.values())).tests
    ours = sum(map(runner.is_ours, files))
    introduction = _INTRODUCTION.format(
        files=len(files), theirs=len(files) - ours, ours=ours
    )
    where = list(outcomes[0].reports)
    rows = [["", *where, "status", *KINDS]]
    for one in outcomes:
        counts = [str(len(one.reports[key])) for key in where]
        times = [duration(one.seconds[role]) for role in KINDS]
        rows.append([f"`{one.name}`", *counts, str(one.status), *times])
    known = [
        # "<" is in signatures, and "<null>" would be taken for HTML.
        f"`{one.name}`, {html.escape(line, quote=False)}"
        for one in outcomes
        for line in one.known
    ]
    run = {one.name for one in outcomes}
    known += [f"not run: `{name}`" for name in tools if name not in run]
    return pages.page(
        "Sanitizers",
        "scripts/sanitizers --table",
        [line for one in outcomes for line in one.measured],
        introduction,
        pages.versions({one.name: one.version for one in outcomes}),
        tables.markdown(rows),
        _NOTES,
        "## What there is to know",
        pages.listed(known, "Nothing differs."),
    )
