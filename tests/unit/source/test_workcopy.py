"""Copies of a source tree, and bringing them up to date."""

import io
import os
import subprocess
import tarfile

import pytest
from threadjoin.core.errors import Problem
from threadjoin.source import workcopy
from tinycpython import RELEASE, pack, read, write

LONG_AGO = 1_000_000_000


@pytest.fixture
def place(tmp_path):
    return tmp_path / "copy"


def test_the_tracked_files_of_a_git_checkout_are_copied_as_they_are(cpython, place):
    os.symlink("patchlevel.h", cpython / "Include/link.h")
    for command in (("init", "--quiet"), ("add", ".")):
        subprocess.run(["git", *command], cwd=cpython, check=True)
    write(cpython, {"Python/old.c": "changed\n", "untracked": "", "Python/x.o": ""})
    (cpython / "Python/pystate.c").unlink()
    workcopy.copy(cpython, place)
    expected = {**RELEASE, "Python/old.c": "changed\n"}
    del expected["Python/pystate.c"]
    expected["Include/link.h"] = RELEASE["Include/patchlevel.h"]
    assert read(place) == expected
    assert os.readlink(place / "Include/link.h") == "patchlevel.h"
    assert not (place / ".git").exists()


def test_of_another_tree_all_but_build_products_are_copied(cpython, place):
    leftovers = (
        "Python/ceval.o",
        "Makefile",
        "pyconfig.h",
        "build/lib/x.py",
        "Lib/__pycache__/threading.cpython-311.pyc",
        "Modules/config.c",
        "libpython3.11.a",
    )
    source = {"PC/pyconfig.h": "", "Doc/Makefile": "", "Lib/distutils/build/x": ""}
    write(cpython, {**source, **dict.fromkeys(leftovers, "")})
    workcopy.copy(cpython, place)
    assert read(place) == {**RELEASE, **source}


def test_the_projects_build_directory_in_the_tree_is_not_copied(
    cpython, place, monkeypatch
):
    monkeypatch.setattr(workcopy, "BUILD", cpython / "threadjoin" / "build")
    write(cpython, {"threadjoin/build/x": "", "threadjoin/y": ""})
    workcopy.copy(cpython, place)
    assert read(place) == {**RELEASE, "threadjoin/y": ""}


def test_a_pipe_in_the_tree_is_no_obstacle(cpython, place):
    os.mkfifo(cpython / "pipe")
    workcopy.copy(cpython, place)
    assert read(place) == RELEASE


def test_a_damaged_repository_is_a_problem(cpython, place):
    (cpython / ".git").write_text("gitdir: /no/such/place\n")
    with pytest.raises(Problem, match=f"git cannot list the files of {cpython}"):
        workcopy.copy(cpython, place)


