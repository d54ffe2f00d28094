"""Record the outcomes of tests, and read them from the reports of their runners."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PASSED, SKIPPED, FAILED = "passed", "skipped", "failed"

#: The rank of each outcome, the worst first. A missing test counts as skipped.
RANK = {FAILED: 0, SKIPPED: 1, PASSED: 2}

_HEADER = re.compile(r"^(\w+) \(([\w.<>]+)\)", re.MULTILINE)
_RULE = "\n" + "=" * 70 + "\n"
_SKIPPED = re.compile(r"\.\.\. skipped|\bskipped ['\"]")
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


@dataclass
class Run:
    """The result of one run of some units of a suite."""

    outcomes: dict[str, str] = field(default_factory=dict)  # of test id to outcome
    units: dict[str, list[str]] = field(default_factory=dict)  # of unit to its test ids
    times: dict[str, float] = field(default_factory=dict)  # of unit to seconds

    def add(self, unit: str, outcomes: Mapping[str, str], seconds: float) -> None:
        """Take in the *outcomes* of *unit*, which took *seconds*."""
        self.outcomes.update(outcomes)
        self.units[unit] = sorted(outcomes)
        self.times[unit] = seconds

    @property
    def seconds(self) -> float:
        """How long it took, unit after unit."""
        return sum(self.times.values())

    def count(self, outcome: str) -> int:
        """Return how many tests had *outcome*."""
        return sum(value == outcome for value in self.outcomes.values())


def worst(outcomes: Iterable[str]) -> str:
    """Return the worst of some *outcomes*."""
    return min(outcomes, key=RANK.__getitem__)


def parse_reportlog(path: Path) -> dict[str, str]:
    """Return the outcomes in the file *path* that pytest-reportlog wrote.

    A dict of outcome by test id; empty when there is no such file. The file
    is written as the tests go: a crash loses none that came before it.
    """
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    for line in path.read_text(errors="replace").splitlines():
        with contextlib.suppress(json.JSONDecodeError):  # cut off by a crash
            _take_report(json.loads(line), found)
    return found


def _take_report(report: dict[str, Any], found: dict[str, str]) -> None:
    kind, outcome = report.get("$report_type"), report.get("outcome")
    if outcome not in RANK or (kind == "CollectReport" and outcome != FAILED):
        return
    if kind not in ("TestReport", "CollectReport"):
        return
    name = stable(report["nodeid"])
    found[name] = worst([outcome, found.get(name, outcome)])


def parse_unittest(unit: str, output: str) -> dict[str, str]:
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


def parse_libtest(unit: str, output: str) -> dict[str, str]:
    """Return the outcomes in the *output* of *unit*, an executable with Rust's tests.

    A dict of outcome by test id.
    """
    marks = {"ok": PASSED, "ignored": SKIPPED, "FAILED": FAILED}
    found = re.findall(r"^test (.+) \.\.\. (ok|ignored|FAILED)\b", output, re.MULTILINE)
    return {f"{unit}::{name}": marks[mark] for name, mark in found}


def failures(unit: str, output: str) -> set[str]:
    """Return the ids of the tests that failed, as the summary of `unit -v` has them.

    A set; *output* is what it said.
    """
    summary = output.partition(_RULE)[2]
    found = re.findall(r"^(?:FAIL|ERROR): (\w+) \(([\w.<>]+)\)", summary, re.M)
    return {_name(unit, *failure) for failure in found}


def _name(unit: str, method: str, place: str) -> str:
    # Before 3.11 the place is that of the class.
    whole = place if place.endswith(f".{method}") else f"{place}.{method}"
    return f"{unit}::{whole}"


def stable(name: str) -> str:
    """Return the id *name* without what differs from one run to the next."""
    name = name.rpartition("site-packages/")[2]
    return _ADDRESS.sub("0x...", name)
