"""A series as one patch."""

import shutil

import pytest
from fakeproject import filled
from threadjoin.series import tree
from threadjoin.upkeep import combined


@pytest.fixture
def project(tmp_path):
    return filled(tmp_path)


def contents(place):
    """Return the bytes and the modes of the files below the directory *place*."""
    return {
        path.relative_to(place).as_posix(): (path.read_bytes(), path.stat().st_mode)
        for path in place.rglob("*")
        if path.is_file()
    }


def test_it_does_what_the_series_does(project, tmp_path):
    series = project.series()
    path = tmp_path / "one.patch"
    path.write_bytes(combined.patch(series, project.source(series)))
    one = shutil.copytree(project.tree, tmp_path / "one")
    assert tree.apply_one(one, path) is None
    assert tree.apply(project.tree, series)
    assert contents(one) == contents(project.tree)


def test_it_changes_each_file_once_and_says_what_it_is_made_of(project):
    series = project.series()
    text = combined.patch(series, project.source(series)).decode()
    heads = [line for line in text.splitlines() if line.startswith("diff --git ")]
    assert len(heads) == len(set(heads)) == 4
    assert "\nSubject: [PATCH] Make Thread.join()" in text
    assert "\n0010-wait\n0020-windows\n" in text


def test_it_is_the_same_each_time(project):
    series = project.series()
    first, second = (combined.patch(series, project.source(series)) for _ in range(2))
    assert first == second
