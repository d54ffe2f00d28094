"""A series goes into a tree whole, or the tree stays as it was."""

import os
import subprocess
from dataclasses import replace

import pytest
from threadjoin.core.errors import Problem
from threadjoin.series import catalog, tree
from tinycpython import AFTER_FIRST, AFTER_SECOND, RELEASE, changed, diff, read, write


def refused(match, *args, **options):
    """Apply with *args*, which has to be refused with *match*; return the message."""
    before = read(args[0])
    with pytest.raises(Problem, match=match) as info:
        tree.apply(*args, **options)
    assert read(args[0]) == before
    message = str(info.value)
    assert "\n" not in message
    return message


def test_the_version_is_the_headers(cpython):
    assert tree.version_of(cpython) == "3.11.2"
    (cpython / "Include/patchlevel.h").write_text('#define PY_VERSION "3.11.4+"\n')
    assert tree.version_of(cpython) == "3.11.4+"


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda t: (t / "Include/patchlevel.h").unlink(), "is not a source tree"),
        (lambda t: (t / "Lib/threading.py").unlink(), "is not a source tree"),
        (lambda t: (t / "Include/patchlevel.h").write_text(""), "is not a source tree"),
        (lambda t: t.rename(t.with_name("moved")), "does not exist"),
    ],
)
def test_a_directory_without_cpython_is_refused(cpython, spoil, words):
    spoil(cpython)
    with pytest.raises(Problem, match=f"cpython {words}"):
        tree.version_of(cpython)


def test_a_file_is_no_tree(cpython):
    with pytest.raises(Problem, match="is not a directory"):
        tree.version_of(cpython / "Lib/threading.py")


def test_a_message_can_call_the_tree_something_else(tmp_path):
    with pytest.raises(Problem, match="^x.tgz is not a source tree of CPython"):
        tree.version_of(tmp_path, "x.tgz")


def test_applying_makes_the_changes_of_all_patches(cpython, series):
    assert tree.apply(cpython, series)
    assert read(cpython) == AFTER_SECOND


def test_reversing_gives_the_release_again(cpython, series):
    tree.apply(cpython, series)
    assert tree.apply(cpython, series, reverse=True)
    assert read(cpython) == RELEASE
    assert not (cpython / "Python/new").exists()


@pytest.mark.parametrize("reverse", [False, True])
def test_checking_changes_nothing(cpython, series, reverse):
    if reverse:
        tree.apply(cpython, series)
    before = read(cpython)
    assert tree.apply(cpython, series, reverse=reverse, check=True)
    assert read(cpython) == before


def test_a_series_that_is_already_applied_changes_nothing(cpython, series):
    tree.apply(cpython, series)
    assert not tree.apply(cpython, series)
    assert read(cpython) == AFTER_SECOND


def test_taking_out_a_series_that_is_not_there_changes_nothing(cpython, series):
    assert not tree.apply(cpython, series, reverse=True)
    assert read(cpython) == RELEASE


def test_has_tells_whether_all_of_it_is_there(cpython, series):
    assert not tree.has(cpython, series)
    write(cpython, AFTER_FIRST)
    assert not tree.has(cpython, series)
    (cpython / "Python/new/event.c").unlink()
    tree.apply(write(cpython, RELEASE), series)
    assert tree.has(cpython, series)


def test_a_later_release_with_moved_lines_is_accepted(cpython, series):
    moved = "one more line\n" + RELEASE["Lib/threading.py"]
    write(cpython, {"Lib/threading.py": moved})
    assert tree.apply(cpython, series)
    expected = "one more line\n" + AFTER_SECOND["Lib/threading.py"]
    assert (cpython / "Lib/threading.py").read_text() == expected


@pytest.mark.parametrize(
    "name, line, words",
    [
        ("Lib/threading.py", "line10", "0001-event.patch .*: {}, hunk 1 .line 7."),
        ("Lib/threading.py", "line50", "0001-event.patch .*: {}, hunk 2 .line 47."),
        # A changed context line is refused, too: no fuzz.
        ("Lib/threading.py", "line33", "0002-hook.patch .*: {}, hunk 1 .line 27."),
        ("Python/pystate.c", "line15", "0002-hook.patch .*: {}, hunk 1 .line 12."),
    ],
)
def test_the_hunk_that_does_not_match_is_named(cpython, series, name, line, words):
    write(cpython, {name: changed(RELEASE[name], **{line: "something else"})})
    message = refused(words.format(name), cpython, series)
    assert message.endswith("does not match; the tree is as it was")


