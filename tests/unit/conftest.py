"""Fixtures: a tiny CPython, a series of patches for it, programs on PATH, a tmpfs."""

import contextlib
import os
import subprocess

import pytest
from threadjoin.series import catalog
from tinycpython import RELEASE, pack, shell_script, write, write_series


@pytest.fixture
def cpython(tmp_path):
    """Return a directory with the release in it."""
    return write(tmp_path / "cpython", RELEASE)


@pytest.fixture
def series(tmp_path):
    """Return the catalog.Series for the release."""
    write_series(tmp_path / "patches")
    return catalog.load_series("3.11", tmp_path / "patches")


@pytest.fixture
def tarball(tmp_path, cpython):
    """Return the release as a tarball."""
    return pack(cpython, tmp_path / "Python-3.11.2.tgz")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Return a function that puts a shell script on PATH, ahead of all others."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory), prepend=":")

    return lambda name, text: shell_script(directory / name, text)


@pytest.fixture
def mount(tmp_path):
    """Yield a function that mounts a tmpfs and returns the Path of the directory.

    It takes mount options; called again with the directory, it changes them.
    """
    with contextlib.ExitStack() as cleanup:

        def mount(options, directory=None):
            new = directory is None
            directory = directory or tmp_path / "mounted"
            directory.mkdir(exist_ok=True)
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
            if not new:
                command = ["mount", "-o", f"remount,{options}", str(directory)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode and os.geteuid() == 0:
                pytest.skip(f"nothing can be mounted: {done.stderr.strip()}")
            if done.returncode:
                pytest.skip("only root can mount")
            if new:
                cleanup.callback(subprocess.run, ["umount", str(directory)], check=True)
            return directory

        yield mount
