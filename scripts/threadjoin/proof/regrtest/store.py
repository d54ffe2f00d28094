"""Keep the results of CPython's tests, so that none is run twice."""

import hashlib
import json
from dataclasses import asdict

from ..outcomes import Run
from . import runner


class Known:
    """The outcomes of tests on a pair of interpreters.

    Parameters:
        directory: Path of the directory for all pairs.
        pythons: the two environments.Python.
        settings: runner.Settings. With others, nothing is known.
    """

    def __init__(self, directory, pythons, settings):
        # How many run at the same time is not to make a difference.
        said = {**asdict(settings), "jobs": None}
        who = [[one.digest, runner.digest(one.path)] for one in pythons]
        key = json.dumps([who, said])
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        self._path = directory / f"{name}.json"
        self._files = {python.role: {} for python in pythons}
        if self._path.is_file():
            self._files = json.loads(self._path.read_text())

    def __contains__(self, unit):
        return all(unit in files for files in self._files.values())

    def forget(self, unit):
        """Let *unit* be as if it had not been run."""
        for files in self._files.values():
            files.pop(unit, None)

    def add(self, role, run):
        """Keep a outcomes.Run of some units on the interpreter *role*."""
        for unit, tests in run.units.items():
            outcomes = {test: run.outcomes[test] for test in tests}
            self._files[role][unit] = [outcomes, round(run.times[unit], 1)]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(self._files))
        part.replace(self._path)

    def runs(self, units):
        """Return what is known of *units*, a dict of outcomes.Run by role."""
        found = {}
        for role, files in self._files.items():
            found[role] = Run()
            for unit in units:
                found[role].add(unit, *files[unit])
        return found
