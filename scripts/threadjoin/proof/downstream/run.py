"""Run one suite of a library's tests on one interpreter."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field

from ...building import selftest
from ...core import process
from . import data

PASSED, SKIPPED, FAILED = "passed", "skipped", "failed"

#: How good an outcome is. A test that is not there counts as one skipped.
RANK = {FAILED: 0, SKIPPED: 1, PASSED: 2}

#: Exit statuses of pytest that say how the tests went, not that it broke:
#: all passed, some failed, there were none.
PYTEST_STATUSES = (0, 1, 5)

_HEADER = re.compile(r"^(\w+) \(([\w.<>]+)\)", re.MULTILINE)
_RULE = "\n" + "=" * 70 + "\n"
_SKIPPED = re.compile(r"\.\.\. skipped|\bskipped ['\"]")
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


@dataclass
class Run:
    """The result of one run of some units of a suite."""

    outcomes: dict = field(default_factory=dict)  # of test id to outcome
    units: dict = field(default_factory=dict)  # of unit to its test ids
    times: dict = field(default_factory=dict)  # of unit to seconds

    def add(self, unit, outcomes, seconds):
        """Take in the *outcomes* (a dict) of *unit*, which took *seconds*."""
        self.outcomes.update(outcomes)
        self.units[unit] = sorted(outcomes)
        self.times[unit] = seconds

    @property
    def seconds(self):
        """How long it took, unit after unit."""
        return sum(self.times.values())

    def count(self, outcome):
        """Return how many tests had *outcome*."""
        return sum(value == outcome for value in self.outcomes.values())


class Place:
    """One suite, set up to run in one virtual environment.

    Parameters:
        suite: the data.Suite.
        python: Path of the environment's interpreter.
        directory: Path of a directory to work in; made anew.
        sdist: Path of the unpacked sdist, where the suite needs one.
    """

    def __init__(self, suite, python, directory, sdist=None):
        self.suite = suite
        self._python = python
        self._scratch = directory / "scratch"
        self._logs = directory / "logs"
        self._tests = self._set_up(directory, sdist)

    def units(self, patterns):
        """Return the units that *patterns*, such as those of the suite, stand for.

        In the order of the patterns, then of names: the same everywhere.
        """
        found = []
        for pattern in patterns:
            name, _, arguments = pattern.partition(" ")
            if arguments.endswith("*"):
                found += self._behaviours(name, arguments.rstrip(" *"))
                continue
            # What is no file is for pytest to complain about.
            names = sorted(
                str(path.relative_to(self._tests)) for path in self._tests.glob(name)
            )
            found += [f"{n} {arguments}".strip() for n in names or [name]]
        return list(dict.fromkeys(found))

    def _behaviours(self, name, arguments):
        """Return a unit for each line of what the program says to --list."""
        command = [self._python, self._tests / name, *arguments.split(), "--list"]
        lines = subprocess.check_output(command, text=True).split()
        return [" ".join([name, *arguments.split(), line]) for line in lines]

    def run(self, units):
        """Run *units* one after another and return a Run."""
        run = Run()
        for unit in units:
            begun = time.monotonic()
            run.add(unit, self._run_unit(unit), time.monotonic() - begun)
        return run

    def _set_up(self, directory, sdist):
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
            copy = shutil.copytree if (sdist / name).is_dir() else shutil.copy2
            copy(sdist / name, target)
        return tests

    def _installed(self, package):
        (site,) = self._python.parents[1].glob("lib/python*/site-packages")
        return site.joinpath(*package.split("."))

    def _run_unit(self, unit):
        log = self._logs / (re.sub(r"[^\w.-]+", "_", unit) + ".log")
        report = log.with_suffix(".json")
        status = self._execute(self._command(unit, report), log)
        if self.suite.runner == "program":
            return {unit: PASSED if status == 0 else FAILED}
        if self.suite.runner == "unittest":
            outcomes = parse_unittest(unit, log.read_text(errors="replace"))
            broken = status != 0 and FAILED not in outcomes.values()
        else:
            outcomes = parse_reportlog(report)
            broken = status not in PYTEST_STATUSES
        if broken:
            # As a whole: it crashed, hung, or could not even begin.
            outcomes[f"{unit} (process)"] = FAILED
        elif not outcomes:
            # A script whose only say is its status.
            outcomes[unit] = PASSED if status == 0 else SKIPPED
        return outcomes

    def _command(self, unit, report):
        name, *arguments = unit.split(" ")
        arguments += self.suite.arguments
        if self.suite.runner == "program":
            return [self._tests / name, *arguments]
        if self.suite.runner == "unittest":
            return ["-u", self._tests / name, "-v", *arguments]
        return [
            *("-m", "pytest", self._tests / name, "-p", "no:cacheprovider"),
            *("--report-log", report, "--rootdir", self._tests),
            # Else pytest finds that of the project it is below: ours.
            *("-c", self._tests / (self.suite.config or os.devnull)),
            # Says in the log where it hangs, before it is stopped.
            *("-o", f"faulthandler_timeout={self.suite.timeout * 3 // 4}"),
            *arguments,
        ]

    def _execute(self, arguments, log):
        """Return the status, or None when it took too long."""
        command = [sys.executable, "-c", selftest.WITH_SIGINT, self._python, *arguments]
        cwd = self._directory(log.stem)
        return process.bounded(
            list(map(str, command)),
            log,
            self.suite.timeout,
            cwd=cwd,
            env=self._environment(),
        )

    def _directory(self, name):
        """Return the Path of the directory to run the unit called *name* in."""
        if self.suite.runner == "pytest" and self.suite.package:
            # python -m puts it on sys.path, and trio has a socket.py.
            return self._scratch
        if self.suite.runner != "program":
            return self._tests
        # What the one before it left there is not for this one.
        directory = self._scratch / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        return directory

    def _environment(self):
        env = process.environment(
            HOME=str(self._scratch),
            TMPDIR=str(self._scratch),
            PYTHONHASHSEED="0",
            **self.suite.environment,
        )
        env["PATH"] = f"{self._python.parent}{os.pathsep}{env['PATH']}"
        # Everything is on this machine.
        return {k: v for k, v in env.items() if not k.lower().endswith("_proxy")}


def worst(outcomes):
    """Return the worst of some *outcomes*."""
    return min(outcomes, key=RANK.__getitem__)


def parse_reportlog(path):
    """Return the outcomes in the file *path* that pytest-reportlog wrote.

    A dict of outcome by test id; empty when there is no such file. The file
    is written as the tests go: a crash loses none that came before it.
    """
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_text(errors="replace").splitlines():
        with contextlib.suppress(json.JSONDecodeError):  # cut off by a crash
            _take_report(json.loads(line), found)
    return found


def _take_report(report, found):
    kind, outcome = report.get("$report_type"), report.get("outcome")
    if outcome not in RANK or (kind == "CollectReport" and outcome != FAILED):
        return
    if kind not in ("TestReport", "CollectReport"):
        return
    name = stable(report["nodeid"])
    found[name] = worst([outcome, found.get(name, outcome)])


def parse_unittest(unit, output):
    """Return the outcomes in the *output* of `unit -v`, a script of unittest.

    A dict of outcome by test id. What a test prints may stand between its
    name and its outcome, so that is taken from the summary at the end.
    """
    body = output.partition(_RULE)[0]
    ended = re.search(r"^Ran \d+ tests? in ", output, re.MULTILINE)
    headers = list(_HEADER.finditer(body))
    outcomes = {}
    for header, follower in zip(headers, [*headers[1:], None]):
        text = body[header.end() : follower.start() if follower else len(body)]
        passed = ended or follower
        outcome = SKIPPED if _SKIPPED.search(text) else PASSED if passed else FAILED
        outcomes[_name(unit, *header.groups())] = outcome
    # Also setUpClass and its like, which have no line of their own.
    return {**outcomes, **dict.fromkeys(failures(unit, output), FAILED)}


def failures(unit, output):
    """Return the ids of the tests that failed, as the summary of `unit -v` has them.

    A set; *output* is what it said.
    """
    summary = output.partition(_RULE)[2]
    found = re.findall(r"^(?:FAIL|ERROR): (\w+) \(([\w.<>]+)\)", summary, re.M)
    return {_name(unit, *failure) for failure in found}


def _name(unit, method, place):
    # Before 3.11 the place is that of the class.
    whole = place if place.endswith(f".{method}") else f"{place}.{method}"
    return f"{unit}::{whole}"


def stable(name):
    """Return the id *name* without what differs from one run to the next."""
    name = name.rpartition("site-packages/")[2]
    return _ADDRESS.sub("0x...", name)
