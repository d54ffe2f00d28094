"""Only one run at a time uses build/."""

import os
import tempfile

import pytest
from threadjoin.core.errors import Problem
from threadjoin.host import workplace


def test_a_second_run_is_refused(tmp_path):
    with workplace.occupied(tmp_path):
        words = f"another run works in {tmp_path} .process {os.getpid()}."
        with pytest.raises(Problem, match=words), workplace.occupied(tmp_path):
            pass
    with workplace.occupied(tmp_path):
        pass


def test_a_path_that_is_not_ascii_is_refused_at_once(tmp_path):
    place = tmp_path / "caf\u00e9" / "build"
    with pytest.raises(Problem, match="cannot be built where the path is not ASCII"):
        with workplace.occupied(place):
            pass
    assert not place.parent.exists()


@pytest.mark.parametrize("before", [None, "/var/tmp"])
def test_temporary_files_are_below_it_and_go_with_the_run(
    tmp_path, monkeypatch, before
):
    monkeypatch.delenv("TMPDIR", raising=False)
    if before:
        monkeypatch.setenv("TMPDIR", before)
    place = tmp_path / "build"
    with workplace.occupied(place):
        left = tempfile.mkdtemp()
        assert left.startswith(f"{place}/")
        assert os.environ["TMPDIR"] == os.path.dirname(left)
    assert os.environ.get("TMPDIR") == before
    assert [path.name for path in place.iterdir()] == [".lock"]


def test_files_of_a_killed_run_are_removed(tmp_path):
    (tmp_path / "tmp" / "stale").mkdir(parents=True)
    with workplace.occupied(tmp_path):
        assert list((tmp_path / "tmp").iterdir()) == []


def test_a_directory_that_cannot_be_written_is_a_problem(tmp_path, monkeypatch):
    def refuse(self, *args, **options):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(Problem, match="build cannot be written; run from a copy"):
        with workplace.occupied(tmp_path / "build"):
            pass
