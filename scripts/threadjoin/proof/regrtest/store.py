"""Keep the results of CPython's tests, so that none is run twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...building.identity import Python
from .. import kept
from ..outcomes import Run
from . import runner


class Known:
    """The outcomes of tests on a pair of interpreters.

    Parameters:
        directory: the directory for all pairs.
        pythons: the two identity.Python.
        settings: runner.Settings. With others, nothing is known.
    """

    def __init__(
        self, directory: Path, pythons: Sequence[Python], settings: runner.Settings
    ) -> None:
        # The number of tests that run at the same time makes no difference.
        said = {**asdict(settings), "jobs": None}
        digests = [[one.digest, runner.digest(one.path)] for one in pythons]
        key = json.dumps([digests, said])
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        self._path = directory / f"{name}.json"
        self._files: dict[str, dict[str, Any]] = {python.kind: {} for python in pythons}
        if self._path.is_file():
            self._files = json.loads(self._path.read_text())

    def __contains__(self, unit: str) -> bool:
        return all(unit in files for files in self._files.values())

    def forget(self, unit: str) -> None:
        """Forget the outcomes of *unit*."""
        for known in self._files.values():
            known.pop(unit, None)

    def add(self, role: str, run: Run) -> None:
        """Keep an outcomes.Run of some units on the interpreter *role*."""
        for unit, tests in run.units.items():
            outcomes = {test: run.outcomes[test] for test in tests}
            self._files[role][unit] = [outcomes, round(run.times[unit], 1)]
        kept.save(self._path, self._files, indent=None)

    def runs(self, units: Iterable[str]) -> dict[str, Run]:
        """Return what is known of *units*, by role."""
        found = {}
        for role, known in self._files.items():
            found[role] = Run()
            for unit in units:
                found[role].add(unit, *known[unit])
        return found
