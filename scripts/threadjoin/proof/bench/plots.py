"""Draw ratios as SVG, readable on a light and on a dark page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from .stats import Comparison

#: Pixels: the names of the rows, the plot itself, what is written beside it.
NAMES, PLOT, VALUES = 250, 380, 110
ROW, TOP, BOTTOM = 26, 56, 40

#: Where the axis has ticks, as far as the rows reach; two of them at least.
TICKS = (0.25, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 4)

#: A browser takes the second set of colours on a dark page. All else, which does not
#: know of such pages, takes the first, with its own background.
_STYLE = """\
  .page { fill: #ffffff } text { fill: #1f2328; font: 13px sans-serif }
  .title { font-weight: bold } .tick { stroke: #d1d9e0 } .one { stroke: #59636e }
  .slower { fill: #bc4c00; stroke: #bc4c00 } .faster { fill: #1a7f37; stroke: #1a7f37 }
  .same { fill: #59636e; stroke: #59636e }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #f0f6fc }
    .tick { stroke: #3d444d } .one { stroke: #9198a1 }
    .slower { fill: #f0883e; stroke: #f0883e }
    .faster { fill: #3fb950; stroke: #3fb950 }
    .same { fill: #9198a1; stroke: #9198a1 }
  }"""


def ratios(title: str, comparisons: Sequence[Comparison]) -> str:
    """Return a plot of the ratios patched / stock, as SVG.

    A row has a dot for the median and a line from quartile to quartile, on a
    logarithmic axis: half as long and twice as long are equally far from 1.

    Parameters:
        title: the heading.
        comparisons: a row each.
    """
    ticks = _ticks(comparisons)
    low, high = math.log(ticks[0]), math.log(ticks[-1])

    def x(ratio: float) -> float:
        place = (math.log(ratio) - low) / (high - low)
        return round(NAMES + PLOT * min(max(place, 0), 1), 1)

    width = NAMES + PLOT + VALUES
    end = TOP + ROW * len(comparisons)
    height = end + BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{_STYLE}\n</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        f'<text class="title" x="10" y="24">{escape(title)}</text>',
    ]
    for tick in ticks:
        name = "one" if tick == 1 else "tick"
        lines += [
            f'<line class="{name}" x1="{x(tick)}" x2="{x(tick)}" y1="{TOP - 10}" '
            f'y2="{end}"/>',
            f'<text x="{x(tick)}" y="{end + 18}" text-anchor="middle">{tick:g}</text>',
        ]
    for number, row in enumerate(comparisons):
        y = TOP + ROW * number + ROW // 2
        name = row.verdict or "same"
        ratio = row.ratio
        said = f"{ratio.median:.2f} {row.verdict}".rstrip()
        lines += [
            f'<text x="{NAMES - 12}" y="{y + 4}" text-anchor="end">'
            f"{escape(row.title)}</text>",
            f'<line class="{name}" stroke-width="4" x1="{x(ratio.low)}" '
            f'x2="{x(ratio.high)}" y1="{y}" y2="{y}"/>',
            f'<circle class="{name}" cx="{x(ratio.median)}" cy="{y}" r="6"/>',
            f'<text x="{NAMES + PLOT + 12}" y="{y + 4}">{said}</text>',
        ]
    lines += [
        f'<text x="{NAMES}" y="{height - 6}">patched / stock: left of 1 is faster, '
        "the line goes from quartile to quartile</text>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _ticks(comparisons: Sequence[Comparison]) -> list[float]:
    """Return the TICKS between which all of the rows are, and 1 with its next ones."""
    lowest = min([0.8, *(row.ratio.low for row in comparisons)])
    highest = max([1.25, *(row.ratio.high for row in comparisons)])
    first = max(tick for tick in (TICKS[0], *TICKS) if tick <= max(lowest, TICKS[0]))
    last = min(tick for tick in TICKS if tick >= min(highest, TICKS[-1]))
    return [tick for tick in TICKS if first <= tick <= last]
