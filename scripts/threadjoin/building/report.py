"""Summarise a build, and name its faults."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .interpreter import Interpreter
from .selftest import Tests


@dataclass(frozen=True)
class Result:
    """The facts about an interpreter that was built."""

    interpreter: Interpreter
    tests: Tests | None  # None: not run
    verdict: str | None  # the reproducer's, None: not run

    @property
    def patched(self) -> bool:
        """Whether it has the series in it."""
        return self.interpreter.kind == "patched"


def complaints(results: Iterable[Result]) -> list[str]:
    """Return the faults of *results*, one str each; [] if there are none.

    The patched interpreter has to pass its tests and to be without the race.
    Stock has to have the race, or the patched one's lack of it shows nothing.
    """
    found = []
    for result in results:
        kind = result.interpreter.kind
        wanted = "no race" if result.patched else "race"
        if result.patched and result.tests and not result.tests.passed:
            log = result.interpreter.log("test_threading")
            found.append(f"{kind} fails test_threading, see {log}")
        if result.verdict not in (None, wanted):
            log = result.interpreter.log("race")
            found.append(
                f"the reproducer says of {kind}: {result.verdict}, where it should "
                f"say: {wanted}; see {log}"
            )
    return found


def table(results: Sequence[Result]) -> list[str]:
    """Return the lines of the summary."""
    lines = []
    for result in results:
        lines += [
            f"{result.interpreter.kind}: {result.interpreter.python}",
            f"    test_threading: {result.tests or 'not run'}",
            f"    join race:      {result.verdict or 'not run'}",
        ]
    if any(result.patched for result in results) and len(results) == 1:
        lines.append("stock: not built, its race not shown")
    return lines
