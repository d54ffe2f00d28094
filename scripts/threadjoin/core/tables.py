"""Print tables, as Markdown and as plain text."""

from __future__ import annotations

from collections.abc import Sequence


def markdown(rows: Sequence[Sequence[str]], left: Sequence[int] | None = (0,)) -> str:
    """Return the Markdown table of *rows*, of str, the first its head.

    Parameters:
        left: numbers of the columns whose cells are on the left, as words are; in
            the others they are on the right. None for all.
    """
    rule = [
        "---" if _is_left(n, left, rows[0]) else "---:" for n in range(len(rows[0]))
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:]))


def plain(
    rows: Sequence[Sequence[str]], left: Sequence[int] | None = (0,)
) -> list[str]:
    """Return *rows*, of str, as lines whose cells stand below each other.

    Parameters:
        left: as markdown() has it.
    """
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(
            (str.ljust if _is_left(n, left, row) else str.rjust)(cell, widths[n])
            for n, cell in enumerate(row)
        ).rstrip()
        for row in rows
    ]


def _is_left(number: int, left: Sequence[int] | None, row: Sequence[str]) -> bool:
    return left is None or number in {n % len(row) for n in left}
