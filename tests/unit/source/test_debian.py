"""The patches of Debian's source package."""

import os
import time

import pytest
from threadjoin.core.errors import Problem
from threadjoin.source import debian
from threadjoin.source.fetch import Unavailable
from tinycpython import RELEASE, changed, diff, packaged, read, write

FIRST = {**RELEASE, "Python/pystate.c": changed(RELEASE["Python/pystate.c"], line2="1")}
SECOND = {**FIRST, "Python/pystate.c": changed(FIRST["Python/pystate.c"], line3="2")}
MENDED = {**SECOND, "Python/pystate.c": changed(SECOND["Python/pystate.c"], line4="3")}

PATCHES = {
    "layout.diff": "no patch\n",
    "first.patch": diff(RELEASE, FIRST),
    "second.patch -p1": "",
    "second.patch": diff(FIRST, SECOND),
    "# third.patch": "",
}


@pytest.fixture
def package(tmp_path, series):
    listing = [name for name in PATCHES if name != "second.patch"]
    path = packaged(tmp_path, {**PATCHES, "series": "\n".join(listing)})
    return debian.Package(path, series.debian)


def test_its_patches_are_applied_in_order_but_for_those_left_out(package, cpython):
    assert package.name == "python3.11 3.11.2-1"
    assert package.apply(cpython) == 2
    assert read(cpython) == SECOND


def test_patches_of_ours_come_on_top(tmp_path, cpython, series):
    added = series.directory.parent / "debian/3.11"
    write(added, {"mend.patch": diff(SECOND, MENDED)})
    data = debian.catalog.load_series("3.11", series.directory.parent).debian
    patches = {"a.patch": diff(RELEASE, FIRST), "b.patch": diff(FIRST, SECOND)}
    package = debian.Package(packaged(tmp_path, patches), data)
    before = package.digest
    package.apply(cpython)
    assert read(cpython) == MENDED
    (added / "mend.patch").write_text("other")
    assert package.digest != before


def test_a_patch_that_does_not_apply_is_named(package, cpython):
    write(cpython, {"Python/pystate.c": "quite different\n"})
    words = r"first.patch does not apply to .*: Python/pystate.c, hunk 1 \(line 1\)"
    with pytest.raises(Problem, match=words):
        package.apply(cpython)


def test_a_file_that_is_not_a_package_is_reported(tmp_path, cpython, series):
    path = packaged(tmp_path, {})
    path.write_text("none")
    package = debian.Package(path, series.debian)
    with pytest.raises(Problem, match="no tarball, or a damaged one"):
        package.apply(cpython)


class Apt:
    """A stand-in for the distribution, which has one version, or does not answer."""

    def __init__(self, monkeypatch):
        self.version = "3.11.2-2"
        self.asked = 0
        monkeypatch.setattr(debian.aptsource, "fetch_patches", self._fetch)

    def _fetch(self, data, directory, log):
        self.asked += 1
        if not self.version:
            raise Unavailable("no answer")
        path = packaged(directory, {}, self.version)
        os.utime(path, (1, 1))
        return path


@pytest.fixture
def apt(monkeypatch):
    return Apt(monkeypatch)


def test_a_package_is_fetched_once_a_day(tmp_path, series, apt):
    cache = tmp_path / "cache"

    def obtained():
        return debian.obtain(series.debian, cache, tmp_path / "log").version

    assert [obtained(), obtained(), apt.asked] == ["3.11.2-2", "3.11.2-2", 1]
    (path,) = cache.iterdir()
    yesterday = time.time() - debian.FRESH - 60
    os.utime(path, (yesterday, yesterday))
    apt.version = "3.11.2-3"
    assert [obtained(), obtained(), apt.asked] == ["3.11.2-3", "3.11.2-3", 2]
    for path in cache.iterdir():
        os.utime(path, (yesterday, yesterday - path.name.count("-2")))
    # An old package is better than none.
    apt.version = None
    assert obtained() == "3.11.2-3"


def test_a_missing_package_is_reported(tmp_path, series, apt):
    apt.version = None
    with pytest.raises(Unavailable, match="no answer"):
        debian.obtain(series.debian, tmp_path / "cache", tmp_path / "log")
