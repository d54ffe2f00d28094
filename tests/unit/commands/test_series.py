"""scripts/series on several series at once, and the commands that compare them."""

import pytest
from fakeproject import GAP, edited, several
from threadjoin.core import git, layout


@pytest.fixture
def project(tmp_path):
    return several(tmp_path)


def run(project, *arguments, status=0):
    done = project.command("series", *arguments)
    assert done.returncode == status, done.stderr
    assert done.stderr.count("\n") == bool(status and done.stderr)
    return done.stdout.splitlines(), done.stderr


def test_all_are_checked_out_and_exported(project):
    place = project.root.parent
    said, _ = run(project, "checkout", "all", "--source", place)
    assert said == [
        "all/3.11: CPython 3.11.2 (tag base) and 3 patches (branch threadjoin)",
        "all/3.12: CPython 3.12.1 (tag base) and 2 patches (branch threadjoin)",
    ]
    before = [project.patches(name) for name in ("3.11", "3.12")]
    said, _ = run(project, "export", "all")
    assert [line.partition(";")[0] for line in said] == [
        "patches/3.11: 3 patches",
        "patches/3.12: 2 patches",
    ]
    assert [project.patches(name) for name in ("3.11", "3.12")] == before


def test_a_series_without_a_source_is_left_out_with_a_note(project):
    said, _ = run(project, "checkout", "all", "--source", project.tarball)
    assert said[0].startswith("all/3.11: ")
    assert said[1].startswith("3.12: not run: no way to get CPython 3.12.1: ")
    _, error = run(project, "checkout", "3.12", "one", status=1)
    assert error.startswith("error: no way to get CPython 3.12.1")


def test_a_directory_is_not_forgotten(project):
    _, error = run(project, "checkout", "3.12", status=1)
    assert error == "error: 3.12 is a series; name a directory after it\n"


def test_export_is_of_all_or_none(project):
    place = project.root.parent
    run(project, "checkout", "all", "--source", place)
    text = edited(5, by=b"another")
    (place / "all/3.11/Lib/threading.py").write_bytes(text)
    git.run(place / "all/3.11", "commit", "--quiet", "--all", "--amend", "--no-edit")
    git.run(place / "all/3.12", "tag", "--delete", "base")
    before = project.patches()
    _, error = run(project, "export", "all", status=1)
    assert "all/3.12 has no refs/tags/base" in error
    assert project.patches() == before


def test_diff(project):
    said, error = run(project, "diff", "3.11", "3.12", "--summary", status=1)
    assert error == ""
    assert said == [
        "0010-event: 1 of 3 hunks differ",
        f"0020-more: only 3.11 has it (3.12: {GAP})",
        "0030-join: 2 of 3 hunks differ",
        "3 patches: 3 of 6 hunks differ, 0 of them only in what they quote; in one "
        "series only: 1",
    ]
    said, _ = run(project, "diff", "3.11", "3.12", "10", status=1)
    assert said[:4] == [
        "Include/own.h",
        "- 3.11 @@ -0,0 +1 @@",
        "+ 3.12 @@ -0,0 +1 @@",
        "- +int of_3_11;",
    ]
    said, _ = run(project, "diff", "3.11", "3.11")
    assert said[-1].startswith("3 patches: 0 of 8 hunks differ")
    assert len(said) == 1
    _, error = run(project, "diff", "3.11", "3.12", "0999", status=1)
    assert error == "error: neither has a patch 0999\n"


def test_releases_of_all(project):
    sources = project.root.parent / "sources"
    sources.mkdir()
    for version in ("3.11.2", "3.12.1"):
        name = f"Python-{version}.tgz"
        (sources / name).symlink_to(project.root.parent / name)
    said, _ = run(project, "releases", "--source", sources)
    assert [line.split()[0] for line in said if line.endswith("the letter")] == [
        "3.11.2",
        "3.12.1",
    ]
    assert [line for line in said if line.startswith("The series")] == [
        "The series 3.11:",
        "The series 3.12:",
    ]


def test_a_news_entry_goes_to_all(project):
    place = project.root.parent
    run(project, "checkout", "all", "--source", place)
    words = ("--issue", "116372", "--section", "Library", "--body", "It is safe.")
    (project.root / "build").symlink_to(layout.BUILD)
    said, _ = run(project, "news", "all", *words)
    assert len(said) == 2
    names = [line.partition(": ")[0].split("/", 2)[2] for line in said]
    assert names[0] == names[1]
    texts = [(place / "all" / one / names[0]).read_bytes() for one in ("3.11", "3.12")]
    assert texts == [b"It is safe.\n"] * 2
    status = git.run(place / "all/3.12", "status", "--porcelain")
    assert status.startswith(b"A  Misc/NEWS.d/next/Library/")
