"""Run one suite of a library's tests on one interpreter."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...building import selftest
from ...core import process
from ...core.layout import StrPath
from ..outcomes import (
    FAILED,
    PASSED,
    SKIPPED,
    Run,
    parse_libtest,
    parse_reportlog,
    parse_unittest,
)
from . import data

#: The functions that read outcomes from the output of runners that write no report.
READ = {"libtest": parse_libtest, "unittest": parse_unittest}

#: Exit statuses of pytest after a complete run: all tests passed, some failed, there
#: were none.
PYTEST_STATUSES = (0, 1, 5)


#: Prints where the libpython of an interpreter is.
LIBRARY = (
    "import json, sysconfig; print(json.dumps(sysconfig.get_config_var('LIBDIR')))"
)


class Place:
    """One suite, set up to run in one virtual environment.

    Parameters:
        python: the environment's interpreter.
        directory: a directory to work in; made anew.
        sdist: the unpacked sdist, where the suite needs one.
    """

    def __init__(
        self,
        suite: data.Suite,
        python: Path,
        directory: Path,
        sdist: Path | None = None,
    ) -> None:
        self.suite = suite
        self._python = python
        self._scratch = directory / "scratch"
        self._logs = directory / "logs"
        self._tests = self._set_up(directory, sdist)

    def units(self, patterns: Iterable[str]) -> list[str]:
        """Return the units that *patterns*, such as those of the suite, stand for.

        In the order of the patterns, then of names: the same everywhere.
        """
        found = []
        for pattern in patterns:
            name, _, arguments = pattern.partition(" ")
            if arguments.endswith("*"):
                found += self._behaviours(name, arguments.rstrip(" *"))
                continue
            # pytest reports a pattern that matches no file.
            names = sorted(
                str(path.relative_to(self._tests)) for path in self._tests.glob(name)
            )
            found += [f"{n} {arguments}".strip() for n in names or [name]]
        return list(dict.fromkeys(found))

    def _behaviours(self, name: str, arguments: str) -> list[str]:
        """Return a unit for each line that the program prints for --list."""
        command = [str(self._python), str(self._tests / name), *arguments.split()]
        lines = subprocess.check_output([*command, "--list"], text=True).split()
        return [" ".join([name, *arguments.split(), line]) for line in lines]

    def run(self, units: Iterable[str]) -> Run:
        """Run *units* one after another and return a Run."""
        run = Run()
        for unit in units:
            begun = time.monotonic()
            run.add(unit, self._run_unit(unit), time.monotonic() - begun)
        return run

    def _set_up(self, directory: Path, sdist: Path | None) -> Path:
        shutil.rmtree(directory, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        self._logs.mkdir()
        if self.suite.runner == "program":
            return data.PROGRAMS
        if self.suite.package:
            return self._installed(self.suite.package)
        tests = directory / "tests"
        tests.mkdir()
        for name in self.suite.take:
            target = tests / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source = Path(sdist or ".", name)
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, target)
        return tests

    def _installed(self, package: str) -> Path:
        (site,) = self._python.parents[1].glob("lib/python*/site-packages")
        return site.joinpath(*package.split("."))

    def _run_unit(self, unit: str) -> dict[str, str]:
        log = self._logs / (re.sub(r"[^\w.-]+", "_", unit) + ".log")
        report = log.with_suffix(".json")
        status = self._execute(self._command(unit, report), log)
        if self.suite.runner in ("program", "executable"):
            return {unit: PASSED if status == 0 else FAILED}
        if self.suite.runner in READ:
            output = log.read_text(errors="replace")
            outcomes = READ[self.suite.runner](unit, output)
            broken = status != 0 and FAILED not in outcomes.values()
        else:
            outcomes = parse_reportlog(report)
            broken = status not in PYTEST_STATUSES
        if broken:
            # As a whole: it crashed, hung, or could not begin.
            outcomes[f"{unit} (process)"] = FAILED
        elif not outcomes:
            # A script whose only report is its exit status.
            outcomes[unit] = PASSED if status == 0 else SKIPPED
        return outcomes

    def _command(self, unit: str, report: Path) -> list[StrPath]:
        name, *arguments = unit.split(" ")
        arguments += self.suite.arguments
        if self.suite.runner in ("executable", "libtest"):
            return [self._tests / name, *arguments]
        if self.suite.runner == "program":
            return [self._python, self._tests / name, *arguments]
        if self.suite.runner == "unittest":
            return [self._python, "-u", self._tests / name, "-v", *arguments]
        return [
            *(
                self._python,
                "-m",
                "pytest",
                self._tests / name,
                "-p",
                "no:cacheprovider",
            ),
            *("--report-log", report, "--rootdir", self._tests),
            # Otherwise pytest finds the configuration of this project above it.
            *("-c", self._tests / (self.suite.config or os.devnull)),
            # Before it is stopped, it writes to the log where it hangs.
            *("-o", f"faulthandler_timeout={self.suite.timeout * 3 // 4}"),
            *arguments,
        ]

    def _execute(self, command: Sequence[StrPath], log: Path) -> int | None:
        """Return the status, or None when it took too long."""
        command = [sys.executable, "-c", selftest.WITH_SIGINT, *command]
        cwd = self._directory(log.stem)
        return process.bounded(
            list(map(str, command)),
            log,
            self.suite.timeout,
            cwd=cwd,
            env=self._environment(),
        )

    def _directory(self, name: str) -> Path:
        """Return the Path of the directory to run the unit called *name* in."""
        if self.suite.runner == "pytest" and self.suite.package:
            # python -m puts it on sys.path, and trio has a socket.py.
            return self._scratch
        if self.suite.runner != "program":
            return self._tests
        # Not in the directory in which another unit has left files.
        directory = self._scratch / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        return directory

    def _environment(self) -> dict[str, str]:
        ours = {
            "HOME": str(self._scratch),
            "TMPDIR": str(self._scratch),
            "PYTHONHASHSEED": "0",
        }
        env = process.environment(**{**ours, **self.suite.environment})
        env["PATH"] = f"{self._python.parent}{os.pathsep}{env['PATH']}"
        if self.suite.embeds:
            # A program that was linked to stock's libpython loads this one.
            env["LD_LIBRARY_PATH"] = process.ask(self._python, LIBRARY)
        # All servers of the tests are on this machine.
        return {k: v for k, v in env.items() if not k.lower().endswith("_proxy")}
