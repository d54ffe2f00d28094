"""Run an interpreter's own tests of joins, and the reproducer of the join race."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core import process
from ..core.layout import ROOT
from .interpreter import Interpreter

REPRODUCER = ROOT / "scripts" / "repro_join_race.py"

#: Seconds for test_threading, and for the reproducer, where nothing is slow.
TEST_TIMEOUT = 600
REPRODUCER_TIMEOUT = 120

#: The files of tests that the series adds to CPython's own.
ADDED = ("test_threading_join", "test_thread_handle", "test_thread_refused")

#: The reproducer's exit statuses.
VERDICTS = {0: "no race", 1: "race"}

#: When a shell starts us in the background, we ignore SIGINT, and so would the
#: tests, some of which are about SIGINT.
WITH_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True)
class Tests:
    """How a run of test_threading ended."""

    passed: bool
    ran: int
    skipped: int
    failed: tuple[str, ...]  # names

    def __str__(self) -> str:
        text = f"{self.ran} run, {self.skipped} skipped"
        if self.passed:
            return f"passed ({text})"
        return f"FAILED ({text}): {', '.join(self.failed) or 'see the log'}"


def run_tests(interpreter: Interpreter) -> Tests:
    """Run test_threading on an interpreter.Interpreter and return Tests.

    Also the tests that the series adds, where they are.

    Raises process.Failed when it hangs.
    """
    log = interpreter.log("test_threading")
    timeout = TEST_TIMEOUT * interpreter.variant.slowness
    # The test runner's own limit comes first: it shows where threads hang.
    tests = interpreter.source / "Lib" / "test"
    added = [name for name in ADDED if (tests / f"{name}.py").is_file()]
    command = ["-m", "test", "-v", f"--timeout={timeout}", *added, "test_threading"]
    result = _run(interpreter, command, log, timeout + 60)
    return parse_tests(result, log.read_text(errors="replace"))


def parse_tests(status: int | None, output: str) -> Tests:
    """Return the Tests that ended with *status* and wrote *output*."""
    ran = sum(map(int, re.findall(r"^Ran (\d+) tests? in ", output, re.MULTILINE)))
    skipped = sum(
        map(int, re.findall(r"^(?:OK|FAILED) \(.*skipped=(\d+)", output, re.M))
    )
    failed = re.findall(r"^(?:FAIL|ERROR): (\S+)", output, re.MULTILINE)
    return Tests(status == 0 and ran > 0, ran, skipped, tuple(dict.fromkeys(failed)))


def reproduce(interpreter: Interpreter) -> str:
    """Run the reproducer on an interpreter.Interpreter.

    Returns "race", "no race", or "not carried out". Raises process.Failed
    when it hangs.
    """
    log = interpreter.log("race")
    timeout = REPRODUCER_TIMEOUT * interpreter.variant.slowness
    result = _run(interpreter, [str(REPRODUCER)], log, timeout)
    return VERDICTS.get(result, "not carried out")


def _run(
    interpreter: Interpreter, arguments: Sequence[str], log: Path, timeout: float | None
) -> int:
    return process.status(
        [sys.executable, "-c", WITH_SIGINT, str(interpreter.python), *arguments],
        log,
        cwd=interpreter.objects,
        env=interpreter.environment(),
        timeout=timeout,
    )
