"""A tiny CPython, and a series of patches for it, as fixtures."""

import pytest
from threadjoin import layout
from tinycpython import RELEASE, pack, write, write_series


@pytest.fixture
def cpython(tmp_path):
    """A directory with the release in it."""
    return write(tmp_path / "cpython", RELEASE)


@pytest.fixture
def series(tmp_path):
    """The layout.Series for the release."""
    write_series(tmp_path / "patches")
    return layout.load_series("3.11", tmp_path / "patches")


@pytest.fixture
def tarball(tmp_path, cpython):
    """The release as a tarball."""
    return pack(cpython, tmp_path / "Python-3.11.2.tgz")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A function that puts a shell script on PATH, ahead of all others."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory), prepend=":")

    def put(name, script):
        path = directory / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put
