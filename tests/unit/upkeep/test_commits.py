"""A series checked out as commits, and exported as the same bytes again."""

import datetime
import re
import subprocess

import pytest
from fakeproject import (
    DAY,
    ENTRY,
    ENTRY_TEXT,
    FIELDS,
    MAINTAINERS,
    MORE,
    NAMES,
    RELEASE,
    Project,
    commit,
    edited,
    filled,
    message,
)
from threadjoin.core import git
from threadjoin.core.errors import Problem
from threadjoin.source import origin
from threadjoin.upkeep import commits

#: Settings of a user that change what git writes.
HOSTILE = """\
[core]
    autocrlf = true
    attributesFile = {attributes}
[diff]
    algorithm = patience
    context = 9
    mnemonicPrefix = true
    noprefix = true
    renames = copies
    statGraphWidth = 5
[format]
    attach
    coverLetter = true
    numbered = true
    pretty = fuller
    signOff = true
    signature = me
    subjectPrefix = PYTHON
    suffix = .txt
    thread
    useAutoBase = true
[log]
    showSignature = true
"""


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path).create()


@pytest.fixture
def full(tmp_path):
    return filled(tmp_path)


def files_of(repository, revision):
    """Return the files of *revision*, a dict of name to (mode, bytes)."""
    listed = git.run(repository, "ls-tree", "-r", "-z", revision).decode()
    found = {}
    for line in listed.split("\0")[:-1]:
        meta, name = line.split("\t")
        mode, _, blob = meta.split()
        found[name] = (mode, git.run(repository, "cat-file", "blob", blob))
    return found


def test_base_commit_is_the_release_byte_for_byte(project):
    files = files_of(project.checkout(), "refs/tags/base")
    assert {name: content for name, (_, content) in files.items()} == RELEASE
    executable = [name for name, (mode, _) in files.items() if mode == "100755"]
    assert executable == ["configure"]


def test_checkout_from_an_unpacked_tree_is_the_same(project):
    from_tarball = project.checkout()
    place = project.root.parent / "from-tree"
    source = commits.release(project.series(), project.tree)
    commits.checkout(project.series(), source, place)
    bases = [git.run(r, "rev-parse", "base") for r in (from_tarball, place)]
    assert bases[0] == bases[1]


def test_checkout_then_export_gives_the_same_bytes(full):
    before = full.patches()
    assert len(before) == 3
    repository = full.checkout("again")
    full.export(repository)
    assert full.patches() == before
    subjects = git.run(repository, "log", "--format=%s", "base..threadjoin")
    assert subjects.decode().splitlines() == [
        "gh-116372: Add the file to the project of Windows",
        "gh-116372: Wait for the event in join()",
    ]


def test_commits_are_the_same_on_every_machine(full):
    tips = [
        git.run(full.checkout(name), "rev-parse", "threadjoin")
        for name in ("one", "two")
    ]
    assert tips[0] == tips[1]


def test_hard_messages_and_contents_survive(project):
    repository = project.checkout()
    subject = "gh-116372: Überlange Betreffzeilen werden in der Kopfzeile gefaltet"
    body = message(subject).replace(
        "tested", "geprüft\n\n --- not the end ---\n\n>From"
    )
    commit(repository, body, {"Lib/latin.txt": b"\xe9\nno newline", "empty": b""})
    (repository / "Lib/latin.txt").unlink()
    (repository / "configure").chmod(0o644)
    commit(repository, message(name=NAMES[1]), {"blob": b"\x00\r\n\x00" * 50})
    project.export(repository)
    before = project.patches()
    again = project.checkout("again")
    project.export(again)
    assert project.patches() == before
    assert files_of(again, "threadjoin") == files_of(repository, "threadjoin")
    assert body.strip() in git.run(again, "log", "--format=%B").decode()


def test_exported_form(project):
    """Check the form that readers, `git am -3` and the next export rely on."""
    repository = project.checkout()
    commit(repository, message(), {"Python/moved.c": RELEASE["Lib/threading.py"]})
    git.run(repository, "rm", "--quiet", "Lib/threading.py")
    git.run(repository, "commit", "--quiet", "--amend", "--no-edit")
    assert project.export(repository) == ["0010-wait.patch"]
    assert project.patches()["series"] == b"0010-wait.patch\n"
    text = project.patches()["0010-wait.patch"].decode()
    assert text.startswith(
        f"From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: {MAINTAINERS}\n"
    )
    assert "\nLast-Update: 2026-11-23\nPatch: 0010-wait\n---\n" in text
    assert "\nSubject: [PATCH] gh-116372: Wait" in text
    assert " 2 files changed, 30 insertions(+), 30 deletions(-)\n" in text
    blob = git.run(repository, "rev-parse", "base:Lib/threading.py").decode().strip()
    assert text.count(f"\nindex {blob}..{'0' * 40}\n--- a/Lib/threading.py\n") == 1
    # No renames, for patch(1) and quilt; no version of git at the end.
    assert "\nrename " not in text
    assert text.endswith("+line 30\n")


