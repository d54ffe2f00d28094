"""The files that all series share, compared at each number."""

import pytest
from fakeproject import ENTRY, EVENT, EVENTS, several
from threadjoin.core import git
from threadjoin.core.errors import Problem
from threadjoin.upkeep import registry, shared


@pytest.fixture
def project(tmp_path):
    return several(tmp_path)


def found(project):
    known = registry.load(project.root / "patches")
    every = {name: shared.states(project.series(name)) for name in ("3.11", "3.12")}
    return list(shared.problems(known, every))


def test_states_are_what_the_patches_make(project):
    states = shared.states(project.series())
    assert list(states) == ["0010", "0020", "0030"]
    assert [files[EVENT].content for files in states.values()] == list(EVENTS)
    assert {files[EVENT].since for files in states.values()} == {"0010"}
    assert states["0010"].keys() == {EVENT, "Include/own.h"}
    assert states["0030"][ENTRY].since == "0020"
    assert states["0030"][EVENT].mode == "100644"


def test_gaps_and_files_of_one_series_are_no_difference(project):
    assert found(project) == []


def test_a_change_of_a_gap_is_wanted_in_the_next_number(project):
    lead = shared.states(project.series())
    known = registry.load(project.root / "patches")
    right = shared.wanted(known, lead, ["0010", "0030"])
    assert {n: files[EVENT].content for n, files in right.items()} == {
        "0010": EVENTS[0],
        "0030": EVENTS[2],
    }
    # A NEWS entry is that of its number, and own.h is each series' own.
    assert {name for files in right.values() for name in files} == {EVENT}


def test_differences_are_named_with_their_numbers(project):
    project.change("0010", b"+int one;", b"+int won;")
    project.change("0030", b" int one;", b" int won;")
    assert found(project) == [
        f"patches/3.12: {EVENT}, at 0010 to 0030: differs from what 3.11 has there"
    ]


def test_a_difference_that_a_later_number_removes_is_found(project):
    project.change("0010", b"+int two;", b"+int too;")
    project.change("0030", b" int two;", b"-int too;\n+int two;")
    assert found(project) == [
        f"patches/3.12: {EVENT}, at 0010: differs from what 3.11 has there"
    ]


def test_a_file_that_one_lacks(project):
    project.change("0010", EVENT.encode(), b"Python/evnt.c")
    project.change("0030", EVENT.encode(), b"Python/evnt.c")
    assert found(project) == [
        f"patches/3.12: {EVENT}, at 0010 to 0030: is missing, which 3.11 has there",
        "patches/3.12: Python/evnt.c, at 0010 to 0030: 3.11 has no such file there, "
        "and per_version does not name it",
    ]


def test_a_file_of_another_mode(project):
    project.change("0010", b"new file mode 100644", b"new file mode 100755")
    assert found(project) == [
        f"patches/3.12: {EVENT}, at 0010 to 0030: has another mode than in 3.11"
    ]


def test_a_change_after_the_last_shared_number_needs_a_number(project):
    (project.root / "patches/3.12/0030-join.patch").unlink()
    (project.root / "patches/3.12/series").write_text("0010-event.patch\n")
    assert found(project) == [
        f"patches/3.12: {EVENT}: 3.11 changes it in {number}, and 3.12 has no "
        "patch of that or a later number"
        for number in ("0020", "0030")
    ]


def test_a_news_entry_is_the_same_or_of_another_name(project):
    project.change("0030", b"OTHER1", b"3C2OQi")
    (line,) = found(project)
    assert line.startswith(f"patches/3.12: {ENTRY}, at 0030: 3.11 has no such file")


def test_a_patch_that_does_not_fit_is_named(project):
    project.change("0030", b" int one;", b" int won;")
    with pytest.raises(
        Problem, match="3.12/0030-join.patch: Python/event.c does not match"
    ):
        found(project)


def test_deleted_files_and_ends_without_a_newline(tmp_path):
    project = several(tmp_path)
    repository = project.root.parent / "other"
    (repository / EVENT).write_bytes(b"no end")
    git.run(repository, "commit", "--quiet", "--all", "--amend", "--no-edit")
    project.export(repository, "3.12")
    states = shared.states(project.series("3.12"))
    assert states["0030"][EVENT].content == b"no end"
    git.run(repository, "rm", "--quiet", EVENT)
    git.run(repository, "commit", "--quiet", "--amend", "--no-edit")
    project.export(repository, "3.12")
    assert EVENT not in shared.states(project.series("3.12"))["0030"]
