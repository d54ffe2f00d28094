"""Pages of results name their series, and old pages are recognized."""

import pytest
from threadjoin.proof import pages
from threadjoin.series import catalog


@pytest.fixture
def patches(series):
    return series.directory.parent


def test_a_page_is_old_when_the_series_is_another(series, patches):
    (line,) = pages.measured(["3.11"], patches)
    assert line == f"Measured with the series 3.11, {series.digest}."
    page = pages.page("Title", "scripts/x", [line, line], "Text.")
    made = "<!-- Made by scripts/x. Do not edit. -->"
    assert page == f"# Title\n\n{made}\n\n{line}\n\nText.\n"
    assert list(pages.outdated(page, patches)) == []
    listing = series.directory / "series"
    listing.write_text(listing.read_text().splitlines()[0] + "\n")
    assert list(pages.outdated(page, patches)) == [line]
    listing.unlink()
    assert list(pages.outdated(page, patches)) == [line]


def test_the_series_of_the_project_is_the_default():
    digest = catalog.load_series().digest
    assert pages.measured() == [f"Measured with the series 3.11, {digest}."]