def test_export_gives_the_same_bytes_in_any_configuration(full, monkeypatch, tmp_path):
    repository = full.root.parent / "filled-3.11"
    before = full.patches()
    (tmp_path / "attributes").write_text("*.py diff=python\n*.vcxproj text eol=lf\n")
    hostile = HOSTILE.format(attributes=tmp_path / "attributes")
    (tmp_path / ".gitconfig").write_text(hostile)
    with open(repository / ".git" / "config", "a") as config:
        config.write(hostile)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another.git"))
    monkeypatch.setenv("GIT_DIFF_OPTS", "--unified=1")
    monkeypatch.setenv("COLUMNS", "200")
    full.export(repository)
    assert full.patches() == before
    again = full.checkout("again")
    full.export(again)
    assert full.patches() == before


def test_export_removes_dropped_patches_and_keeps_other_files(full):
    repository = full.root.parent / "filled-3.11"
    base = (full.root / "patches/3.11/releases.json").read_bytes()
    git.run(repository, "reset", "--quiet", "--hard", "threadjoin~1")
    assert full.export(repository) == ["0010-wait.patch"]
    assert sorted(full.patches()) == ["0010-wait.patch", "series"]
    assert (full.root / "patches/3.11/releases.json").read_bytes() == base


def test_export_writes_news_from_the_patches_of_all_series(full):
    repository = full.root.parent / "filled-3.11"
    full.add_series("3.12")
    other = full.checkout("other", "3.12")
    theirs = ENTRY.replace("3C2OQi", "OTHER1")
    commit(other, message(), {theirs: b"Of the other series.\n"})
    full.export(other, "3.12")
    assert (full.root / ENTRY).read_bytes() == ENTRY_TEXT
    assert (full.root / theirs).read_bytes() == b"Of the other series.\n"

    git.run(repository, "reset", "--quiet", "--hard", "base")
    commit(repository, message(), {"Lib/threading.py": edited(3)})
    full.export(repository)
    assert not (full.root / ENTRY).exists()
    assert (full.root / theirs).exists()


def uncommitted(repository):
    (repository / "configure").write_bytes(b"changed")


def merge(repository):
    git.run(repository, "checkout", "--quiet", "-b", "side", "base")
    commit(repository, message(), {"side": b"side\n"})
    git.run(repository, "checkout", "--quiet", "threadjoin")
    git.run(repository, "merge", "--quiet", "-m", "A merge", "side")


def nothing(repository):
    commit(repository, "Nothing at all", {})


def no_tag(repository):
    git.run(repository, "tag", "--delete", "base")


def no_commits(repository):
    git.run(repository, "reset", "--quiet", "--hard", "base")


def other_root(repository):
    git.run(repository, "checkout", "--quiet", "--orphan", "other")
    git.run(repository, "commit", "--quiet", "-m", "Another root")
    git.run(repository, "branch", "--force", "threadjoin", "other")


def no_repository(repository):
    (repository / ".git").rename(repository / "git")


@pytest.mark.parametrize(
    "spoil, said",
    [
        (uncommitted, "not committed"),
        (merge, "'A merge' is a merge"),
        (nothing, "'Nothing at all' is a merge or changes nothing"),
        (no_tag, "no refs/tags/base"),
        (no_commits, "no commit on base"),
        (other_root, "is not based on base"),
        (no_repository, "not a git checkout"),
    ],
)
def test_export_refuses_commits_that_are_not_a_series(full, spoil, said):
    repository = full.root.parent / "filled-3.11"
    before = full.patches()
    spoil(repository)
    with pytest.raises(Problem, match=said):
        full.export(repository)
    assert full.patches() == before
    assert (full.root / ENTRY).exists()


ANOTHER = {"Lib/threading.py": edited(10, 20)}


