"""Run tests on interpreters with a sanitizer in them, and compare the reports."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...building.identity import KINDS, Python
from ...core import files
from ...core.layout import StrPath
from ...core.progress import Progress
from ...series import patchfile
from ...series.catalog import Series
from ..outcomes import FAILED, PASSED, SKIPPED, Run
from ..regrtest import compared, runner
from . import reports, results

#: Repetitions, at most, of what has a report on one interpreter only. As many
#: as tell the two apart, if each of them has it again.
REPEAT = 4

#: What unittest says of a test that passed.
_OK = re.compile(r"\bok$", re.MULTILINE)


@dataclass(frozen=True)
class Sanitizer:
    """The settings of a sanitizer, and the tests to run with it.

    Attributes:
        name: that of the variant that it is built with.
        variable: the environment variable that it reads.
        options: its value, without the option for where to write reports.
        arguments: of libregrtest.
        timeout: seconds for each file of tests.
        tests: units of regrtest, and files of tests of ours below the project.
    """

    name: str
    variable: str
    options: str
    arguments: tuple[str, ...]
    timeout: int
    tests: tuple[str, ...]


def load() -> dict[str, Sanitizer]:
    """Return the Sanitizers that tests.json lists, by name."""
    data = runner.load()["sanitizers"]
    tests = tuple(data["tests"])
    return {
        name: Sanitizer(name, tests=tests, **entry)
        for name, entry in data["tools"].items()
    }


class Place(runner.Place):
    """A runner.Place that has the reports among the outcomes.

    Each counts as a test that failed; its id is results.REPORT and its signature.

    Parameters:
        others: paths of the interpreters that our own tests take, by role; that
            of its own role is replaced.
        directory, settings: as runner.Place has them.
    """

    def __init__(
        self,
        tool: Sanitizer,
        python: Python,
        others: Mapping[str, StrPath],
        directory: Path,
        settings: runner.Settings,
    ) -> None:
        super().__init__(python.path, directory, settings)
        self.role = python.kind
        self.tool = tool
        self.reports: dict[str, reports.Report] = {}  # Report by id, the first of each
        self.ran: set[str] = set()  # units of which a test has passed
        self._others = {**others, python.kind: python.path}
        self._rounds: dict[str, int] = {}

    def environment(self, unit: str, scratch: str) -> dict[str, str]:
        """Return the environment to run *unit* in, with the directory *scratch*."""
        self._rounds[unit] = self._rounds.get(unit, 0) + 1
        place = self._written(unit)
        place.mkdir(parents=True)
        env = super().environment(unit, scratch)
        env.update({f"THREADJOIN_{k.upper()}": str(v) for k, v in self._others.items()})
        env[self.tool.variable] = f"{self.tool.options}:log_path={place / 'report'}"
        return env

    def outcomes(
        self, unit: str, status: int | None, output: str, report: Path
    ) -> dict[str, str]:
        """Return the outcomes of *unit*, as runner.Place does."""
        found = super().outcomes(unit, status, output, report)
        if runner.is_ours(unit):
            # Some fail since they are slow here: it is enough that they ran.
            ran = unit not in found and self._has_run(found)
            found = {unit: PASSED if ran else FAILED}
        else:
            ran = not found or found[unit] == PASSED or bool(_OK.search(output))
        if ran:
            self.ran.add(unit)
        for path in sorted(self._written(unit).iterdir()):
            for one in reports.parse(path.read_text(errors="replace")):
                self.reports.setdefault(results.REPORT + one.signature, one)
                found[results.REPORT + one.signature] = FAILED
        return found

    def _has_run(self, outcomes: Mapping[str, str]) -> bool:
        """Return whether one of our tests has passed on this interpreter.

        Where some say which of the two they are for, it has to be one of them:
        the other interpreter is a sound one, whatever this one does.
        """
        parameters = {test: re.split(r"[][-]", test)[1:] for test in outcomes}
        (other,) = set(KINDS) - {self.role}
        mine = [test for test in outcomes if self.role in parameters[test]]
        rest = [test for test in outcomes if other not in parameters[test]]
        return any(outcomes[test] == PASSED for test in mine or rest)

    def _written(self, unit: str) -> Path:
        """Return the Path of the directory for the reports of this round."""
        name = f"{self.log(unit).stem}-{self._rounds[unit]}"
        return self.directory / "reports" / name


def run(
    tool: Sanitizer,
    pythons: Sequence[Python],
    others: Mapping[str, StrPath],
    units: Sequence[str],
    progress: Progress,
    home: Path,
    jobs: int = 1,
    rounds: int = REPEAT,
) -> tuple[compared.Result, dict[str, Place]]:
    """Run *units* on both interpreters and return the pair of results.

    Parameters:
        pythons: the two identity.Python, the stock one first.
        others: as Place has them.
        units: units of regrtest, or files of tests of ours.
        home: a directory for logs and reports.
        jobs: how many units at the same time.
        rounds: repetitions, at most, of what differs.

    Returns the compared.Result and a dict of Place by role.
    """
    settings = runner.Settings(jobs, tool.timeout, tuple(tool.arguments))
    places, runs = {}, {}
    for python in pythons:
        role = python.kind
        directory = home / tool.name / role
        files.remove(directory)
        place = places[role] = Place(tool, python, others, directory, settings)
        with progress.stage(f"{tool.name}: {len(units)} files of tests ({role})"):
            runs[role] = place.run(units)
    _even_out(runs)
    result = compared.judge(pythons, places, runs, progress, rounds)
    return result, places


def _even_out(runs: Mapping[str, Run]) -> None:
    """Add an outcome to stock for the reports that only patched has.

    Reports that only stock has do not matter, and need no repetition.
    """
    for test in runs["patched"].outcomes:
        if test.startswith(results.REPORT):
            runs["stock"].outcomes.setdefault(test, SKIPPED)


def new_reports(
    result: compared.Result, places: Mapping[str, Place], files: Container[str]
) -> dict[str, str]:
    """Return the reports against patched, a dict of reason by id.

    Parameters:
        result, places: as run() returns them.
        files: names of the files that the series adds.

    Those that are excused are among it: see excuse().
    """
    found = {}
    for difference in result.differences:
        # Once is enough: a rare report is as bad.
        if (
            difference.test.startswith(results.REPORT)
            and difference.patched == FAILED
            and difference.good["stock"] == difference.rounds
        ):
            again = difference.rounds - difference.good["patched"]
            found[difference.test] = (
                f"not on stock; again in {again} of {difference.rounds}"
            )
    for test, report in places["patched"].reports.items():
        if report.touches(files):
            found.setdefault(test, "in a file that the series adds")
    return found


def idle(units: Iterable[str], places: Mapping[str, Place]) -> list[str]:
    """Return those of *units* that show nothing, since none of their tests passed.

    They were run in *places*, a dict of Place by role.
    """
    return [
        f"{unit} ({role}, see {place.log(unit)})"
        for role, place in places.items()
        for unit in units
        if unit not in place.ran
    ]


def added_files(series: Series) -> set[str]:
    """Return the names of the files that *series* (a catalog.Series) adds."""
    patches = map(patchfile.read, series.patches)
    return {c.name for patch in patches for c in patch.changes if c.created}
