"""The table of the defects, on reproducers that are made up."""

import sys
from collections import Counter
from pathlib import Path

import pytest
from threadjoin import defects, layout
from threadjoin.errors import Problem


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ({0: 1}, "no"),
        ({0: 1000}, "no"),
        ({1: 1}, "**yes**"),
        ({1: 1000}, "**yes**, 1,000 of 1,000"),
        ({0: 3, 1: 7}, "**yes**, 7 of 10"),
        ({2: 1}, "cannot tell"),
        ({0: 9, None: 1}, "cannot tell"),
        ({1: 9, -6: 1}, "cannot tell"),
    ],
)
def test_verdict(statuses, words):
    assert defects.verdict(Counter(statuses)) == words


def test_reproduce_counts_statuses(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys; sys.exit(1)")
    assert defects.reproduce(sys.executable, script, times=3, jobs=2) == {1: 3}


@pytest.mark.parametrize(("status", "runs"), [(0, 2), (1, 5)])
def test_what_shows_no_defect_is_not_run_for_long(tmp_path, monkeypatch, status, runs):
    script = tmp_path / "script.py"
    script.write_text(f"import sys; sys.exit({status})")
    monkeypatch.setattr(defects, "ENOUGH", 2)
    assert defects.reproduce(sys.executable, script, times=5) == {status: runs}


def test_what_hangs_is_stopped(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text("import signal; signal.pause()")
    monkeypatch.setattr(defects, "PATIENCE", 0.2)
    assert defects.reproduce(sys.executable, script) == {None: 1}


def test_label():
    version = ".".join(map(str, sys.version_info[:3]))
    assert defects.label(sys.executable).split()[0] == version
    with pytest.raises(Problem, match="false does not run"):
        defects.label("/bin/false")


def test_table():
    rows = [
        defects.Defect("tests/defects/one.py", "One", "Mend one", 116372),
        defects.Defect("tests/defects/two.py", "Two", "Mend two"),
    ]
    columns = {"3.11.2": ["**yes**", "no"], "3.11.2 patched": ["no", "no"]}
    patches = {
        "Mend one": {"3.11": Path("0002-one.patch"), "3.12": Path("0001-one.patch")},
        "Mend two": {"3.11": Path("0001-two.patch")},
    }
    lines = defects.table(rows, columns, patches).splitlines()
    assert lines[0] == "| defect | reproducer | mended in | 3.11.2 | 3.11.2 patched |"
    assert lines[2].startswith("| One ([116372](https://github.com/python/cpython/")
    one, two = (
        "3.11 by [0002](../patches/3.11/0002-one.patch), "
        "3.12 by [0001](../patches/3.12/0001-one.patch)",
        "3.11 by [0001](../patches/3.11/0001-two.patch)",
    )
    assert lines[2].endswith(f"| [one](../tests/defects/one.py) | {one} | **yes** | no |")
    assert lines[3] == f"| Two | [two](../tests/defects/two.py) | {two} | no | no |"


def test_what_mends_a_defect_is_in_a_series():
    mended_by = {defect.mended_by for defect in defects.load()}
    # One that the bases have not, but later versions do, needs no patch.
    assert mended_by - {""} <= set(defects.subjects())


def test_every_reproducer_is_listed_and_there():
    listed = {layout.ROOT / defect.script for defect in defects.load()}
    there = set((layout.ROOT / "tests" / "defects").glob("*.py"))
    assert there <= listed
    assert all(path.is_file() for path in listed)


def test_a_patched_interpreter_with_a_defect_is_a_problem(monkeypatch):
    monkeypatch.setattr(defects, "label", lambda python: python)
    monkeypatch.setattr(
        defects, "reproduce", lambda python, *rest: Counter({python == "ill": 1})
    )
    defects.main(["ill", "3.11.2 patched"])
    monkeypatch.setattr(defects, "label", lambda python: f"{python} patched")
    with pytest.raises(Problem, match="ill patched has a defect"):
        defects.main(["ill"])
