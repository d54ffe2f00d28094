"""Make the benchmark's table from its samples."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: A verdict is given when it would be wrong once in so many comparisons of two
#: interpreters that are the same.
CONFIDENCE = 100


@dataclass(frozen=True)
class Spread:
    """A median and the quartiles around it."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.2f} to {self.high:.2f}"


def spread(values: Sequence[float]) -> Spread:
    """Return the Spread of *values*, a non-empty sequence of numbers."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(low, median, high)


def verdict(ratios: Sequence[float]) -> str:
    """Return "slower", "faster", or "" if *ratios* do not decide.

    That is the sign test: were both the same, about as many ratios would be
    above 1 as below it. It assumes nothing about the noise, and needs at least
    eight ratios.
    """
    above = sum(ratio > 1 for ratio in ratios)
    below = sum(ratio < 1 for ratio in ratios)
    total = above + below
    as_uneven = 2 * sum(math.comb(total, i) for i in range(min(above, below) + 1))
    if as_uneven * CONFIDENCE > 2**total:
        return ""
    return "slower" if above > below else "faster"


@dataclass(frozen=True)
class Comparison:
    """A line of the table.

    stock and patched are in seconds for one operation; ratio is the Spread of
    patched / stock over the rounds, verdict what they tell.
    """

    title: str
    stock: float
    patched: float
    ratio: Spread
    verdict: str


def compare(
    title: str, stock: Iterable[list[float]], patched: Iterable[list[float]]
) -> Comparison:
    """Return the Comparison of what was measured, side by side.

    Parameters:
        title: the row's.
        stock, patched: for each round a list of samples, in seconds. What was
            measured in the same round is compared with each other, for the
            machine changes its speed from round to round.
    """
    before = [statistics.median(samples) for samples in stock]
    after = [statistics.median(samples) for samples in patched]
    ratios = [mine / its for its, mine in zip(before, after)]
    return Comparison(
        title,
        statistics.median(before),
        statistics.median(after),
        spread(ratios),
        verdict(ratios),
    )


HEADER = ("", "stock µs", "patched µs", "patched / stock", "quartiles", "")


def cells(comparison: Comparison) -> tuple[str, ...]:
    """Return the cells of *comparison* for a table with HEADER."""
    return (
        comparison.title,
        microseconds(comparison.stock),
        microseconds(comparison.patched),
        f"{comparison.ratio.median:.2f}",
        str(comparison.ratio),
        comparison.verdict,
    )


def microseconds(seconds: float) -> str:
    """Return *seconds* as microseconds with three significant digits."""
    value = seconds * 1e6
    decimals = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{decimals}f}"
