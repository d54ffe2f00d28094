"""Revisions of a series."""

import subprocess
import sys
from dataclasses import replace

import pytest
from threadjoin.core.errors import Problem
from threadjoin.series import catalog, tree
from threadjoin.upkeep import revisions
from tinycpython import write

DAY = "2026-11-27"


@pytest.mark.parametrize("name", catalog.available())
def test_the_series_are_as_recorded(name):
    # If this fails: scripts/series revision NAME --record.
    assert list(revisions.problems(catalog.load_series(name))) == []


@pytest.fixture
def project(tmp_path, series):
    """Return a function that records or releases the series, and returns it."""
    for path in series.patches:
        path.write_text("From: A <a@b>\n" + path.read_text())
    (tmp_path / "CHANGELOG.md").write_text(
        "## 3.11+tj2, not released yet\n\n## 3.11+tj1, 2026-11-27\n"
    )

    def do(what=None, *arguments):
        found = catalog.load_series("3.11", series.directory.parent)
        if what:
            what(found, DAY, *arguments)
        return catalog.load_series("3.11", series.directory.parent)

    return do


def change(series):
    path = series.patches[0]
    path.write_text(path.read_text().replace("int event;", "int other;"))


def test_a_revision_is_the_same_until_it_is_released(tmp_path, project):
    assert project().label == "3.11"
    first = project(revisions.record)
    assert first.label == "3.11+tj1"
    assert first.patches[-1].name == revisions.PATCH
    change(first)
    assert project().label == "3.11+tj1.changed"
    (problem, _) = revisions.problems(project(), tmp_path)
    assert "run `scripts/series revision 3.11 --record`" in problem
    with pytest.raises(Problem, match="what is compiled or imported is not that of"):
        project(revisions.release, tmp_path)
    assert project(revisions.record).label == "3.11+tj1"
    project(revisions.release, tmp_path)
    assert project(revisions.record).label == "3.11+tj1"
    change(first)
    path = first.patches[0]
    path.write_text(path.read_text().replace("int other;", "int more;"))
    assert project(revisions.record).label == "3.11+tj2"
    assert list(revisions.problems(project(), tmp_path)) == []
    assert "+REVISION = '3.11+tj2'" in first.patches[-1].read_text()


def test_a_change_of_the_revision_alone_leaves_the_digest(project):
    first = project(revisions.record)
    text = first.patches[-1].read_text()
    first.patches[-1].write_text(text.replace("tj1", "tj9"))
    assert project().digest == first.digest == replace(first).digest


@pytest.mark.parametrize("name", catalog.available())
def test_an_interpreter_says_its_revision(tmp_path, name):
    series = catalog.load_series(name)
    package = write(tmp_path / "Lib", {"concurrent/__init__.py": ""})
    assert tree.apply_one(tmp_path, series.directory / revisions.PATCH) is None
    for command in (["-m", "concurrent._threadjoin"], ["concurrent/_threadjoin.py"]):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=package,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"{name}+tj{series.revision.number}\n"
