"""The tables of the README agree with results and data, and its commands work."""

import os
import re
import shutil
import subprocess

import pytest
from threadjoin.core import layout
from threadjoin.proof import defects, pages
from threadjoin.series import catalog
from tinycpython import AFTER_SECOND, read

README = (layout.ROOT / "README.md").read_text()

#: The marks in a cell, the worst first.
WORST = ("●", "?", "–")

#: The head that makes a patch of the tests' series a mail for `git am`.
MAIL = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: The maintainers <maintainers@invalid.invalid>
Date: Mon, 23 Nov 2026 12:00:00 +0000
Subject: A change

---
"""


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
    """Return {(path of a reproducer, interpreter): mark} of all pages of results."""
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
    links = re.findall(r"\[(\d+)\]\([^)]+/issues/(\d+)\)", cell)
    assert all(shown == number for shown, number in links)
    issues = {int(number) for _, number in links}
    paths = set(re.findall(r"\]\((tests/[^)]+)\)", cell))
    known = [d for d in defects.load() if d.issue in issues or d.script in paths]
    assert {d.issue for d in known} - {0} == issues
    assert paths <= {d.script for d in known}
    return [defect.script for defect in known]


def test_the_matrix_has_the_marks_that_were_measured():
    (_, *columns), rows = named("on stock")
    marks = measured()
    wrong = []
    for first, *cells in rows:
        for column, cell in zip(columns, cells):
            found = {marks[script, column] for script in meant(first)}
            wanted = next(mark for mark in WORST if mark in found)
            if cell != wanted:
                wrong.append(f"{column}, {first}: {cell}; measured: {wanted}")
    assert wrong == []


def releases(text, series):
    """Return the releases that *text* names: "3.9.2 to 3.9.4, 3.9.18" has four."""
    found = set()
    number = r"(\d+\.\d+)\.(\d+)"
    for one, first, other, last in re.findall(rf"{number}(?: to {number})?", text):
        assert {one, other or one} == {series}
        found.update(range(int(first), int(last or first) + 1))
    return {f"{series}.{micro}" for micro in found}


@pytest.mark.parametrize("name", catalog.available())
def test_the_releases_are_those_of_the_data(name):
    _, rows = named("series")
    (row,) = [row for row in rows if row[0] == name]
    known = catalog.load_series(name).releases
    checked = [release for release in known if release.checked]
    # The series has not been tried on a later one.
    tried = known[: known.index(checked[-1]) + 1]
    assert releases(row[1], name) == {release.version for release in tried}
    assert releases(row[2], name) == {release.version for release in checked}


def test_each_row_is_of_a_series():
    _, rows = named("series")
    assert sorted(row[0] for row in rows) == sorted(catalog.available())


def command(tool):
    """Return the command that README has for *tool*, the first cell of a row."""
    _, rows = named("you have")
    (row,) = [row for row in rows if row[0] == tool]
    return re.match("`([^`]+)`", row[1])[1]


@pytest.mark.parametrize("tool", ["a git clone", "quilt", "patch"])
def test_what_applies_the_series_without_our_tools_does(cpython, series, tool):
    line = command(tool)
    assert "patch " not in line or " -F0 " in line
    if tool == "quilt" and not shutil.which("quilt"):
        pytest.skip("quilt is not installed")
    if tool == "a git clone":
        for path in series.patches:
            path.write_text(MAIL + path.read_text())
    # The user's own configuration must not count.
    env = {**os.environ, "HOME": str(series.directory)}
    env.update(GIT_CONFIG_NOSYSTEM="1", QUILTRC=os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        env.update({f"GIT_{role}_NAME": "A", f"GIT_{role}_EMAIL": "a@invalid.invalid"})
    init = "git init -q && git add . && git commit -qm base && "
    ours = line.replace(f".../patches/{catalog.DEFAULT_SERIES}", str(series.directory))
    assert ours != line
    subprocess.run(
        [init + ours if tool == "a git clone" else ours],
        shell=True,
        cwd=cpython,
        env=env,
        check=True,
        capture_output=True,
    )
    for directory in (".git", ".pc"):
        shutil.rmtree(cpython / directory, ignore_errors=True)
    assert read(cpython) == AFTER_SECOND


@pytest.mark.parametrize(
    "tool", ["a source tree of CPython", "a Debian source package"]
)
def test_what_applies_the_series_with_our_tools_is_there(tool):
    program, _, _ = command(tool).partition(" ")
    done = subprocess.run(
        [layout.ROOT / program, "--help"], capture_output=True, text=True, check=True
    )
    _, rows = named("you have")
    (row,) = [row for row in rows if row[0] == tool]
    for option in re.findall(r"--[a-z-]+", row[1]):
        assert f" {option} " in done.stdout


def test_it_is_a_page():
    assert len(README.splitlines()) <= 120
