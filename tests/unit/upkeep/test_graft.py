"""Grafting: changes of the lead in shared files go into all series."""

import pytest
from fakeproject import ENTRY, EVENT, EVENTS, MORE, SEVERAL, commit, message, several
from threadjoin.core import git
from threadjoin.core.errors import Problem
from threadjoin.upkeep import graft, registry, shared


@pytest.fixture
def project(tmp_path):
    return several(tmp_path)


def run(project, *others):
    return graft.graft("3.11", others or ["3.12"], project.source, project.root)


def change_lead(project, *events):
    """Make *events* the lead's versions of EVENT, one for each patch."""
    repository = project.root.parent / "lead"
    commits = git.run(repository, "rev-list", "--reverse", "base..threadjoin")
    git.run(repository, "reset", "--quiet", "--hard", "base")
    for name, event in zip(commits.decode().split(), events):
        git.run(repository, "checkout", name, "--", ".")
        (repository / EVENT).write_bytes(event)
        git.run(repository, "add", "--all")
        git.run(repository, "commit", "--quiet", "-C", name)
    project.export(repository)


def texts(project, series="3.12"):
    states = shared.states(project.series(series))
    return {number: files[EVENT].content for number, files in states.items()}


def test_nothing_to_do_changes_nothing(project):
    before = project.patches("3.12")
    assert run(project) == []
    assert project.patches("3.12") == before


def test_a_change_goes_into_each_number(project):
    before = project.patches("3.12")
    change_lead(project, *(b"int zero;\n" + event for event in EVENTS))
    assert run(project) == [
        ("3.12", "0010-event.patch", [EVENT]),
        ("3.12", "0030-join.patch", [EVENT]),
    ]
    after = project.patches("3.12")
    assert texts(project) == {
        "0010": b"int zero;\n" + EVENTS[0],
        "0030": b"int zero;\n" + EVENTS[2],
    }
    # Messages and other files are as before.
    lines = {
        line
        for name in before
        for line in after[name].splitlines()
        if line not in before[name].splitlines()
    }
    assert all(
        line.startswith((b"index ", b"@@ ", b"+int zero", b" int zero", b"Last-Update"))
        or b"insertion" in line
        or b"event.c" in line
        for line in lines
    ), lines
    project.checkout("again", "3.12")
    assert run(project) == []


def test_the_change_of_a_gap_goes_into_the_next_number(project):
    change_lead(
        project, EVENTS[0], b"int gap;\n" + EVENTS[1], b"int gap;\n" + EVENTS[2]
    )
    assert run(project) == [("3.12", "0030-join.patch", [EVENT])]
    assert texts(project)["0030"] == b"int gap;\n" + EVENTS[2]
    assert texts(project)["0010"] == EVENTS[0]


def test_a_new_file_comes_and_one_that_is_gone_is_named(project):
    repository = project.root.parent / "lead"
    (repository / "Python/new.h").write_bytes(b"int new;\n")
    git.run(repository, "add", "--all")
    git.run(repository, "commit", "--quiet", "--amend", "--no-edit")
    project.export(repository)
    assert run(project) == [("3.12", "0030-join.patch", ["Python/new.h"])]
    git.run(repository, "rm", "--quiet", "Python/new.h")
    git.run(repository, "commit", "--quiet", "--amend", "--no-edit")
    project.export(repository)
    with pytest.raises(Problem, match="3.12 has Python/new.h from 0030 on, and 3.11"):
        run(project)
    git.run(repository, "reset", "--quiet", "--hard")


def test_files_of_one_series_stay(project):
    change_lead(project, *(b"int zero;\n" + event for event in EVENTS))
    run(project)
    files = shared.states(project.series("3.12"))["0030"]
    assert files["Include/own.h"].content == b"int of_3_12;\n"
    assert ENTRY not in files
    assert ENTRY.replace("3C2OQi", "OTHER1") in files


def test_a_file_of_the_release_is_not_overwritten(project):
    repository = project.root.parent / "lead"
    project.release("3.12.1", {"Python/new.h": b"upstream's\n"})
    (repository / "Python/new.h").write_bytes(b"int new;\n")
    git.run(repository, "add", "--all")
    git.run(repository, "commit", "--quiet", "--amend", "--no-edit")
    project.export(repository)
    before = project.patches("3.12")
    with pytest.raises(Problem, match="Python/new.h is one of CPython 3.12.1's own"):
        run(project)
    assert project.patches("3.12") == before


def test_all_series_or_none(project):
    """The last series refuses the change, and the one before it is unchanged."""
    project.add_series("3.13", "3.12.1")
    change_lead(project, *(b"int zero;\n" + event for event in EVENTS))
    before = project.patches("3.12")
    with pytest.raises(Problem, match="patches/3.13 has no patch"):
        run(project, "3.12", "3.13")
    assert project.patches("3.12") == before


def test_a_change_after_the_last_number_needs_one(project):
    project.register(
        *SEVERAL,
        MORE[1],
        gaps={(SEVERAL[1], "3.12"): "not needed", (MORE[1], "3.12"): "not needed"},
    )
    repository = project.root.parent / "lead"
    commit(repository, message(name=MORE[1]), {EVENT: b"int last;\n"})
    project.export(repository)
    with pytest.raises(Problem, match="changes Python/event.c in 0040, and 3.12 has"):
        run(project)
    assert registry.load(project.root / "patches").entries["0040"]
