"""What the hunter of leaks says is understood, and fails."""

import pytest
from faketests import write_tests
from threadjoin import refleaks
from threadjoin.errors import Problem

LEAKED = (
    "test_a leaked [1, 1, 1] references, sum=3\\n"
    "test_a leaked [2, 0, 1] memory blocks, sum=3"
)


@pytest.fixture
def python(tmp_path, program):
    """An interpreter that has these tests."""

    def make(files):
        path = write_tests(tmp_path / "fake", files)["PYTHONPATH"]
        return program("python", f'PYTHONPATH={path} exec python3 "$@"')

    return make


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(refleaks, "HOME", tmp_path / "refleaks")


def hunt(*argv):
    refleaks.main([*map(str, argv), "--jobs", "1"])


def test_no_leak(python, capsys):
    hunt(python({"test_a": "", "test_b": ""}), "test_a", "test_b -m X")
    said = capsys.readouterr().out
    assert "test_a: no leak\ntest_b -m X: no leak\n" in said


def test_a_leak(python):
    files = {"test_a": f"print('{LEAKED}'); sys.exit(2)"}
    with pytest.raises(Problem) as caught:
        hunt(python(files), "test_a")
    assert str(caught.value) == (
        "test_a: [1, 1, 1] references, sum=3; test_a: [2, 0, 1] memory blocks, sum=3"
    )


def test_a_failure_is_none_of_no_leak(python):
    with pytest.raises(Problem, match="test_a: failed, see .*test_a.log"):
        hunt(python({"test_a": "sys.exit(2)"}), "test_a")


def test_runs_are_repeated_and_no_report_is_kept(python):
    python = python({"test_a": "assert '-R 3:3' in ' '.join(arguments) and not report"})
    hunt(python, "test_a")


def test_the_part_that_ci_runs(python, capsys, monkeypatch):
    data = {"refleaks": {"whole": ["test_a"], "ci": ["test_b"]}}
    monkeypatch.setattr(refleaks.regrtest, "load", lambda: data)
    python = python({"test_a": "", "test_b": ""})
    hunt(python, "--ci")
    assert "test_a" not in capsys.readouterr().out
    hunt(python)
    assert "test_a: no leak" in capsys.readouterr().out


def test_an_interpreter_named_from_here(python, tmp_path, monkeypatch):
    path = python({"test_a": ""})
    monkeypatch.chdir(path.parent)
    hunt(path.name, "test_a")
