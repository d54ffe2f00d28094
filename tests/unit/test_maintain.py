"""A series checked out as commits, and exported as the same bytes again."""

import subprocess

import pytest
from fakeproject import (
    ENTRY,
    ENTRY_TEXT,
    RELEASE,
    Project,
    commit,
    edited,
    filled,
    message,
)
from threadjoin import git, maintain, origin
from threadjoin.errors import Problem

#: What people have in their configuration that changes what git writes.
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
    """Return what *revision* holds: a dict of name to (mode, bytes)."""
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
    source = maintain.release(project.series(), project.tree)
    maintain.checkout(project.series(), source, place)
    commits = [git.run(r, "rev-parse", "base") for r in (from_tarball, place)]
    assert commits[0] == commits[1]


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
    commit(repository, message(), {"blob": b"\x00\r\n\x00" * 50})
    project.export(repository)
    before = project.patches()
    again = project.checkout("again")
    project.export(again)
    assert project.patches() == before
    assert files_of(again, "threadjoin") == files_of(repository, "threadjoin")
    assert body.strip() in git.run(again, "log", "--format=%B").decode()


def test_exported_form(project):
    """What a reader, `git am -3` and the next export rely on."""
    repository = project.checkout()
    commit(repository, message(), {"Python/moved.c": RELEASE["Lib/threading.py"]})
    git.run(repository, "rm", "--quiet", "Lib/threading.py")
    git.run(repository, "commit", "--quiet", "--amend", "--no-edit")
    (name,) = project.export(repository)
    text = project.patches()[name].decode()
    assert text.startswith(f"From {'0' * 40} Mon Sep 17 00:00:00 2001\n")
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


def test_export_replaces_what_is_gone_and_keeps_the_rest(full):
    repository = full.root.parent / "filled-3.11"
    base = (full.root / "patches/3.11/releases.json").read_bytes()
    git.run(repository, "reset", "--quiet", "--hard", "threadjoin~1")
    assert full.export(repository) == [
        "0001-gh-116372-Wait-for-the-event-in-join.patch"
    ]
    assert sorted(full.patches()) == [
        "0001-gh-116372-Wait-for-the-event-in-join.patch",
        "series",
    ]
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
        (other_root, "does not stand on base"),
        (no_repository, "not a git checkout"),
    ],
)
def test_export_refuses_what_is_no_series(full, spoil, said):
    repository = full.root.parent / "filled-3.11"
    before = full.patches()
    spoil(repository)
    with pytest.raises(Problem, match=said):
        full.export(repository)
    assert full.patches() == before
    assert (full.root / ENTRY).exists()


def test_export_wants_a_series_that_has_a_base(full):
    repository = full.root.parent / "filled-3.11"
    with pytest.raises(Problem, match="patches/3.14 has no releases.json"):
        full.export(repository, "3.14")
    assert not (full.root / "patches/3.14").exists()


def test_checkout_leaves_what_is_there_alone(project):
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
        maintain.release(project.series(), tarball)
    (project.tree / "Include/patchlevel.h").write_text('#define PY_VERSION "3.11.4"\n')
    with pytest.raises(Problem, match="is CPython 3.11.4, and the series 3.11 is"):
        maintain.release(project.series(), project.tree)
    with pytest.raises(Problem, match="no such file"):
        maintain.release(project.series(), tarball.with_name("absent"))


def test_release_is_got_as_a_build_gets_it(project, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(maintain, "BUILD", tmp_path / "build")
    monkeypatch.setattr(origin, "release", lambda *args: asked.append(args))
    maintain.release(project.series())
    assert asked == [(project.series(), tmp_path / "build" / "source.log")]


def test_commands_go_round(full):
    before = full.patches()
    done = full.command("series", "checkout", "3.11", "again", "--source", full.tarball)
    assert done.stderr == ""
    assert done.stdout == (
        "again: CPython 3.11.2 (tag base) and 2 patches (branch threadjoin)\n"
    )
    again = full.root.parent / "again"
    commit(again, message(), {"Lib/threading.py": edited(10, 20)})
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
    """git itself, as the README has it, makes the same tree of the patches."""
    by_hand = full.root.parent / "by-hand"
    by_hand.mkdir()
    origin.given(str(full.tarball)).lay(by_hand / "tree")
    maintain.commit_base(full.series().base, by_hand / "tree")
    subprocess.run(
        ["git", "am", "--quiet", "--keep-cr", *map(str, full.series().patches)],
        cwd=by_hand / "tree",
        env=git.environment(),
        check=True,
    )
    assert files_of(by_hand / "tree", "HEAD") == files_of(full.checkout(), "threadjoin")
