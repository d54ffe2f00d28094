"""Compiling the C files of the project."""

import os
import subprocess

import pytest
from threadjoin.core import process
from threadjoin.core.errors import Problem
from threadjoin.host import csource, packages

needs_compiler = pytest.mark.skipif(
    not packages.compiler(), reason="no C compiler is here"
)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "five.c"
    path.write_text("int main(void) { return NUMBER; }\n")
    return path


@needs_compiler
def test_a_file_compiles(source, tmp_path):
    output = tmp_path / "a" / "directory" / "five"
    for number in (5, 6):
        options = [f"-DNUMBER={number}"]
        assert csource.compiled(source, output, options, "five") == output
        assert subprocess.run([output], check=False).returncode == number
    # No temporary file is left.
    assert sorted(os.listdir(output.parent)) == ["five", "five.log"]


@needs_compiler
def test_a_file_that_does_not_compile(source, tmp_path):
    output = tmp_path / "five"
    csource.compiled(source, output, ["-DNUMBER=5"], "five")
    with pytest.raises(process.Failed, match=r"compiling five failed .*five\.log"):
        csource.compiled(source, output, [], "five")
    assert "NUMBER" in (tmp_path / "five.log").read_text()
    # The program that was there before can still be used.
    assert subprocess.run([output], check=False).returncode == 5


def test_no_compiler(source, tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "compiler", list)
    words = "no C compiler for the number five; install gcc, or set CC"
    with pytest.raises(Problem, match=words):
        csource.compiled(source, tmp_path / "five", [], "the number five")