@pytest.mark.parametrize(
    "text, said",
    [
        ("A subject\n\nNo fields at all.", "no number; end the message's last para"),
        (message(fields=f"{FIELDS}\nPatch: 0030-third"), "more than one number; "),
        (
            message(name="done-event"),
            "`Patch: done-event` is not of the form NNNN-slug",
        ),
        (message(name="00300"), "`Patch: 00300` is not of the form"),
        (
            message(name="0031-third"),
            "patches/registry.json does not know 0031; add it",
        ),
        (message(name="0030-trois"), "`Patch: 0030-trois` is called 0030-third in"),
        (message(name=NAMES[1]), "is 0020 and comes after 0020; put the commits into"),
        (message(name=NAMES[0]), "is 0010 and comes after 0020; put the commits into"),
        (message(name=MORE[1]), 'does not say that 3.11 has 0040; put "3.11": true'),
    ],
)
def test_export_refuses_a_patch_that_the_registry_lacks(full, text, said):
    full.register(*NAMES, *MORE, series={"3.11": "not needed"})
    repository = full.root.parent / "filled-3.11"
    before = full.patches()
    commit(repository, text, ANOTHER)
    with pytest.raises(Problem) as caught:
        full.export(repository)
    assert said in str(caught.value)
    subject = text.partition("\n")[0]
    assert str(caught.value).startswith(f"the commit {subject!r}")
    assert "\n" not in str(caught.value)
    assert full.patches() == before


def test_a_number_may_lie_between_those_that_are_there(full):
    repository = full.root.parent / "filled-3.11"
    full.register(NAMES[0], "0015-between", NAMES[1])
    git.run(repository, "tag", "second")
    git.run(repository, "reset", "--quiet", "--hard", "threadjoin~1")
    commit(repository, message(name="0015-between"), ANOTHER)
    git.run(repository, "cherry-pick", "second")
    assert full.export(repository) == [
        "0010-wait.patch",
        "0015-between.patch",
        "0020-windows.patch",
    ]


def test_git_gives_a_commit_another_number(full):
    """Use the command that the help of scripts/series shows."""
    full.register(NAMES[0], "0015-between")
    repository = full.checkout("again")
    trailer = "--trailer=Patch: 0015-between"
    git.run(repository, "commit", "--quiet", "--amend", "--no-edit", trailer)
    assert full.export(repository) == ["0010-wait.patch", "0015-between.patch"]


def days(project):
    """Return the Last-Update of each patch."""
    return [
        re.search("^Last-Update: (.*)$", path.read_text(), re.MULTILINE)[1]
        for path in project.series().patches
    ]


LATER = datetime.date(2026, 12, 24)


def test_last_update_is_the_day_of_a_change(full):
    repository = full.root.parent / "filled-3.11"
    full.export(repository, day=LATER)
    assert days(full) == [f"{DAY}", f"{DAY}"]
    git.run(repository, "commit", "--quiet", "--amend", "-m", message(name=NAMES[1]))
    full.export(repository, day=LATER)
    assert days(full) == [f"{DAY}", f"{LATER}"]
    # The commit has no such line, and needs none.
    full.export(repository, day=datetime.date(2027, 1, 6))
    assert days(full) == [f"{DAY}", f"{LATER}"]


def test_last_update_is_not_of_a_change_to_what_comes_before(full):
    """It moves the lines of the later patches, and gives them other blobs."""
    full.register(*NAMES, *MORE)
    repository = full.checkout("again")
    commit(repository, message(name=MORE[0]), {"Lib/threading.py": edited(10, 30)})
    full.export(repository)
    git.run(repository, "tag", "third")
    git.run(repository, "reset", "--quiet", "--hard", "base")
    changed = edited(10).replace(b"line 2\n", b"line 2\nand more\n")
    commit(repository, message(), {"Lib/threading.py": changed, ENTRY: ENTRY_TEXT})
    git.run(repository, "cherry-pick", "third~1", "third")
    before = full.patches()["0030-third.patch"]
    full.export(repository, day=LATER)
    assert full.patches()["0030-third.patch"] != before
    assert days(full) == [f"{LATER}", f"{DAY}", f"{DAY}"]


def test_last_update_is_added_where_it_was_not(project):
    repository = project.checkout()
    commit(repository, message(fields=FIELDS.rpartition("\n")[0]), ANOTHER)
    project.export(repository)
    text = project.patches()["0010-wait.patch"]
    assert b"\nPatch: 0010-wait\nLast-Update: 2026-11-23\n---\n" in text
    before = project.patches()
    project.export(project.checkout("again"), day=LATER)
    assert project.patches() == before


def test_last_update_is_not_before_the_author_date(full):
    """The author date is later if a commit has been made anew without a change."""
    repository = full.root.parent / "filled-3.11"
    tomorrow = "--date=2026-12-24T01:00:00+0200"
    git.run(repository, "commit", "--quiet", "--amend", "--no-edit", tomorrow)
    full.export(repository)
    assert days(full) == [f"{DAY}", "2026-12-23"]


