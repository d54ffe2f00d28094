"""Tables, and where a page may be written."""

import argparse

import pytest
from threadjoin.commands import options
from threadjoin.core import tables


def test_tables():
    rows = [["", "n"], ["one", "1"], ["eleven", "11"]]
    assert tables.markdown(rows).splitlines() == [
        "|  | n |",
        "| --- | ---: |",
        "| one | 1 |",
        "| eleven | 11 |",
    ]
    assert tables.plain(rows) == ["         n", "one      1", "eleven  11"]


def test_columns_of_words_are_on_the_left():
    rows = [("", "µs", "verdict"), ("start", "5.00", ""), ("is_alive()", "0.1", "ok")]
    assert tables.markdown(rows, (0, -1)).splitlines()[1] == "| --- | ---: | --- |"
    assert tables.markdown(rows, None).splitlines()[1] == "| --- | --- | --- |"
    assert tables.plain(rows, (0, -1)) == [
        "              µs  verdict",
        "start       5.00",
        "is_alive()   0.1  ok",
    ]


def test_where_a_page_can_be_written(tmp_path):
    page = tmp_path / "page.md"
    assert options.target(str(page)) == page
    page.touch()
    assert options.target(str(page)) == page
    for path in (tmp_path, tmp_path / "none" / "page.md"):
        with pytest.raises(argparse.ArgumentTypeError, match="cannot be written"):
            options.target(str(path))
