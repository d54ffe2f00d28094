"""The series on the releases whose sources are here, the distribution's among them."""

import pytest
from threadjoin.core import layout
from threadjoin.series import tree
from threadjoin.source import debian, fetch, origin, tarballs
from threadjoin.upkeep import releases

LOG = layout.BUILD / "source.log"


def test_it_applies_to_its_base_to_the_letter_and_to_no_checked_release_not(series):
    # The release that the interpreters under test are built from.
    try:
        origin.release(series, LOG)
    except tarballs.NoWay as exc:
        pytest.skip(f"not run: {exc}")
    rows = list(releases.rows(series, releases.sources(series, [])))
    base = [row for row in rows if row.found.version == series.base.version]
    assert {row.verdict for row in base} == {releases.LETTER}
    assert releases.refused(rows) == []
    # A release without a source is listed as not run.
    assert {row.release.version for row in rows if row.release} == {
        release.version for release in series.releases
    }


@pytest.fixture(scope="session")
def distribution(series, tmp_path_factory):
    """Return the package of Debian's, and a tree of the release with its patches."""
    if not series.debian:
        pytest.skip(f"not run: no package of Debian's is known for {series.name}")
    try:
        package = debian.obtain(series.debian, origin.CACHE, LOG)
    except fetch.Unavailable as exc:
        pytest.skip(f"not run: the package cannot be got: {exc}")
    place = tmp_path_factory.mktemp("debian") / "src"
    origin.distribution(series, LOG).get().lay(place)
    return package, place


def test_debians_fixes_apply_and_the_series_on_top_of_them(series, distribution):
    package, place = distribution
    rows = list(releases.rows(series, releases.sources(series, [])))
    (row,) = [row for row in rows if row.found.package]
    assert row.found.package == package
    assert row.verdict in (releases.LETTER, releases.OFFSETS), row.why
    assert tree.apply(place, series)


def test_an_interpreter_of_it_is_no_part_of_the_distribution(distribution):
    package, place = distribution
    for name in ("site.py", "sysconfig.py"):
        assert "dist-packages" not in (place / "Lib" / name).read_text()
    assert "disabled" not in (place / "Lib/ensurepip/__init__.py").read_text()
