"""The data beside the series."""

from dataclasses import replace

import pytest
from threadjoin import layout
from threadjoin.errors import Problem


def test_every_series_of_the_project_loads():
    assert layout.DEFAULT_SERIES in layout.available()
    for name in layout.available():
        series = layout.load_series(name)
        assert series.base.version.startswith(f"{name}.")
        assert series.patches
        assert len(series.base.sha256) == 64


def test_series_are_listed_oldest_version_first(tmp_path):
    for name in ("3.11", "3.9", "3.13"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "series").touch()
    (tmp_path / "debug").mkdir()
    assert layout.available(tmp_path) == ["3.9", "3.11", "3.13"]


def test_comments_and_blank_lines_of_the_series_file_are_skipped(series):
    listing = series.directory / "series"
    listing.write_text("# all\n\n0002-hook.patch # last\n0001-event.patch\n")
    loaded = layout.load_series("3.11", series.directory.parent)
    assert [p.name for p in loaded.patches] == ["0002-hook.patch", "0001-event.patch"]


def test_an_unknown_series_names_those_there_are(series):
    with pytest.raises(Problem, match=r"no series for Python 3\.8; .*: 3\.11$"):
        layout.load_series("3.8", series.directory.parent)


def test_a_patch_that_is_listed_has_to_exist(series):
    series.patches[1].unlink()
    with pytest.raises(Problem, match=r"3\.11/series lists 0002-hook\.patch"):
        layout.load_series("3.11", series.directory.parent)


@pytest.mark.parametrize("version", ["3.11.0", "3.11.14", "3.11.4+", "3.11.0rc1"])
def test_the_series_is_found_by_the_first_two_numbers(series, version):
    found = layout.series_for(version, series.directory.parent)
    assert found.name == "3.11"


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("Date: ", "Date: x", True),
        ("Subject: ", "Subject: x", True),
        ("\n+int", "\n+long", False),
    ],
)
def test_the_digest_is_of_what_is_changed(series, old, new, same):
    path = series.patches[1]
    text = f"Date: today\nSubject: [PATCH] Hook\n\nWhy.\n---\n\n{path.read_text()}"
    path.write_text(text)
    before = series.digest
    assert len(before) == 12
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert (series.digest == before) == same


def test_the_digest_is_of_the_order_and_of_the_base_too(series):
    other = replace(series, patches=series.patches[::-1])
    based = replace(series, base=replace(series.base, sha256="1" * 64))
    assert len({series.digest, other.digest, based.digest}) == 3


def test_where_built_interpreters_are():
    home = layout.BUILD / layout.DEFAULT_SERIES
    assert layout.built("stock") == home / "debug" / "stock" / "obj" / "python"
    other = layout.built("patched", "asan", "3.9")
    assert other == layout.BUILD / "3.9" / "asan" / "patched" / "obj" / "python"
