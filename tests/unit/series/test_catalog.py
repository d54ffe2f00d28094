"""The data beside the series."""

import json
from dataclasses import replace

import pytest
from threadjoin.building import interpreter
from threadjoin.core import layout
from threadjoin.core.errors import Problem
from threadjoin.series import catalog
from tinycpython import known


def test_every_series_of_the_project_loads():
    assert catalog.DEFAULT_SERIES in catalog.available()
    for name in catalog.available():
        series = catalog.load_series(name)
        assert series.base.version.startswith(f"{name}.")
        assert series.patches
        assert series.newest.checked
        for release in series.releases:
            assert release.version.startswith(f"{name}.")
            assert {len(total) for total in release.tarballs.values()} == {64}
        sums = [total for r in series.releases for total in r.tarballs.values()]
        assert len(set(sums)) == len(sums)


def test_series_are_listed_oldest_version_first(tmp_path):
    for name in ("3.11", "3.9", "3.13"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "series").touch()
    (tmp_path / "debug").mkdir()
    assert catalog.available(tmp_path) == ["3.9", "3.11", "3.13"]


def test_comments_and_blank_lines_of_the_series_file_are_skipped(series):
    listing = series.directory / "series"
    listing.write_text("# all\n\n0002-hook.patch # last\n0001-event.patch\n")
    loaded = catalog.load_series("3.11", series.directory.parent)
    assert [p.name for p in loaded.patches] == ["0002-hook.patch", "0001-event.patch"]


def test_an_unknown_series_names_those_there_are(series):
    with pytest.raises(Problem, match=r"no series for Python 3\.8; .*: 3\.11$"):
        catalog.load_series("3.8", series.directory.parent)


def test_a_patch_that_is_listed_has_to_exist(series):
    series.patches[1].unlink()
    with pytest.raises(Problem, match=r"3\.11/series lists 0002-hook\.patch"):
        catalog.load_series("3.11", series.directory.parent)


@pytest.mark.parametrize("version", ["3.11.0", "3.11.14", "3.11.4+", "3.11.0rc1"])
def test_the_series_is_found_by_the_first_two_numbers(series, version):
    found = catalog.series_for(version, series.directory.parent)
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


@pytest.mark.parametrize("name", ["Lib/test/test_x.py", "Doc/x.rst", "Misc/NEWS.d/x"])
def test_the_digest_is_not_of_tests_and_documentation(series, name):
    before = series.digest
    path = series.patches[1]
    added = (
        f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -0,0 +1 @@\n+x\n"
    )
    path.write_text(path.read_text() + added)
    assert series.digest == before
    path.write_text(path.read_text() + added.replace(name, "Lib/x.py"))
    assert series.digest != before


def test_the_digest_is_of_the_order_and_of_the_base_too(series):
    other = replace(series, patches=series.patches[::-1])
    based = replace(series, base=replace(series.base, tgz="1" * 64))
    assert len({series.digest, other.digest, based.digest}) == 3


def test_releases_are_oldest_first_and_the_newest_that_is_checked_is_told(series):
    path = series.directory / "releases.json"
    data = json.loads(path.read_text())
    for version, checked in (("3.11.10", True), ("3.11.9", True), ("3.11.11", False)):
        data["releases"].append(known(version, checked))
    path.write_text(json.dumps(data))
    loaded = catalog.load_series("3.11", series.directory.parent)
    versions = [release.version.rpartition(".")[2] for release in loaded.releases]
    assert versions == ["2", "3", "9", "10", "11"]
    assert loaded.newest.version == "3.11.10"
    assert loaded.release("3.11.9") == loaded.releases[2]
    with pytest.raises(Problem, match="'3.11.4'; it knows 3.11.2 to 3.11.11"):
        loaded.release("3.11.4")


def test_a_series_that_was_checked_on_no_release_says_so(series):
    unchecked = [replace(release, checked=False) for release in series.releases]
    with pytest.raises(Problem, match="was checked on no release"):
        _ = replace(series, releases=tuple(unchecked)).newest


def test_the_files_of_a_release(series):
    name = "Python-3.11.3.tar.xz"
    release = series.releases[1]
    assert next(iter(release.tarballs)) == name
    assert release.url(name) == f"https://invalid.invalid/3.11.3/{name}"
    assert series.debian.version == "3.11.2"
    assert series.debian.tarball == "Python-3.11.2.tgz"


def test_where_built_interpreters_are():
    home = layout.BUILD / catalog.DEFAULT_SERIES
    assert interpreter.built("stock") == home / "debug" / "stock" / "obj" / "python"
    other = interpreter.built("patched", "asan", "3.9")
    assert other == layout.BUILD / "3.9" / "asan" / "patched" / "obj" / "python"