def test_patches_are_from_the_maintainers_whoever_made_the_commits(full):
    repository = full.root.parent / "filled-3.11"
    before = full.patches()
    tip = git.run(repository, "rev-parse", "HEAD")
    author = "--author=Bj\u00f6rn B. <b@invalid.invalid>"
    git.run(repository, "commit", "--quiet", "--amend", "--no-edit", author)
    assert git.run(repository, "rev-parse", "HEAD") != tip
    tip = git.run(repository, "rev-parse", "HEAD")
    full.export(repository)
    assert full.patches() == before
    # The authors of the commits stay.
    assert git.run(repository, "rev-parse", "HEAD") == tip


def test_git_gives_the_same_patches_of_its_own_commits(full, tmp_path):
    """`git am` keeps all of a patch except the name of its file."""
    repository = full.checkout("again")
    options = commits.FORMAT
    git.run(repository, "format-patch", *options, f"-o{tmp_path / 'out'}", "base..")
    for number, path in enumerate(full.series().patches, 1):
        assert (tmp_path / "out" / str(number)).read_bytes() == path.read_bytes()


def test_export_wants_a_series_that_has_a_base(full):
    repository = full.root.parent / "filled-3.11"
    with pytest.raises(Problem, match="patches/3.14 has no releases.json"):
        full.export(repository, "3.14")
    assert not (full.root / "patches/3.14").exists()


def test_checkout_refuses_a_directory_that_is_not_empty(project):
    place = project.root.parent / "repository"
    place.mkdir()
    (place / "precious").write_text("mine")
    with pytest.raises(Problem, match="not empty"):
        project.checkout()
    assert [path.name for path in place.iterdir()] == ["precious"]


def test_checkout_takes_an_empty_directory(project):
    (project.root.parent / "repository").mkdir()
    assert (project.checkout() / "README.rst").exists()


def test_checkout_names_the_patch_that_does_not_apply(full):
    second = full.series().patches[1]
    second.write_bytes(second.read_bytes().replace(b" <two/>", b" <deux/>"))
    before = sorted(full.root.parent.iterdir())
    with pytest.raises(Problem, match=f"3.11/{second.name}: does not apply .*vcxproj"):
        full.checkout("again")
    assert sorted(full.root.parent.iterdir()) == before


def test_release_has_to_be_the_one_of_the_series(project):
    tarball = project.root.parent / "other.tgz"
    tarball.write_bytes(project.tarball.read_bytes()[:-1] + b"x")
    with pytest.raises(Problem, match="SHA-256|checksum"):
        commits.release(project.series(), tarball)
    (project.tree / "Include/patchlevel.h").write_text('#define PY_VERSION "3.11.4"\n')
    with pytest.raises(Problem, match="is CPython 3.11.4, and the series 3.11 is"):
        commits.release(project.series(), project.tree)
    with pytest.raises(Problem, match="no such file"):
        commits.release(project.series(), tarball.with_name("absent"))


def test_release_is_got_as_a_build_gets_it(project, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(commits, "BUILD", tmp_path / "build")
    monkeypatch.setattr(origin, "release", lambda *args: asked.append(args))
    commits.release(project.series())
    assert asked == [(project.series(), tmp_path / "build" / "source.log")]


def test_checkout_and_export_as_commands(full):
    before = full.patches()
    done = full.command("series", "checkout", "3.11", "again", "--source", full.tarball)
    assert done.stderr == ""
    assert done.stdout == (
        "again: CPython 3.11.2 (tag base) and 2 patches (branch threadjoin)\n"
    )
    again = full.root.parent / "again"
    commit(again, message(name=MORE[0]), {"Lib/threading.py": edited(10, 20)})
    full.register(*NAMES, *MORE)
    done = full.command("series", "export", "3.11", "again")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("patches/3.11: 3 patches; ")
    after = full.patches()
    assert len(after) == 4
    assert {name: after[name] for name in before if name != "series"} == {
        name: before[name] for name in before if name != "series"
    }


def test_commands_fail_in_one_line(project):
    done = project.command("series", "checkout", "3.14", "again")
    assert done.returncode == 1
    assert done.stderr == ("error: no series for Python 3.14; there is one for: 3.11\n")
    done = project.command("series")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_what_a_checkout_does_with_git_am_is_what_it_says(full):
    """`git am`, as in the README, makes the same tree."""
    by_hand = full.root.parent / "by-hand"
    by_hand.mkdir()
    origin.given(str(full.tarball)).lay(by_hand / "tree")
    commits.commit_base(full.series().base, by_hand / "tree")
    subprocess.run(
        ["git", "am", "--quiet", "--keep-cr", *map(str, full.series().patches)],
        cwd=by_hand / "tree",
        env=git.environment(),
        check=True,
    )
    assert files_of(by_hand / "tree", "HEAD") == files_of(full.checkout(), "threadjoin")
