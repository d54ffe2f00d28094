"""An error about a full disk names the file system that is full."""

import errno
import os
import shutil
import tempfile

import pytest
from threadjoin.commands import apply
from threadjoin.core import disk, errors, files, process
from threadjoin.series import tree
from threadjoin.source import fetch, workcopy
from tinycpython import RELEASE, read, write


def test_the_mount_point_of_a_path_whether_it_exists_or_not(mount):
    place = mount("size=1m")
    assert disk.mount_point(place / "some" / "file") == place
    assert disk.mount_point("/") == disk.mount_point("/none/at/all")


def fill(place):
    """Leave no room in the file system at *place*."""
    with pytest.raises(OSError, match="No space left"), open(place / "fill", "wb") as f:
        while True:
            f.write(b"x" * 4096)
            f.flush()


@pytest.fixture
def full(mount):
    place = mount("size=2m")
    assert disk.full([place]) == []
    fill(place)
    return place


def said(place):
    return f"the file system at {place} is full; make room there, then run again"


def test_the_full_file_system_is_found(full, tmp_path):
    assert disk.full([tmp_path, full / "none" / "file", full]) == [full]


def test_a_read_only_file_system_is_not_full(full, mount):
    mount("ro", full)
    assert disk.full([full]) == []


def test_a_file_system_without_room_for_another_file(mount):
    place = mount("size=2m,nr_inodes=2")
    (place / "last").touch()
    assert disk.full([place]) == [place]


def failure(function, *args):
    with pytest.raises(OSError, match="No space left") as caught:
        function(*args)
    return disk.explain(caught.value)


def test_a_failed_copy_names_the_file_system_of_its_target(full, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"x" * 8192)
    assert failure(shutil.copy, source, full / "copy") == said(full)


def test_a_failed_write_names_the_file(full):
    def function():
        with disk.writing(full / "file"):
            (full / "file").write_text("x" * 8192)

    assert failure(function) == said(full)


def test_without_a_file_name_the_usual_places_are_checked(full, tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "BUILD", tmp_path / "build")
    error = OSError(errno.ENOSPC, "No space left on device")
    assert disk.explain(error) == "the disk is full; make room, then run again"
    monkeypatch.setattr(tempfile, "tempdir", str(full))
    assert disk.explain(error) == said(full)


def test_other_errors_are_not_explained():
    assert disk.explain(OSError(errno.EIO, "Input/output error", "/file")) is None
    assert disk.explain(FileNotFoundError(errno.ENOENT, "No such file", "/f")) is None


def test_no_directory_for_temporary_files(monkeypatch):
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc"])
    with pytest.raises(FileNotFoundError) as caught:
        tempfile._get_default_tempdir()
    assert disk.explain(caught.value).startswith("no directory for temporary files")


def test_a_program_whose_log_is_on_the_full_disk(full):
    (full / "log").touch()
    with pytest.raises(process.DiskFull) as caught:
        process.check(["sh", "-c", "exit 1"], full / "log", "compile")
    assert str(caught.value) == f"{said(full)} (log: {full}/log)"


def test_a_program_in_a_full_directory(full, tmp_path):
    log = tmp_path / "log"
    with pytest.raises(process.DiskFull) as caught:
        process.check(["sh", "-c", "exit 1"], log, "compile", cwd=full)
    assert str(caught.value) == f"{said(full)} (log: {log})"


def test_a_program_that_fails_where_there_is_room(tmp_path):
    with pytest.raises(process.Failed):
        process.check(["sh", "-c", "exit 1"], tmp_path / "log", "compile", cwd=tmp_path)


def test_a_tree_on_a_full_disk_is_unchanged(mount, tmp_path, series, monkeypatch):
    place = mount("size=2m")
    write(place / "tree", RELEASE)
    monkeypatch.setattr(apply.catalog, "series_for", lambda version: series)
    fill(place)
    with pytest.raises(errors.Problem) as caught:
        tree.apply(place / "tree", series)
    assert str(caught.value) == f"{said(place)}; the tree is as it was"
    assert read(place / "tree") == RELEASE


def test_a_tarball_unpacked_on_a_full_disk(full, tarball):
    assert failure(workcopy.unpack, tarball, full / "src") == said(full)


def test_a_download_to_a_full_disk(full, monkeypatch):
    monkeypatch.setattr(fetch, "_chunks", lambda url: [b"x" * 8192])
    assert failure(fetch.download, "url", full / "file") == said(full)


def test_a_page_on_a_full_disk_is_unchanged(mount):
    place = mount("size=2m")
    page = place / "page.md"
    page.write_text("old")
    fill(place)
    assert failure(files.write, page, "x" * 8192) == said(place)
    assert page.read_text() == "old"
    assert sorted(os.listdir(place)) == ["fill", "page.md"]