def test_the_hunk_is_named_for_taking_out_too(cpython, series):
    tree.apply(cpython, series)
    text = (cpython / "Lib/threading.py").read_text()
    write(cpython, {"Lib/threading.py": changed(text, line50="mine")})
    words = "0001-event.patch cannot be taken out of .*: Lib/threading.py, hunk 2"
    refused(words, cpython, series, reverse=True)


def test_a_missing_file_and_an_unexpected_file_are_named(cpython, series):
    (cpython / "Python/old.c").unlink()
    refused("0002-hook.patch .*: Python/old.c: No such file", cpython, series)
    write(cpython, {"Python/new/event.c": "mine\n"})
    refused("0001-event.patch .*: Python/new/event.c: already", cpython, series)


def test_a_damaged_patch_is_named(cpython, series):
    patch = series.patches[1]
    patch.write_text(
        patch.read_text().replace("@@ -27,7 +27,7 @@", "@@ -27,7 +27,9 @@")
    )
    refused("0002-hook.patch .*: corrupt patch at ", cpython, series)


def test_a_series_without_patches_is_refused(cpython, series):
    empty = catalog.Series("3.11", series.directory, series.base, ())
    refused("the series 3.11 lists no patch", cpython, empty)


@pytest.mark.parametrize("place", ["around", "in"])
def test_a_repository_makes_no_difference(cpython, series, monkeypatch, place):
    repository = cpython if place == "in" else cpython.parent
    subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    for key, value in (("core.autocrlf", "true"), ("apply.whitespace", "fix")):
        subprocess.run(["git", "config", key, value], cwd=repository, check=True)
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_PREFIX", "elsewhere/")
    # The directory for temporary files is in a repository, too, as build/ is.
    monkeypatch.setattr("tempfile.tempdir", str(repository))
    assert tree.apply(cpython, series)
    assert {k: v for k, v in read(cpython).items() if "bin/" not in k} == AFTER_SECOND


def test_the_users_configuration_makes_no_difference(cpython, series, monkeypatch):
    config = cpython.parent / "gitconfig"
    config.write_text(
        "[apply]\n\twhitespace = error-all\n\tignoreWhitespace = change\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    spaced = RELEASE["Lib/threading.py"].replace("line 10\n", "line  10\n")
    write(cpython, {"Lib/threading.py": spaced})
    refused("Lib/threading.py, hunk 1", cpython, series)


def test_without_git_it_says_so(cpython, series, monkeypatch):
    monkeypatch.setenv("PATH", str(cpython))
    refused("git is not installed; install it", cpython, series)


def test_permissions_and_untouched_files_stay(cpython, series):
    (cpython / "Lib/threading.py").chmod(0o664)
    (cpython / "Python/pystate.c").chmod(0o755)
    os.utime(cpython / "Include/patchlevel.h", (1, 1))
    tree.apply(cpython, series)
    assert (cpython / "Lib/threading.py").stat().st_mode & 0o777 == 0o664
    assert (cpython / "Include/patchlevel.h").stat().st_mtime == 1


def test_a_full_disk_for_git_is_not_reported_as_a_refused_patch(
    cpython, series, program
):
    program(
        "git",
        "echo \"error: failed to write to 'x': No space left on device\" >&2; exit 1",
    )
    with pytest.raises(OSError, match="No space left on device"):
        tree.apply(cpython, series)


def test_a_tree_without_tests_takes_the_series_without_tests(cpython, series):
    more = {**AFTER_SECOND, "Lib/test/test_x.py": "1\n", "Doc/x.rst": "x\n"}
    old = {**AFTER_SECOND, "Lib/test/test_x.py": "0\n"}
    path = series.patches[1].with_name("0003-tests.patch")
    path.write_text(diff(old, more))
    slim = replace(series, patches=(*series.patches, path))
    refused("for a tree without Lib/test, there is --without-tests", cpython, slim)
    assert tree.apply(cpython, slim, without_tests=True)
    assert read(cpython) == AFTER_SECOND
    assert not tree.apply(cpython, slim, without_tests=True)
    assert tree.apply(cpython, slim, without_tests=True, reverse=True)
    assert read(cpython) == RELEASE
