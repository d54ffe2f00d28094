"""Comparing two series: differences that are reported, and others that are not."""

import pytest
from fakeproject import EVENT, GAP, SEVERAL, several
from threadjoin.upkeep import comparison, registry

NAMES = ("3.11", "3.12")


@pytest.fixture
def project(tmp_path):
    return several(tmp_path)


def found(project):
    known = registry.load(project.root / "patches")
    return list(comparison.compare(*map(project.series, NAMES), known))


def test_the_same_change_at_other_lines_is_no_difference(project):
    """3.12 has its own own.h, and the same hunk of threading.py as 3.11."""
    first, gap, last = found(project)
    assert str(first) == "0010-event: 1 of 3 hunks differ"
    assert [pair.name for pair in first.pairs] == ["Include/own.h"]
    assert str(gap) == f"0020-more: only 3.11 has it (3.12: {GAP})"
    assert last.hunks == 3
    project.change("0010", b"int of_3_12", b"int of_3_11")
    project.change("0010", b"@@ -2,7 +2,7 @@", b"@@ -12,7 +12,7 @@ def f():")
    first = found(project)[0]
    assert not first
    assert str(first) == "0010-event: 0 of 3 hunks differ"


def test_a_day_is_no_difference_and_a_word_is(project):
    project.change("0010", b"Last-Update: 2026-11-23", b"Last-Update: 2026-11-30")
    assert not found(project)[0].message
    project.change("0010", b"Test an event.", b"Test two events.")
    first = found(project)[0]
    assert first.message == ("-Test an event.", "+Test two events.")
    assert str(first).endswith("1 of 3 hunks differ, and the messages")
    assert list(comparison.lines(first, NAMES))[:2] == [
        "- 3.11 Test an event.",
        "+ 3.12 Test two events.",
    ]


def test_hunks_that_differ_in_context_alone(project):
    project.change("0010", b"\n line 4\n", b"\n line four\n")
    project.change("0010", b"int of_3_12", b"int of_3_11")
    first = found(project)[0]
    assert str(first) == (
        "0010-event: 1 of 3 hunks differ, 1 of them only in what they quote"
    )
    assert list(comparison.lines(first, NAMES)) == [
        "Lib/threading.py (only in what it quotes)",
        "- 3.11 @@ -2,7 +2,7 @@ line 1",
        "+ 3.12 @@ -2,7 +2,7 @@ line 1",
        "   line 2",
        "   line 3",
        "-  line 4",
        "+  line four",
        "  -line 5",
        "  +changed",
        "   line 6",
        "   line 7",
        "   line 8",
        "",
        str(first),
    ]


def test_a_hunk_that_one_lacks(project):
    project.change("0010", b"diff --git a/Python/event.c", b"diff --git a/P/event.c")
    project.change("0010", b" b/Python/event.c\n", b" b/P/event.c\n")
    first = found(project)[0]
    assert [(pair.name, pair.hunks[0] is None) for pair in first.pairs] == [
        ("Include/own.h", False),
        ("P/event.c", True),
        (EVENT, False),
    ]
    assert "+ 3.12 has nothing of it" in list(comparison.lines(first, NAMES))


def test_the_sum(project):
    assert comparison.total(found(project)) == (
        "3 patches: 3 of 6 hunks differ, 0 of them only in what they quote; in one "
        "series only: 1"
    )


def test_hunks_that_are_most_alike_belong_together(project):
    """0030 has a hunk of the gap, too, and the other hunks keep their counterparts."""
    last = found(project)[2]
    assert last.name == SEVERAL[2]
    event = next(pair for pair in last.pairs if pair.name == EVENT)
    assert all(event.hunks)
    assert b"+int half;" in event.hunks[1].lines
