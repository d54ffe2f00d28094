"""Look for a bug that is planted: with the tests named for it, or with the soak."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Union

from ...building.interpreter import Interpreter
from ...core import layout, process
from ...core.errors import Problem
from ...core.layout import StrPath
from ...host import devenv
from ...series import catalog
from ..soak import libraries, runs, session

TESTS = Path("tests", "integration")

#: Seconds that the tests of one bug may take; a hang ends much earlier.
LIMIT = 300

#: Seconds after which a script of the tests counts as hanging: see harness.py. Such
#: scripts take a second or two.
PATIENCE = 15

#: Seconds between two checks of Commands.stopped.
INTERVAL = 0.1

#: The exit statuses of pytest.
PASSED, FAILED = 0, 1


class Stopped(Exception):
    """Raised in place of a result when Commands.stopped is set."""


class Commands:
    """Runs programs until `stopped` is set.

    Attributes:
        stopped: a threading.Event; once it is set, programs are ended.
    """

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def status(
        self,
        argv: Sequence[StrPath],
        log: Path,
        timeout: float | None = None,
        **options: Any,
    ) -> int | None:
        """Run *argv* as process.status() does; return None if it took too long.

        Raises Stopped if it was ended because `stopped` is set.
        """
        if self.stopped.is_set():
            raise Stopped
        deadline = None if timeout is None else time.monotonic() + timeout
        with process.started(argv, log, **options) as running:
            while not self.stopped.is_set():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return running.wait(INTERVAL)
                if deadline is not None and time.monotonic() > deadline:
                    _interrupt(running)
                    return None
            _interrupt(running)
            raise Stopped


def _interrupt(running: subprocess.Popen[bytes]) -> None:
    """End *running* as Ctrl-C does: tests run programs in groups of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(process.GRACE)


class ByTests:
    """Looks for bugs with the tests that are named for each.

    Parameters:
        commands: the Commands that it runs, and stops with.
        series: the name of that of the builds.
    """

    #: What to do about a bug that is not found.
    advice = "no test finds {}; write one that does"

    def __init__(
        self, commands: Commands, series: str = catalog.DEFAULT_SERIES
    ) -> None:
        self._commands = commands
        self._series = series

    def find(self, mutant: Any, copy: Interpreter, pristine: Interpreter) -> str | None:
        """Return which test finds *mutant*; None if none does.

        Parameters:
            copy: the interpreter.Interpreter that it is planted in.
            pristine: the one with nothing planted.

        Raises Problem if that is not known: a fixture failed, and no test; the tests
        took too long; or one fails with nothing planted, too.
        """
        tests = [str(TESTS / test) for test in mutant.tests]
        log = copy.log(mutant.name)
        outcomes = self._run(tests, copy.python, log)
        failed = [test for test, outcome in outcomes.items() if outcome == "failed"]
        if not failed:
            return None
        log = copy.log(f"{mutant.name}-pristine")
        if set(self._run(failed, pristine.python, log).values()) != {"passed"}:
            raise process.Failed(f"with nothing planted, {failed[0]} fails too", log)
        return failed[0].removeprefix(f"{TESTS}/")

    def _run(self, tests: Sequence[str], python: Path, log: Path) -> dict[str, str]:
        """Run *tests* on the interpreter *python* until one fails.

        Returns the outcomes of the tests themselves ("passed", "failed"), a dict.
        """
        report = log.with_suffix(".jsonl")
        report.unlink(missing_ok=True)
        options = ["-x", "-q", "-o", f"cache_dir={log.parent / 'pytest_cache'}"]
        options += ["--report-log", str(report)]
        if self._series != catalog.DEFAULT_SERIES:
            options += ["--series", self._series]
        environment = process.environment(
            THREADJOIN_PATCHED=str(python), THREADJOIN_PATIENCE=str(PATIENCE)
        )
        status = self._commands.status(
            [str(devenv.VENV / "bin" / "python"), "-m", "pytest", *options, *tests],
            log,
            LIMIT,
            cwd=layout.ROOT,
            env=environment,
        )
        if status is None:
            raise process.Failed(f"pytest took more than {LIMIT} s", log)
        outcomes = called(report)
        said = {PASSED: "passed", FAILED: "failed"}.get(status)
        # Otherwise pytest or a fixture failed, or no test was run.
        if said not in outcomes.values():
            raise process.Failed(f"pytest could not run {', '.join(tests)}", log)
        return outcomes


def called(report: Path) -> dict[str, str]:
    """Return the outcomes of the tests themselves, without their fixtures.

    Parameters:
        report: a file that pytest-reportlog wrote, which need not exist.

    Returns a dict of outcome ("passed", "failed", "skipped") by test.
    """
    if not report.is_file():
        return {}
    entries = map(json.loads, report.read_text().splitlines())
    return {
        entry["nodeid"]: entry["outcome"]
        for entry in entries
        if entry["$report_type"] == "TestReport" and entry["when"] == "call"
    }


class BySoak:
    """Looks for bugs with the programs of the soak that are given for each."""

    advice = "no program of the soak finds {}; choose other seeds"

    def __init__(
        self, commands: Commands, series: str = catalog.DEFAULT_SERIES
    ) -> None:
        # Any series has all of the programs.
        self._stopped = commands.stopped
        self._perturbing = libraries.library()
        self._helper = libraries.helper()

    def find(self, mutant: Any, copy: Interpreter, pristine: Interpreter) -> str | None:
        """Return how the soak finds *mutant*; None if it does not.

        Parameters are as ByTests.find() has them. Raises Problem when the program
        that fails does so with nothing planted, too.
        """
        failure = self._failure(copy.python, mutant.soak.seeds())
        if failure is None:
            return None
        seed, words = failure
        if self._failure(pristine.python, [seed]):
            raise Problem(f"with nothing planted, the program of seed {seed} fails too")
        return f"seed {seed}: {words}"

    def _failure(self, python: Path, seeds: Iterable[int]) -> tuple[int, str] | None:
        """Run the programs of *seeds* until one fails.

        Returns its seed and a description of its failure, None if none fails.
        """
        runner = runs.Runner(
            python, session.PATIENCE, self._stopped, self._perturbing, self._helper
        )
        state = session.Soak(runner)
        session.soak(state, seeds, 1, 1, tell=lambda words: None)
        if self._stopped.is_set():
            raise Stopped
        return next(
            ((seed, verdict.words) for seed, _, verdict in state.failures), None
        )


#: A way to look for bugs.
Look = Union[ByTests, BySoak]
