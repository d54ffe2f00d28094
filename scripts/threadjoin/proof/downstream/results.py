"""Keep the results of the suites as JSON, and show them as a table."""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...building.identity import KINDS, Python
from ...core import tables
from .. import kept, pages
from ..compare import BETTER, WORSE, Difference
from ..outcomes import FAILED, PASSED, SKIPPED
from . import data

#: Of each interpreter: tests that passed, failed and were skipped.
HEAD = ("library", "version", "what ran", "stock", "patched", "same?")


@dataclass(frozen=True)
class Result:
    """The results of one suite on both interpreters.

    Attributes:
        library, version, suite: the names of what ran.
        units: how many processes.
        selection: why not all tests ran; empty when they did.
        counts: of tests by outcome, by role.
        seconds: how long it took, by role.
        differences: judged.
        load: what the programs do, in numbers; empty where nothing is to be said.
    """

    library: str
    version: str
    suite: str
    units: int
    selection: str
    counts: dict[str, dict[str, int]]
    seconds: dict[str, float]
    differences: list[Difference]
    load: str = ""

    def of(self, kind: str) -> list[Difference]:
        """Return the differences of *kind* that stand."""
        return [d for d in self.differences if d.kind == kind and d.stands]

    @property
    def idle(self) -> bool:
        """Whether nothing passes on stock: such a suite shows nothing."""
        return not self.counts["stock"].get(PASSED)

    @property
    def flaky(self) -> list[Difference]:
        """The differences that the repetitions did not confirm."""
        return [d for d in self.differences if not d.stands]


class Store:
    """The results of one pair of interpreters.

    Parameters:
        directory: the directory for all pairs.
        pythons: the two Python, the stock one first.
        constraints: the file that pins the versions.
    """

    def __init__(
        self,
        directory: Path,
        pythons: Sequence[Python],
        constraints: Path = data.CONSTRAINTS,
    ) -> None:
        digest = _digest([python.digest for python in pythons])
        self._directory = directory / digest[:16]
        self._pythons = pythons
        self._pins = constraints.read_text()

    def load(self, library: data.Library, options: Any) -> list[Result] | None:
        """Return the Results for *library*, or None.

        None when it has not been run like this: other *options* (anything
        that JSON can hold), other data, programs or pinned versions, or a version of
        this program whose Result has other fields.
        """
        path = self._path(library, options)
        if not path.is_file():
            return None
        content = json.loads(path.read_text())
        if content["key"] != self._key(library, options):
            return None
        try:
            return [kept.restored(Result, entry) for entry in content["results"]]
        except TypeError:
            return None

    def save(
        self, library: data.Library, options: Any, results: Iterable[Result]
    ) -> None:
        """Keep *results*; the other arguments as load()'s."""
        content = {
            "key": self._key(library, options),
            "interpreters": {p.kind: [str(p.path), p.version] for p in self._pythons},
            "results": [asdict(result) for result in results],
        }
        kept.save(self._path(library, options), content)

    def _path(self, library: data.Library, options: Any) -> Path:
        return self._directory / f"{library.name}-{_digest(options)[:8]}.json"

    def _key(self, library: data.Library, options: Any) -> str:
        names = {
            name
            for suite in library.suites
            if suite.runner == "program"
            for name in (*(unit.split()[0] for unit in suite.units), *suite.uses)
        }
        programs = [(data.PROGRAMS / name).read_text() for name in sorted(names)]
        return _digest([asdict(library), options, self._pins, programs])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def rows(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """Return the cells of the table of *results*."""
    return [
        (
            result.library,
            result.version,
            f"{result.suite}{' (part)' if result.selection else ''}",
            *(_count(result.counts[kind]) for kind in KINDS),
            _sameness(result),
        )
        for result in results
    ]


def _count(counts: Mapping[str, int]) -> str:
    return " / ".join(str(counts.get(o, 0)) for o in (PASSED, FAILED, SKIPPED))


def _sameness(result: Result) -> str:
    """Return "yes", or how many tests differ, and how."""
    kinds = {
        "worse": result.of(WORSE),
        "better": result.of(BETTER),
        "flaky": result.flaky,
    }
    return (
        ", ".join(f"{len(found)} {kind}" for kind, found in kinds.items() if found)
        or "yes"
    )


def plain(results: Iterable[Result]) -> str:
    """Return the table of *results* for a terminal."""
    return "\n".join(tables.plain([HEAD, *rows(results)], None))


def explain(results: Iterable[Result]) -> Iterator[str]:
    """Yield a line for each difference in *results*, and for each flaky test."""
    for result in results:
        name = f"{result.library}, {result.suite}"
        for kind in (WORSE, BETTER):
            for difference in result.of(kind):
                yield f"{kind} on patched: {name}: {difference}"
        for difference in result.flaky:
            yield f"flaky: {name}: {difference}"


def markdown(
    results: Sequence[Result],
    pythons: Sequence[Python],
    missing: Sequence[str],
    collection: data.Collection = data.LIBRARIES_COLLECTION,
) -> str:
    """Return the page for the documentation.

    Parameters:
        pythons: the two Python.
        missing: names of the libraries that were not run.
        collection: the data.Collection that they are of.
    """
    command = ["scripts/downstream", collection.option, "--table"]
    loads = [f"{r.library}, {r.suite}: {r.load}" for r in results if r.load]
    parts = [
        textwrap.fill(
            f"{collection.introduction} The numbers are tests "
            "that passed / failed / were skipped. A test whose outcomes differ was "
            "repeated on both, and counts as worse or better when Fisher's exact test "
            "tells them apart at 5 %; else it is flaky.",
            width=80,
        ),
        pages.versions({p.kind: p.version for p in pythons}),
        tables.markdown([HEAD, *rows(results)], None),
        "## Tests whose outcomes differed",
        pages.listed(map(_code, explain(results)), "None."),
        "## What is not all of a library's tests",
        pages.listed(
            f"{r.library}, {r.suite}: {r.selection}" for r in results if r.selection
        ),
        *(["## What the programs do", pages.listed(loads)] if loads else []),
        *(["## Not run", pages.listed(missing)] if missing else []),
    ]
    return pages.page(
        collection.title,
        " ".join(filter(None, command)),
        pages.measured_on(pythons[-1].version),
        *parts,
    )


def _code(line: str) -> str:
    # Test ids have underscores, stars and brackets in them.
    head, _, tail = line.partition(": ")
    return f"{head}: `{tail}`"