def test_a_tarballs_one_directory_becomes_the_place(tarball, place):
    workcopy.unpack(tarball, place)
    assert read(place) == RELEASE
    assert [path.name for path in place.parent.glob("copy*")] == ["copy"]


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_a_damaged_tarball_is_a_problem(tmp_path, place, compression):
    damaged = tmp_path / "damaged"
    with tarfile.open(damaged, f"w:{compression}") as archive:
        member = tarfile.TarInfo("top/file")
        member.size = 1 << 16
        archive.addfile(member, io.BytesIO(os.urandom(member.size)))
    os.truncate(damaged, damaged.stat().st_size // 2)
    with pytest.raises(Problem, match=f"{damaged} is .*damaged") as info:
        workcopy.unpack(damaged, place)
    assert "\n" not in str(info.value)
    assert not list(tmp_path.glob("copy*"))


def test_a_file_that_is_not_a_tarball_is_a_problem(tmp_path, place):
    (tmp_path / "text").write_text("no tarball")
    with pytest.raises(Problem, match="text is no tarball") as info:
        workcopy.unpack(tmp_path / "text", place)
    assert "\n" not in str(info.value)


def test_a_tarball_without_one_directory_at_the_top_is_a_problem(tmp_path, place):
    with tarfile.open(tmp_path / "two.tgz", "w:gz") as archive:
        for name in ("one/file", "two/file"):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(Problem, match="two.tgz does not have all its files in one"):
        workcopy.unpack(tmp_path / "two.tgz", place)


@pytest.mark.parametrize("filters", [True, False])
@pytest.mark.parametrize("name", ["/outside", "top/../../outside"])
def test_a_tarball_writes_nothing_outside_its_directory(
    tmp_path, place, monkeypatch, name, filters
):
    if not filters:
        # As in a Python whose tarfile has no filters.
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    with tarfile.open(tmp_path / "bad.tgz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("top/file"))
        archive.addfile(
            tarfile.TarInfo(
                name.replace("/outside", f"{tmp_path}/outside")
                if name.startswith("/")
                else name
            )
        )
    with pytest.raises(Problem, match="bad.tgz"):
        workcopy.unpack(tmp_path / "bad.tgz", place)
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path.parent / "outside").exists()


@pytest.mark.parametrize("filters", [True, False])
def test_a_tarball_unpacks_on_any_python(tarball, place, monkeypatch, filters):
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    workcopy.unpack(tarball, place)
    assert read(place) == RELEASE


def settle(tmp_path, place, files, digest="d"):
    """Settle *files*, all with old times, at *place*."""
    fresh = write(tmp_path / "fresh", files)
    for path in fresh.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    workcopy.settle(fresh, place, digest)
    assert not fresh.exists()


def test_only_changed_files_get_a_new_time(tmp_path, place):
    settle(tmp_path, place, RELEASE)
    assert (place / "Python/old.c").stat().st_mtime == LONG_AGO
    settle(tmp_path, place, {**RELEASE, "Python/old.c": "int older;\n"})
    assert (place / "Python/old.c").stat().st_mtime > LONG_AGO
    assert (place / "Lib/threading.py").stat().st_mtime == LONG_AGO
    # Back to the contents before, which are older than the object file.
    os.utime(place / "Python/old.c", (LONG_AGO, LONG_AGO))
    settle(tmp_path, place, RELEASE)
    assert (place / "Python/old.c").stat().st_mtime > LONG_AGO
    assert read(place) == RELEASE


def test_files_that_are_gone_go_and_generated_ones_stay(tmp_path, place):
    settle(tmp_path, place, RELEASE)
    write(place, {"Lib/__pycache__/x.pyc": "", "Python/generated.h": ""})
    fewer = {name: text for name, text in RELEASE.items() if name != "Python/old.c"}
    settle(tmp_path, place, fewer)
    assert read(place) == {
        **fewer,
        "Lib/__pycache__/x.pyc": "",
        "Python/generated.h": "",
    }


def test_a_file_can_become_a_directory_and_the_reverse(tmp_path, place):
    one = {"a": "file", "b/c": "in a directory"}
    other = {"a/c": "in a directory", "b": "file"}
    settle(tmp_path, place, one)
    settle(tmp_path, place, other)
    assert read(place) == other
    settle(tmp_path, place, one)
    assert read(place) == one


def test_symlinks_and_permissions_are_copied(tmp_path, place):
    settle(tmp_path, place, {"a": "text", "b": "text"})
    fresh = write(tmp_path / "fresh", {"a": "text"})
    (fresh / "a").chmod(0o755)
    os.symlink("a", fresh / "b")
    workcopy.settle(fresh, place, "d")
    assert os.readlink(place / "b") == "a"
    assert (place / "a").stat().st_mode & 0o777 == 0o755


def test_a_settled_tree_is_known_by_its_digest(tmp_path, place):
    assert not workcopy.is_settled(place, "d")
    settle(tmp_path, place, RELEASE, "d")
    assert workcopy.is_settled(place, "d")
    assert not workcopy.is_settled(place, "e")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda place: write(place, {"Python/old.c": "changed by hand\n"}),
        lambda place: (place / "Python/old.c").unlink(),
        lambda place: os.utime(place / "Python/old.c"),
        lambda place: place.with_name("copy.json").write_text("{"),
        lambda place: place.with_name("copy.json").unlink(),
    ],
)
def test_a_tree_that_was_changed_by_hand_is_settled_anew(tmp_path, place, spoil):
    settle(tmp_path, place, RELEASE)
    spoil(place)
    assert not workcopy.is_settled(place, "d")
    settle(tmp_path, place, RELEASE)
    assert read(place) == RELEASE
    assert workcopy.is_settled(place, "d")


def test_an_interrupted_copy_is_not_settled(tmp_path, place, monkeypatch):
    settle(tmp_path, place, RELEASE)

    def interrupted(fresh, place):
        raise KeyboardInterrupt

    monkeypatch.setattr(workcopy, "_bring", interrupted)
    with pytest.raises(KeyboardInterrupt):
        workcopy.settle(write(tmp_path / "f", {"a": ""}), place, "d")
    assert not workcopy.is_settled(place, "d")


def test_packing_and_unpacking_are_inverse(tmp_path, cpython, place):
    workcopy.unpack(pack(cpython, tmp_path / "again.tgz"), place)
    assert read(place) == read(cpython)
