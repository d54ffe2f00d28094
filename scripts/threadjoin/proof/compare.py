"""Tell what differs between two runs of the same tests, and what is flaky."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any, Protocol

from ..building.identity import KINDS
from .outcomes import RANK, SKIPPED, Run

WORSE, BETTER = "worse", "better"

#: A difference stands when chance makes one as large less often than this.
LEVEL = 0.05

#: Repetitions after which a test that passed in all of them is not repeated again.
QUIET = 5

#: Rounds that it takes at least to tell two interpreters apart: with fewer, no
#: difference is too large for chance.
FEWEST = next(n for n in range(1, 100) if 1 / comb(2 * n, n) < LEVEL)


class Place(Protocol):
    """Where units of tests can be run."""

    def run(self, units: Any) -> Run:
        """Run *units*."""


@dataclass
class Difference:
    """A test whose outcome is not the same on both interpreters.

    Attributes:
        test: its id.
        kind: WORSE when the patched interpreter is the one that does worse.
        stock, patched: the outcomes in the whole run.
        good: how many of the repetitions went well, by role.
        rounds: how many repetitions there were on each.
    """

    test: str
    kind: str
    stock: str
    patched: str
    good: dict[str, int]
    rounds: int = 0

    def add(self, outcomes: Mapping[str, str]) -> None:
        """Take in one repetition: *outcomes*, a dict of role to outcome."""
        best = max(RANK[self.stock], RANK[self.patched])
        self.rounds += 1
        for role, outcome in outcomes.items():
            self.good[role] += RANK[outcome] >= best

    @property
    def chance(self) -> float:
        """How often chance alone makes a difference this large, 0 to 1."""
        lower, upper = KINDS[:: -1 if self.kind == WORSE else 1]
        return fisher(self.good[lower], self.good[upper], self.rounds)

    @property
    def stands(self) -> bool:
        """Whether the repetitions tell the two interpreters apart."""
        return self.chance < LEVEL

    @property
    def decided(self) -> bool:
        """Whether more repetitions would not change the verdict."""
        quiet = self.rounds >= QUIET and set(self.good.values()) == {self.rounds}
        return self.stands or quiet

    def __str__(self) -> str:
        def role(name: str) -> str:
            return f"{name} {self.good[name]}/{self.rounds}"

        return (
            f"{self.test}: {self.stock} on stock, {self.patched} on patched; "
            f"again: {role('stock')}, {role('patched')}"
        )


def fisher(low: int, high: int, rounds: int) -> float:
    """Return the one-sided P of Fisher's exact test, 0 to 1.

    Parameters:
        low, high: the successes in *rounds* attempts each.

    It is the probability that of low + high successes, dealt to two sides of
    *rounds* attempts by chance, the first gets *low* or fewer.
    """
    successes = low + high
    ways = sum(
        comb(rounds, k) * comb(rounds, successes - k)
        for k in range(low + 1)
        if 0 <= successes - k <= rounds
    )
    return ways / comb(2 * rounds, successes)


def differences(
    stock: Mapping[str, str], patched: Mapping[str, str]
) -> list[Difference]:
    """Return the Differences between two dicts of outcome by test id.

    Worse is: passed on stock, not on patched; or failed on patched, not on
    stock. A test that is missing on one of them counts as skipped there.
    """
    found = []
    for test in sorted(stock.keys() | patched.keys()):
        ours = stock.get(test, SKIPPED), patched.get(test, SKIPPED)
        if ours[0] != ours[1]:
            kind = WORSE if RANK[ours[1]] < RANK[ours[0]] else BETTER
            found.append(Difference(test, kind, *ours, dict.fromkeys(KINDS, 0)))
    return found


def repeat(
    found: Sequence[Difference],
    places: Mapping[str, Place],
    units: Mapping[str, Container[str]],
    rounds: int,
) -> None:
    """Repeat the units of the differences *found*, until each has a verdict.

    Parameters:
        found: the differences; they are added to.
        places: dict of run.Place by role.
        units: dict of the set of test ids by unit.
        rounds: how often, at most.
    """
    for unit, tests in units.items():
        ours = [difference for difference in found if difference.test in tests]
        for _ in range(rounds if ours else 0):
            runs = {role: place.run([unit]) for role, place in places.items()}
            for difference in ours:
                difference.add(
                    {
                        role: run.outcomes.get(difference.test, SKIPPED)
                        for role, run in runs.items()
                    }
                )
            if all(difference.decided for difference in ours):
                break
