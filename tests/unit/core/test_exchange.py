"""Several files change together, or none does."""

import errno
import os
import shutil

import pytest
from threadjoin.core import exchange
from threadjoin.core.errors import Problem
from tinycpython import read, write

OLD = {"kept": "kept", "lib/changed": "old", "lib/gone/only": "gone"}
NEW = {"kept": "kept", "lib/changed": "new", "added/here/file": "added"}


@pytest.fixture
def tree(tmp_path):
    return write(tmp_path / "tree", OLD)


@pytest.fixture
def contents(tmp_path):
    new = write(tmp_path / "new", NEW)
    return {
        "lib/changed": new / "lib/changed",
        "added/here/file": new / "added/here/file",
        "lib/gone/only": None,
    }


def test_files_are_changed_added_and_removed(tree, contents):
    exchange.put(contents, tree)
    assert read(tree) == NEW
    assert not (tree / "lib/gone").exists()


def failing(number, original=None, calls=1):
    """Return a function that fails with the error *number* at one of its *calls*.

    At the others it is *original*, which undoing the change may use, too.
    """
    left = [calls]

    def function(source, target):
        left[0] -= 1
        if left[0] == 0:
            raise OSError(number, os.strerror(number), str(target))
        return original(source, target)

    return function


@pytest.mark.parametrize("original", [os.replace, shutil.copy])
@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize(
    "number, words",
    [
        (errno.EROFS, "Read-only file system; the tree is as it was"),
        (errno.ENOSPC, "is full; make room .*; the tree is as it was"),
    ],
)
def test_a_failure_on_the_way_is_undone(
    tree, contents, monkeypatch, original, calls, number, words
):
    module = original.__module__.replace("posix", "os")
    function = failing(number, original, calls)
    monkeypatch.setattr(f"{module}.{original.__name__}", function)
    with pytest.raises(Problem, match=words):
        exchange.put(contents, tree)
    assert read(tree) == OLD
    assert not (tree / "added").exists()


def test_a_failure_while_the_old_files_are_saved_is_undone(tree, contents, monkeypatch):
    monkeypatch.setattr("os.link", failing(errno.EPERM))
    monkeypatch.setattr("shutil.copy2", failing(errno.ENOSPC))
    with pytest.raises(Problem, match="is full; make room .*; the tree is as it was"):
        exchange.put(contents, tree)
    assert read(tree) == OLD


def test_no_hard_links_are_needed(tree, contents, monkeypatch):
    monkeypatch.setattr("os.link", failing(errno.EPERM, shutil.copy, calls=1))
    del contents["lib/gone/only"]
    exchange.put(contents, tree)
    assert read(tree) == {**NEW, "lib/gone/only": "gone"}


def test_an_interrupt_is_undone(tree, contents, monkeypatch):
    original = os.replace
    seen = []

    def interrupted(source, target):
        original(source, target)
        if not seen:
            seen.append(target)
            raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        exchange.put(contents, tree)
    assert seen
    assert read(tree) == OLD


def test_permissions_stay_except_for_execution(tree, contents):
    (tree / "lib/changed").chmod(0o660)
    contents["lib/changed"].chmod(0o755)
    exchange.put(contents, tree)
    assert (tree / "lib/changed").stat().st_mode & 0o777 == 0o771


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_leaves_the_files_their_owner(tree, contents):
    for path in (tree, tree / "lib/changed"):
        os.chown(path, 12345, 12346)
    exchange.put(contents, tree)
    for name in ("lib/changed", "added", "added/here", "added/here/file"):
        status = (tree / name).stat()
        assert (status.st_uid, status.st_gid) == (12345, 12346)


def test_a_file_left_by_a_killed_run_is_no_obstacle(tree, contents):
    (tree / "lib/.changed.threadjoin-old").write_text("stale")
    (tree / "lib/.changed.threadjoin-new").write_text("stale")
    exchange.put(contents, tree)
    assert read(tree) == NEW


def test_a_read_only_mount_is_reported(mount, contents):
    place = mount("size=1m")
    write(place, OLD)
    mount("ro", place)
    with pytest.raises(Problem) as caught:
        exchange.put(contents, place)
    name = place / "lib" / ".changed.threadjoin-new"
    assert str(caught.value) == (
        f"{name}: Read-only file system; the tree is as it was"
    )
    assert read(place) == OLD


def test_a_change_that_cannot_be_undone_is_reported(tree, contents, monkeypatch):
    """The disk fails after the first file is in its place."""
    original = os.replace
    count = []

    def breaking(source, target):
        count.append(target)
        if len(count) > 1:
            raise OSError(errno.EIO, "Input/output error", str(target))
        original(source, target)

    monkeypatch.setattr("os.replace", breaking)
    with pytest.raises(Problem, match="; the tree is not as it was: .*Input/output"):
        exchange.put(contents, tree)
