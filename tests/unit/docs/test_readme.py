"""The README's tables say what was measured, and what the data of the releases has."""

import json
import re

import pytest
from threadjoin.core import layout
from threadjoin.proof import defects, pages
from threadjoin.series import catalog

README = (layout.ROOT / "README.md").read_text()

#: A cell of a page: the mark and how often, or the mark of a link to a reproducer.
WORST = ("●", "?", "–")


def tables(text):
    """Return the tables in *text*, lists of rows of cells, without the rule."""
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [
        [
            [cell.strip() for cell in line.strip("|").split(" | ")]
            for number, line in enumerate(block.splitlines())
            if number != 1
        ]
        for block in blocks
    ]


def named(head):
    """Return the table of the README that begins with the cell *head*."""
    (found,) = [table for table in tables(README) if table[0][0] == head]
    return found[0], found[1:]


def measured():
    """Return {(path of a reproducer, interpreter): mark}, of all pages there are."""
    found = {}
    for page in sorted(pages.RESULTS.glob("*/defects.md")):
        (table,) = tables(page.read_text())
        for row in table[1:]:
            link = re.search(r"\]\(([^)]+)\)", row[1])[1]
            path = (page.parent / link).resolve().relative_to(layout.ROOT)
            for column, cell in list(zip(table[0], row))[3:]:
                found[str(path), column] = cell[:1]
    return found


def meant(cell):
    """Return the paths of the reproducers that the first *cell* of a row links to."""
    issues = set(map(int, re.findall(r"/issues/(\d+)", cell)))
    paths = set(re.findall(r"\]\((tests/[^)]+)\)", cell))
    known = [d for d in defects.load() if d.issue in issues or d.script in paths]
    assert {d.issue for d in known} - {0} == issues
    assert paths <= {d.script for d in known}
    return [defect.script for defect in known]


def test_the_matrix_is_what_was_measured():
    (_, *columns), rows = named("on stock")
    marks = measured()
    wrong = []
    for first, *cells in rows:
        for column, cell in zip(columns, cells):
            found = {marks[script, column] for script in meant(first)}
            wanted = next(mark for mark in WORST if mark in found)
            if cell != wanted:
                wrong.append(f"{column}, {first}: {cell}, and measured: {wanted}")
    assert wrong == []


def releases(text, series):
    """Return the releases that *text* names: "3.9.2 to 3.9.4, .18" has four."""
    found = set()
    text = re.sub(r"(?<![\d.])\.(\d)", rf"{series}.\1", text)
    number = rf"{re.escape(series)}\.(\d+)"
    for first, last in re.findall(rf"{number}(?: to {number})?", text):
        found.update(range(int(first), int(last or first) + 1))
    return {f"{series}.{micro}" for micro in found}


@pytest.mark.parametrize("name", catalog.available())
def test_the_releases_are_those_of_the_data(name):
    _, rows = named("series")
    (row,) = [row for row in rows if row[0] == name]
    known = json.loads((layout.PATCHES / name / catalog.RELEASES).read_text())
    checked = {r["version"] for r in known["releases"] if r["checked"]}
    assert releases(row[1], name) <= {r["version"] for r in known["releases"]}
    assert checked <= releases(row[1], name)
    assert releases(row[2], name) == checked


def test_each_row_is_of_a_series():
    _, rows = named("series")
    assert sorted(row[0] for row in rows) == sorted(catalog.available())


def test_it_is_a_page():
    assert len(README.splitlines()) <= 120
