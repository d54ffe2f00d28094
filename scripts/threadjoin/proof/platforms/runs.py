"""Run CPython's tests, the project's and the reproducer on a platform."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...building import identity, selftest
from ...building.interpreter import Interpreter
from ...core import process
from ...core.layout import StrPath
from ...core.progress import Progress
from ..regrtest import compared, runner
from . import builds, data

#: Seconds for one file of tests, where nothing is slow.
TIMEOUT = 900

#: Seconds that a script of the project's tests may take: see PATIENCE in harness.py.
PATIENCE = 40

#: Prints facts about the platform of an interpreter.
_QUESTION = """
import json, os, struct, sys
thread = sys.thread_info
print(json.dumps({
    "machine": os.uname().machine,
    "bits": struct.calcsize("P") * 8,
    "order": sys.byteorder,
    "threads": " ".join(filter(None, (thread.name, thread.lock, thread.version))),
}))
"""


def facts(python: StrPath) -> dict[str, Any]:
    """Return facts about the platform of the interpreter *python*."""
    found: dict[str, Any] = process.ask(python, _QUESTION)
    return found


def compare(
    platform: data.Platform,
    built: builds.Built,
    units: Sequence[str],
    home: Path,
    progress: Progress,
    jobs: int,
    rounds: int,
) -> compared.Result:
    """Run *units* of CPython's tests on both; return the compared.Result.

    Parameters:
        home: the directory of the platform.
        jobs: how many files at the same time.
        rounds: repetitions, at most, of what differs.
    """
    ignored = [word for name in platform.ignored for word in ("-i", name)]
    settings = runner.Settings(jobs, TIMEOUT * platform.slowness, tuple(ignored))
    pythons, places, found = [], {}, {}
    for kind, one in built.interpreters.items():
        pythons.append(identity.identify(one.python, kind))
        place = places[kind] = Place(one, home / "tests" / kind, settings)
        with progress.stage(f"{platform.name}: {len(units)} files of tests ({kind})"):
            found[kind] = place.run(units)
    return compared.judge(pythons, places, found, progress, rounds)


class Place(runner.Place):
    """A runner.Place with the environment that the interpreter needs.

    Parameters:
        directory, settings: as runner.Place has them.
    """

    def __init__(
        self, one: Interpreter, directory: Path, settings: runner.Settings
    ) -> None:
        super().__init__(one.python, directory, settings)
        self._one = one

    def environment(self, unit: str, scratch: str) -> dict[str, str]:
        """Return the environment to run *unit* in, with the directory *scratch*."""
        return {**self._one.environment(), **super().environment(unit, scratch)}


def race(built: builds.Built) -> dict[str, str]:
    """Return the verdicts of the reproducer on the builds.Built, a dict by role."""
    return {kind: selftest.reproduce(one) for kind, one in built.interpreters.items()}


def joins(
    platform: data.Platform, built: builds.Built, names: Sequence[str], home: Path
) -> dict[str, str]:
    """Run files of the project's tests on both; return their outcomes by id.

    Each has tests of stock, of patched, or of both. Other parameters as compare()
    has them.
    """
    paths = {kind: str(one.python) for kind, one in built.interpreters.items()}
    variables = {
        "CC": builds.compile_command(platform),
        "THREADJOIN_STOCK": paths["stock"],
        "THREADJOIN_PATCHED": paths["patched"],
        "THREADJOIN_PATIENCE": str(PATIENCE * platform.slowness),
    }
    timeout = TIMEOUT * platform.slowness
    settings = runner.Settings(timeout=timeout, environment=variables)
    place = runner.Place(paths["patched"], home / "tests" / "ours", settings)
    return place.run(names).outcomes
