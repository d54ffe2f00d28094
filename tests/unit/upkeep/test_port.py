"""A port: the commits of the lead are picked onto another base, one by one."""

import pytest
from fakeproject import (
    ENTRY,
    EVENT,
    EVENTS,
    GAP,
    SEVERAL,
    edited,
    several,
)
from threadjoin.core import git
from threadjoin.core.errors import Problem
from threadjoin.upkeep import port

THREADING = "Lib/threading.py"


@pytest.fixture
def project(tmp_path):
    """Return a project with an empty series 3.13, whose base has another line 10."""
    project = several(tmp_path)
    project.release("3.13.2", {THREADING: edited(10, by=b"of 3.13")})
    project.add_series("3.13", "3.13.2")
    return project


def run(project):
    place = project.root.parent / "port"
    return port.start("3.11", "3.13", place, project.source, project.root), place


def set_gap(project, name):
    gaps = {(SEVERAL[1], "3.12"): GAP, (name, "3.13"): "not needed"}
    for one in SEVERAL:
        gaps.setdefault((one, "3.13"), True)
    project.register(*SEVERAL, gaps=gaps)


def stop(project):
    with pytest.raises(port.Stopped) as caught:
        run(project)
    return str(caught.value), project.root.parent / "port"


def subjects(place):
    listed = git.run(place, "log", "--reverse", "--format=%s", "base..threadjoin")
    return listed.decode().splitlines()


def test_it_stops_where_a_person_is_needed(project):
    said, place = stop(project)
    assert said.startswith(f"0020-more needs a person in {THREADING}; resolve that in ")
    assert "patches/registry.json why 3.13 does not need it" in said
    assert "\n" not in said
    assert subjects(place) == ["gh-116372: Do 0010-event"]
    assert b"<<<<<<<" in (place / THREADING).read_bytes()
    # Shared files are in place, whatever conflicts there are.
    assert (place / EVENT).read_bytes() == EVENTS[1]
    base = git.run(place, "show", "base:Include/patchlevel.h")
    assert base == b'#define PY_VERSION "3.13.2"\n'
    assert git.run(place, "show", "lead-base:Include/patchlevel.h") != base


def test_it_goes_on_when_that_is_resolved(project):
    first, place = stop(project)
    assert stop(project)[0] == first
    (place / THREADING).write_bytes(edited(5, 10, by=b"changed"))
    git.run(place, "add", "--update")
    git.run(place, "-c", "core.editor=true", "cherry-pick", "--continue")
    set_all(project)
    report, _ = run(project)
    assert report == port.Report(SEVERAL, {})
    assert run(project)[0] == report
    assert subjects(place) == [f"gh-116372: Do {name}" for name in SEVERAL]
    assert git.run(place, "status", "--porcelain") == b""
    text = edited(5, 10, 28)
    assert (place / THREADING).read_bytes() == text
    assert project.export(place, "3.13") == [f"{name}.patch" for name in SEVERAL]
    # Authors' dates are those of the lead.
    dates = [
        git.run(place, "log", "--format=%ad", between)
        for between in ("base..threadjoin", "lead-base..lead")
    ]
    assert dates[0] == dates[1]


def set_all(project):
    gaps = {(SEVERAL[1], "3.12"): GAP}
    gaps.update({(name, "3.13"): True for name in SEVERAL})
    project.register(*SEVERAL, gaps=gaps)


def test_a_number_that_is_not_needed_is_a_gap(project):
    _, place = stop(project)
    set_gap(project, SEVERAL[1])
    report, _ = run(project)
    assert report == port.Report((SEVERAL[0], SEVERAL[2]), {SEVERAL[1]: "not needed"})
    assert subjects(place) == ["gh-116372: Do 0010-event", "gh-116372: Do 0030-join"]
    # The changes of the gap in shared files come with the next number.
    assert (place / EVENT).read_bytes() == EVENTS[2]
    assert git.run(place, "show", f"threadjoin~1:{EVENT}") == EVENTS[0]
    assert not (place / ENTRY).exists()
    assert git.run(place, "status", "--porcelain") == b""


def test_changes_that_are_not_committed_are_not_lost(project):
    set_gap(project, SEVERAL[1])
    _, place = run(project)
    (place / THREADING).write_bytes(b"mine\n")
    with pytest.raises(Problem, match="not committed"):
        run(project)
    assert (place / THREADING).read_bytes() == b"mine\n"


def test_a_directory_that_is_something_else_is_left_alone(project):
    place = project.root.parent / "port"
    place.mkdir()
    (place / "precious").write_text("mine")
    with pytest.raises(Problem, match="is no port of 3.11 to 3.13"):
        run(project)
    assert [path.name for path in place.iterdir()] == ["precious"]


def test_a_change_that_the_release_has_already_needs_a_person(tmp_path):
    """A patch without a change left has to become a gap with a reason."""
    project = several(tmp_path)
    there = {
        THREADING: edited(5),
        EVENT: EVENTS[0],
        "Include/own.h": b"int of_3_11;\n",
    }
    project.release("3.13.2", there)
    project.add_series("3.13", "3.13.2")
    said, place = stop(project)
    assert said.startswith("0010-event needs a person in no file: it changes nothing")
    set_gap(project, SEVERAL[0])
    assert run(project)[0].picked == SEVERAL[1:]
