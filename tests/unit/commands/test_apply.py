"""The command scripts/apply."""

import json
import subprocess
import sys

import pytest
from threadjoin.commands import apply
from threadjoin.core import cli, layout
from threadjoin.series import catalog
from tinycpython import AFTER_SECOND, RELEASE, changed, read, write


@pytest.fixture
def run(series, monkeypatch, capsys):
    """Return a function that runs the command on the series of the tests.

    That returns the status, stdout and stderr.
    """
    patches = series.directory.parent
    load = catalog.load_series
    monkeypatch.setattr(
        catalog, "load_series", lambda name, _=None: load(name, patches)
    )

    def run(*argv):
        status = cli.run(apply.main, [str(word) for word in argv])
        return (status, *capsys.readouterr())

    return run


def test_it_applies_and_says_what(cpython, run):
    said = f"{cpython} (CPython 3.11.2): the series 3.11 (2 patches) "
    assert run(cpython, "--check") == (0, said + "can be applied\n", "")
    assert read(cpython) == RELEASE
    assert run(cpython) == (0, said + "is applied\n", "")
    assert read(cpython) == AFTER_SECOND
    assert run(cpython) == (0, said + "is already applied\n", "")
    assert run(cpython, "--check", "--reverse") == (0, said + "can be taken out\n", "")
    assert run(cpython, "--reverse") == (0, said + "is taken out\n", "")
    assert read(cpython) == RELEASE
    assert run(cpython, "--reverse") == (0, said + "is not in it\n", "")


def test_a_patch_that_does_not_apply_is_one_line_and_a_status(cpython, run):
    name = "Python/pystate.c"
    write(cpython, {name: changed(RELEASE[name], line15="int mine;")})
    before = read(cpython)
    for option in ((), ("--check",)):
        status, out, err = run(cpython, *option)
        assert (status, out) == (1, "")
        assert err == (
            f"error: 0002-hook.patch cannot be applied to {cpython} (CPython "
            "3.11.2): Python/pystate.c, hunk 1 (line 12) does not match; the tree "
            "is as it was\n"
        )
        assert read(cpython) == before


def test_the_version_decides_unless_a_series_is_named(cpython, run):
    write(cpython, {"Include/patchlevel.h": '#define PY_VERSION "3.12.0"\n'})
    status, _, err = run(cpython)
    assert status == 1
    assert err == "error: no series for Python 3.12; there is one for: 3.11\n"
    assert run(cpython, "--series", "3.11")[0] == 0


def test_for_an_older_version_it_lists_the_series(cpython, run):
    write(cpython, {"Include/patchlevel.h": '#define PY_VERSION "3.8.20"\n'})
    assert run(cpython) == (
        1,
        "",
        "error: no series for Python 3.8; there is one for: 3.11\n",
    )


@pytest.mark.parametrize("version", ["3.13.4", "3.14.0rc1+"])
def test_for_a_newer_version_it_lists_what_upstream_fixed(cpython, run, version):
    write(cpython, {"Include/patchlevel.h": f'#define PY_VERSION "{version}"\n'})
    status, out, err = run(cpython, "--check")
    assert status == 1
    assert err == f"error: no series for Python {version[:4]}; there is one for: 3.11\n"
    assert out.startswith("Upstream has fixed (as of 3.13.")
    fixed, _, left = out.partition("Upstream has not fixed:\n")
    assert "(gh-116372)\n" in fixed
    assert "(gh-140746)\n" in left


def test_defects_that_the_series_leaves_in_an_early_release_are_listed(
    cpython, run, series
):
    different = {"mended": {"not_the_last_thread": "3.11.4"}}
    (series.directory / "differences.json").write_text(json.dumps(different))
    said = "note: not fixed; upstream fixed it in 3.11.4: A thread cannot be started: "
    assert run(cpython, "--check")[1].splitlines()[1].startswith(said)
    assert said not in run(cpython, "--check", "--reverse")[1]
    write(cpython, {"Include/patchlevel.h": '#define PY_VERSION "3.11.4+"\n'})
    assert said not in run(cpython, "--check")[1]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("releases.json", "{", "Expecting property name"),
        ("releases.json", '{"url": "", "releases": []}', "there is no 'base'"),
        ("releases.json", '{"url": "", "releases": [{}]}', "__init__() missing"),
        ("differences.json", "[]", "argument after ** must be a mapping"),
        ("differences.json", '{"fixed": {}}', "got an unexpected keyword argument"),
        ("revision.json", "null", "argument after ** must be a mapping"),
    ],
)
def test_wrong_data_is_an_error_of_one_line(cpython, run, series, name, content, what):
    path = series.directory / name
    path.write_text(content)
    status, _, err = run(cpython, "--check")
    assert (status, err.count("\n")) == (1, 1)
    assert err.startswith(f"error: {path} is wrong: ")
    assert what in err


def test_the_executable_works_from_anywhere(tmp_path):
    command = [sys.executable, layout.ROOT / "scripts" / "apply", "no-such-tree"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no-such-tree does not exist")
