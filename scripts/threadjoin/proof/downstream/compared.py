"""Run other people's libraries on two interpreters, and compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from operator import attrgetter
from pathlib import Path

from ...building import identity
from ...building.identity import KINDS
from ...core.errors import Problem
from ...core.layout import StrPath
from ...core.progress import Progress
from ...host import devenv
from .. import compare
from ..outcomes import Run
from . import data, environments, results, run

#: Repetitions, at most, of a test whose outcomes differ.
REPEAT = 10


def pip() -> list[str]:
    return [str(devenv.VENV / "bin" / "python"), "-m", "pip"]


class Comparison:
    """Two interpreters that libraries are compared on.

    Parameters:
        stock, patched: paths of the interpreters.
        repeat: how often a test that differs is repeated, at most.
        ci: whether to run only what CI runs.
        home: the directory for all that is made.
        collection: the data.Collection that the libraries are of.

    Raises Problem when one of the interpreters does not work.
    """

    def __init__(
        self,
        stock: StrPath,
        patched: StrPath,
        progress: Progress,
        repeat: int = REPEAT,
        ci: bool = False,
        home: Path = environments.HOME,
        collection: data.Collection = data.LIBRARIES_COLLECTION,
    ) -> None:
        self._pythons = [
            identity.identify(path, role) for role, path in zip(KINDS, (stock, patched))
        ]
        devenv.ensure(progress)
        self._progress = progress
        self._repeat = repeat
        self._ci = ci
        self._collection = collection
        self._home = home = home / collection.name
        self._environments = environments.Environments(
            self._pythons, progress, pip(), home, collection.constraints
        )
        self._store = results.Store(
            home / "results", self._pythons, collection.constraints
        )

    def of(self, library: data.Library, again: bool = False) -> list[results.Result]:
        """Return the Results for *library*.

        Runs it, unless that has been done and not *again*. Raises Problem
        when it cannot be installed. Where CI is to run nothing of it, there
        is no Result.
        """
        library = library.part(self._ci)
        if not library.suites:
            return []
        known = None if again else self._store.load(library, self._options)
        if known is not None:
            self._progress.note(f"==> {library.name}: known, not run again")
            return known
        pythons = self._environments.provide(library)
        found = [self._suite(library, suite, pythons) for suite in library.suites]
        self._store.save(library, self._options, found)
        return found

    def page(self, libraries: Iterable[data.Library]) -> str:
        """Return the page of what is known of *libraries*, in Markdown."""
        parts = filter(attrgetter("suites"), (lib.part(self._ci) for lib in libraries))
        known = {lib.name: self._store.load(lib, self._options) for lib in parts}
        found = [result for results_ in known.values() for result in results_ or ()]
        missing = [name for name, results_ in known.items() if results_ is None]
        return results.markdown(found, self._pythons, missing, self._collection)

    @property
    def _options(self) -> dict[str, bool]:
        return {"ci": self._ci}

    def _suite(
        self, library: data.Library, suite: data.Suite, pythons: Mapping[str, Path]
    ) -> results.Result:
        sdist = None
        if suite.build:
            sdist = self._environments.built(suite, pythons["stock"])
        elif suite.sdist:
            sdist = self._environments.sdist(suite.sdist)
        places = {
            role: run.Place(
                suite,
                python,
                self._home / "work" / role / library.name / suite.name,
                sdist,
            )
            for role, python in pythons.items()
        }
        units = places["stock"].units(suite.units)
        if not units:
            raise Problem(f"the suite {suite.name} has no tests; see its data")
        runs = {}
        for role, place in places.items():
            with self._progress.stage(f"{library.name}: {suite.name} ({role})"):
                runs[role] = place.run(units)
        found = compare.differences(*(runs[role].outcomes for role in KINDS))
        self._judge(found, places, runs, f"{library.name}: {suite.name}")
        versions = data.pinned(self._collection.constraints)
        return results.Result(
            library.name,
            versions.get(data.canonical(library.name), ""),
            suite.name,
            len(units),
            suite.selection,
            {role: dict(Counter(r.outcomes.values())) for role, r in runs.items()},
            {role: round(r.seconds, 1) for role, r in runs.items()},
            found,
            suite.load,
        )

    def _judge(
        self,
        found: list[compare.Difference],
        places: Mapping[str, run.Place],
        runs: Mapping[str, Run],
        name: str,
    ) -> None:
        if not found:
            return
        units = {
            unit: {test for r in runs.values() for test in r.units.get(unit, ())}
            for unit in runs["stock"].units
        }
        with self._progress.stage(f"{name}: {len(found)} differ, repeated"):
            compare.repeat(found, places, units, self._repeat)
