"""How much of the release's own files a series touches and quotes.

Each line that a patch quotes is one that another release may have changed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from ..core import tables
from ..series import patchfile
from ..series.catalog import Series

COLUMNS = ("files", "hunks", "added", "removed", "context", "new lines")


def count(series: Series) -> list[tuple[str, tuple[int, ...]]]:
    """Return [(name, figures)] for each patch of a catalog.Series, and the sums.

    The figures are those of COLUMNS; all but the last are of the files that no
    patch of the series creates. The second sum is that of CPython's tests.
    """
    patches = [patchfile.read(path) for path in series.patches]
    changes = [change for patch in patches for change in patch.changes]
    created = {change.name for change in changes if change.created}
    rows = [(patch.path.stem, _figures(patch.changes, created)) for patch in patches]
    tests = [change for change in changes if change.name.startswith("Lib/test/")]
    sums = [("sum", changes), ("of it in Lib/test", tests)]
    return [*rows, *((name, _figures(found, created)) for name, found in sums)]


def _figures(
    changes: Iterable[patchfile.Change], created: Container[str]
) -> tuple[int, ...]:
    old = [change for change in changes if change.name not in created]
    new = [change for change in changes if change.name in created]
    removed = sum(change.removed for change in old)
    return (
        len({change.name for change in old}),
        sum(len(change.hunks) for change in old),
        sum(len(change.added) for change in old),
        removed,
        sum(len(change.kept) for change in old) - removed,
        sum(len(change.added) - change.removed for change in new),
    )


def table(series: Series) -> list[str]:
    """Return the lines of a table of count(*series*)."""
    rows: list[tuple[str, ...]] = [("", *COLUMNS)]
    rows += [(name, *map(str, figures)) for name, figures in count(series)]
    return tables.plain(rows)
