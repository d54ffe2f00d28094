"""The output of the leak hunter is understood, and a leak fails."""

import re

import pytest
from faketests import write_tests
from threadjoin.commands import refleaks as command
from threadjoin.core.errors import Problem
from threadjoin.proof import pages, refleaks
from tinycpython import write

LEAKED = (
    "test_a leaked [1, 1, 1] references, sum=3\\n"
    "test_a leaked [2, 0, 1] memory blocks, sum=3"
)


@pytest.fixture
def python(tmp_path, program):
    """Return a function that makes an interpreter with the given tests."""

    def make(files, debug=True):
        path = write_tests(tmp_path / "fake", files)["PYTHONPATH"]
        # As a debug build has it.
        counts = "import sys; sys.gettotalrefcount = int\n" if debug else ""
        write(tmp_path / "fake", {"sitecustomize.py": counts})
        return program("python", f'PYTHONPATH={path} exec python3 "$@"')

    return make


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(refleaks, "HOME", tmp_path / "refleaks")


def hunt(*argv):
    command.main([*map(str, argv), "--jobs", "1"])


def test_no_leak(python, capsys):
    hunt(python({"test_a": "", "test_b": ""}), "test_a", "test_b -m X")
    said = capsys.readouterr().out
    assert re.search(r"^test_a +0 +none +\d+ s$", said, re.MULTILINE)
    assert re.search(r"^test_b -m X +0 +none +\d+ s$", said, re.MULTILINE)


def test_a_leak(python):
    files = {"test_a": f"print('{LEAKED}'); sys.exit(2)"}
    with pytest.raises(Problem) as caught:
        hunt(python(files), "test_a")
    assert str(caught.value) == (
        "test_a: [1, 1, 1] references, sum=3; test_a: [2, 0, 1] memory blocks, sum=3"
    )


def test_a_failed_test_is_not_reported_as_without_leaks(python):
    with pytest.raises(Problem, match="test_a: failed, see .*test_a.log"):
        hunt(python({"test_a": "sys.exit(2)"}), "test_a")


def test_runs_are_repeated_and_no_report_is_kept(python):
    python = python({"test_a": "assert '-R 3:3' in ' '.join(arguments) and not report"})
    hunt(python, "test_a")


def test_bad_arguments_are_refused_before_any_run(python):
    with pytest.raises(Problem, match="^/none/python does not run .No such file"):
        hunt("/none/python")
    path = python({"test_a": ""})
    with pytest.raises(Problem, match=f"^{path} has no test_nosuch; "):
        hunt(path, "test_a", "test_nosuch")
    path = python({"test_a": ""}, debug=False)
    with pytest.raises(Problem, match="counts no references; name a debug build$"):
        hunt(path, "test_a")
    assert not refleaks.HOME.exists()


def test_the_page(python, tmp_path):
    ran = "print('Ran 1200 tests in 3s\\n\\nOK\\n' * 6)"
    page = tmp_path / "page.md"
    hunt(python({"test_a": ran}), "test_a", "--table", page)
    text = page.read_text()
    assert text.startswith("# References\n")
    assert f"\n{pages.measured()[0]}\n" in text
    assert re.search(r"\n\| test_a \| 1,200 \| none \| \d+ s \|\n", text)
    assert "\nNot run: `test_fork1`.\n" in text
    files = {"test_a": f"print('{LEAKED}'); sys.exit(2)"}
    with pytest.raises(Problem):
        hunt(python(files), "test_a", "--table", page)
    assert "| 0 | test_a: [1, 1, 1] references, sum=3; test_a: [" in page.read_text()


def test_an_interpreter_named_from_here(python, tmp_path, monkeypatch):
    path = python({"test_a": ""})
    monkeypatch.chdir(path.parent)
    hunt(path.name, "test_a")
