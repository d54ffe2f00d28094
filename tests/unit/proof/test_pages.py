"""Pages of results say which series they are of, and old ones are seen."""

import argparse

import pytest
from threadjoin.core import tables
from threadjoin.proof import pages
from threadjoin.series import catalog


@pytest.fixture
def patches(series):
    return series.directory.parent


def test_a_page_is_old_when_the_series_is_another(series, patches):
    (line,) = pages.measured(["3.11"], patches)
    assert line == f"Measured with the series 3.11, {series.digest}."
    page = "\n\n".join(pages.head("Title", "scripts/x", [line, line]))
    assert page == f"# Title\n\n<!-- Made by scripts/x. Do not edit. -->\n\n{line}"
    assert list(pages.outdated(page, patches)) == []
    listing = series.directory / "series"
    listing.write_text(listing.read_text().splitlines()[0] + "\n")
    assert list(pages.outdated(page, patches)) == [line]
    listing.unlink()
    assert list(pages.outdated(page, patches)) == [line]


def test_the_series_of_the_project_is_the_default():
    digest = catalog.load_series().digest
    assert pages.measured() == [f"Measured with the series 3.11, {digest}."]


def test_tables():
    rows = [["", "n"], ["one", "1"], ["eleven", "11"]]
    assert tables.table(rows).splitlines() == [
        "|  | n |",
        "| --- | ---: |",
        "| one | 1 |",
        "| eleven | 11 |",
    ]
    assert tables.plain(rows) == ["         n", "one      1", "eleven  11"]


def test_where_a_page_can_be_written(tmp_path):
    page = tmp_path / "page.md"
    assert tables.target(str(page)) == page
    page.touch()
    assert tables.target(str(page)) == page
    for path in (tmp_path, tmp_path / "none" / "page.md"):
        with pytest.raises(argparse.ArgumentTypeError, match="cannot be written"):
            tables.target(str(path))
