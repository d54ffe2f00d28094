"""Run CPython's own tests on one interpreter, a process for each file.

Also run the project's own, which are files that pytest runs.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ...building import selftest
from ...core import files, layout, process
from ...core.errors import Problem
from ...core.layout import StrPath
from ...host import devenv
from ..outcomes import FAILED, PASSED, SKIPPED, Run, failures, stable, worst

DATA = layout.ROOT / "tests" / "regrtest" / "tests.json"

#: Where the logs go.
HOME = layout.BUILD / "regrtest"

#: Seconds that libregrtest has to stop a test by itself, and report where it hung.
GRACE = 60

#: Exit statuses of pytest that say that tests ran, whether they passed or not.
RAN = (0, 1)

_SKIPPED = re.compile(r"^1 test skipped:", re.MULTILINE)


def is_ours(unit: str) -> bool:
    """Return whether *unit* is a file of tests of the project, and not CPython's."""
    return unit.startswith("tests/")


@dataclass(frozen=True)
class Settings:
    """How the tests are run, on whichever interpreter.

    Attributes:
        jobs: how many files at the same time.
        timeout: seconds, for each file.
        options: arguments of libregrtest.
        cases: whether to record the outcome of each test in a file, too.
        environment: variables that are set.
    """

    jobs: int = 1
    timeout: int = 600
    options: tuple[str, ...] = ()
    cases: bool = True
    environment: dict[str, str] = field(default_factory=dict)


class Place:
    """An interpreter, and a directory for the output of its tests.

    Parameters:
        python: path of the interpreter.
        directory: a directory, made if it is not there.
    """

    def __init__(self, python: StrPath, directory: Path, settings: Settings) -> None:
        self.python = os.path.abspath(python)
        self.settings = settings
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def run(self, units: Sequence[str]) -> Run:
        """Run *units* and return an outcomes.Run.

        A unit is the name of a file of tests, such as "test_thread", and
        perhaps arguments of libregrtest: "test_threading -m JoinTests"; or one of
        ours, "tests/integration/test_fork.py".
        """
        run = Run()
        with ThreadPoolExecutor(self.settings.jobs) as executor:
            for unit, done in zip(units, executor.map(self._timed, units)):
                run.add(unit, *done)
        return run

    def log(self, unit: str) -> Path:
        """Return the Path of the file with the output of the last run of *unit*."""
        return self.directory / (re.sub(r"[^\w.-]+", "_", unit) + ".log")

    def command(self, unit: str, report: Path) -> list[str]:
        """Return the command that runs *unit* and writes the Path *report*."""
        if is_ours(unit):
            command = [str(devenv.VENV / "bin" / "python"), "-m", "pytest"]
            command += [f"--rootdir={layout.ROOT}", f"--junit-xml={report}"]
            return [*command, str(layout.ROOT / unit)]
        name, *arguments = unit.split()
        command = [self.python, "-u", "-m", "test", "-v"]
        command += ["--fail-env-changed", f"--timeout={self.settings.timeout}"]
        if self.settings.cases:
            command.append(f"--junit-xml={report}")
        return [*command, *self.settings.options, *arguments, name]

    def environment(self, unit: str, scratch: str) -> dict[str, str]:
        """Return the environment to run *unit* in, with the directory *scratch*."""
        return process.environment(TMPDIR=scratch, **self.settings.environment)

    def outcomes(
        self, unit: str, status: int | None, output: str, report: Path
    ) -> dict[str, str]:
        """Return the outcomes of *unit*, a dict by test id; none if it is not there.

        Parameters:
            status: that it ended with; None when it was stopped.
            output: what it said.
            report: the file that it may have written.
        """
        if status and f"No module named 'test.{unit.split()[0]}'" in output:
            # A file that a patch adds, which stock and shorter prefixes lack.
            return {}
        found = parse_junit(unit, report)
        if is_ours(unit):
            # Also where it could not begin, or did not end.
            broken = status not in RAN or not found
            return {**found, unit: FAILED} if broken else found
        # Also those that failed in a subtest, whose name is not in the report.
        found.update(dict.fromkeys(failures(unit, output), FAILED))
        found[unit] = FAILED if status else PASSED
        if status is None:
            found[unit] = FAILED
        elif found[unit] == PASSED and _SKIPPED.search(output):
            found[unit] = SKIPPED
        return found

    def _timed(self, unit: str) -> tuple[dict[str, str], float]:
        begun = time.monotonic()
        return self._run_unit(unit), time.monotonic() - begun

    def _run_unit(self, unit: str) -> dict[str, str]:
        log = self.log(unit)
        report = log.with_suffix(".xml")
        report.unlink(missing_ok=True)
        # Not below our directory: the path of a socket has at most 107 characters.
        scratch = tempfile.mkdtemp(prefix="tests-")
        try:
            status = process.bounded(
                [
                    sys.executable,
                    "-c",
                    selftest.WITH_SIGINT,
                    *self.command(unit, report),
                ],
                log,
                self.settings.timeout + GRACE,
                cwd=scratch,
                env=self.environment(unit, scratch),
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return self.outcomes(unit, status, log.read_text(errors="replace"), report)


def parse_junit(unit: str, path: Path) -> dict[str, str]:
    """Return the outcomes in the file *path* that libregrtest wrote.

    A dict of outcome by test id, which begins with *unit*; empty when there is
    no such file, as after a crash.
    """
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    for case in ElementTree.parse(path).iter("testcase"):
        if case.get("name"):
            name = stable(f"{unit}::{case.get('name')}")
            # A test may run more than once, with and without an accelerator.
            found[name] = worst([_outcome(case), found.get(name, PASSED)])
    return found


def _outcome(case: ElementTree.Element) -> str:
    said = {child.tag for child in case}
    if said & {"failure", "error"} or case.get("outcome") == "UNEXPECTED_SUCCESS":
        return FAILED
    return SKIPPED if "skipped" in said else PASSED


def available(python: StrPath) -> list[str]:
    """Return the names of all files of tests that *python* has.

    Raises Problem when it has none.
    """
    done = process.said([python, "-m", "test", "--list-tests"])
    names = done.stdout.split()
    if done.returncode or not names:
        raise Problem(
            f"{python} has no tests of its own; name one that is not installed"
        )
    return names


def check(python: StrPath | None, units: Iterable[str]) -> None:
    """Raise Problem unless all of *units* exist.

    Parameters:
        python: path of the interpreter that has CPython's, but for those that the
            series adds; None to look at ours only.
    """
    theirs = set()
    for unit in units:
        if not is_ours(unit):
            theirs.add(unit.split()[0])
        elif not (layout.ROOT / unit).is_file():
            raise Problem(f"there is no {unit}; name a file of the project's tests")
    if not (python and theirs):
        return
    missing = sorted(theirs - {*available(python), *selftest.ADDED})
    if missing:
        raise Problem(
            f"{python} has no {', '.join(missing)}; list its tests with "
            "-m test --list-tests"
        )


def digest(python: StrPath) -> str:
    """Return a digest of the files of tests of *python*."""
    found: str = process.ask(
        python,
        "import hashlib, json, pathlib, test\n"
        "files = sorted(pathlib.Path(test.__file__).parent.glob('*.py'))\n"
        "text = b''.join(file.read_bytes() for file in files)\n"
        "print(json.dumps(hashlib.sha256(text).hexdigest()))",
    )
    return found


def load(data: Path = DATA) -> Any:
    """Return the content of tests.json."""
    with files.data(data) as found:
        return found


def jobs() -> int:
    """Return how many files of tests this machine can run at the same time."""
    return len(os.sched_getaffinity(0))
