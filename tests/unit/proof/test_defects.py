"""The table of the defects, with made-up reproducers."""

import sys
from collections import Counter
from pathlib import Path

import pytest
from threadjoin.building import identity
from threadjoin.commands import defects as command
from threadjoin.core import layout
from threadjoin.core.errors import Problem
from threadjoin.proof import defects, pages
from threadjoin.series import catalog


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ({0: 1}, "no"),
        ({0: 1000}, "no"),
        ({1: 1}, "yes"),
        ({1: 1000}, "yes, 1,000 of 1,000"),
        ({0: 3, 1: 7}, "yes, 7 of 10"),
        ({2: 1}, "cannot tell"),
        ({0: 9, None: 1}, "cannot tell"),
        ({1: 9, -6: 1}, "cannot tell"),
    ],
)
def test_verdict(statuses, words):
    assert defects.verdict(Counter(statuses)) == words


@pytest.mark.parametrize(
    ("words", "mark"),
    [
        ("no", "–"),
        ("yes", "●"),
        ("yes, 1,000 of 1,000", "●"),
        ("yes, 7 of 10", "● 7 of 10"),
        ("cannot tell", "?"),
    ],
)
def test_mark(words, mark):
    assert defects.mark(words) == mark


def test_reproduce_counts_statuses(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys; sys.exit(1)")
    assert defects.reproduce(sys.executable, script, times=3, jobs=2) == {1: 3}


@pytest.mark.parametrize(("status", "runs"), [(0, 2), (1, 5)])
def test_a_reproducer_that_shows_no_defect_runs_fewer_times(
    tmp_path, monkeypatch, status, runs
):
    script = tmp_path / "script.py"
    script.write_text(f"import sys; sys.exit({status})")
    monkeypatch.setattr(defects, "ENOUGH", 2)
    assert defects.reproduce(sys.executable, script, times=5) == {status: runs}


def test_a_reproducer_that_hangs_is_stopped(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text("import signal; signal.pause()")
    monkeypatch.setattr(defects, "PATIENCE", 0.2)
    assert defects.reproduce(sys.executable, script) == {None: 1}


def script_that(tmp_path, text):
    script = tmp_path / "script.py"
    script.write_text(text)
    return script


@pytest.mark.parametrize(
    "text",
    ["1 / 0", "import no_such_module", "not Python", "raise KeyboardInterrupt"],
)
def test_an_uncaught_exception_is_no_defect(tmp_path, text):
    script = script_that(tmp_path, text)
    assert defects.reproduce(sys.executable, script) == {defects.UNKNOWN: 1}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("sys.exit(True)", defects.DEFECT),
        # In another thread, or where it is of no consequence, it is not the end.
        ("t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()", 0),
        ("class C:\n def __del__(self): 1 / 0\nc = C()", defects.SOUND),
        ("import atexit, os; atexit.register(os._exit, 1)", defects.DEFECT),
        ("assert [sys.path[0] + '/script.py'] == sys.argv", defects.SOUND),
        ("assert __name__ == '__main__'", defects.SOUND),
    ],
)
def test_otherwise_the_status_is_that_of_the_script(tmp_path, text, status):
    script = script_that(tmp_path, f"import sys, threading\n{text}")
    assert defects.reproduce(sys.executable, script) == {status: 1}


def test_a_reproducer_that_cannot_run_gives_no_verdict(tmp_path, monkeypatch):
    (tmp_path / "ctypes.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    script = layout.ROOT / "tests" / "defects" / "os_thread_outlives_join.py"
    assert defects.reproduce(sys.executable, script) == {defects.UNKNOWN: 1}


def made_up(path, patched=True, debug=True, version="3.11.2"):
    return identity.Python("", path, version, "", patched, debug)


def test_no_two_have_the_same_label():
    stock = made_up("a", patched=False)
    debug, release = made_up("b"), made_up("c", debug=False)
    assert defects.labels([stock, debug]) == ["3.11.2", "3.11.2 patched"]
    assert defects.labels([stock, release, debug, debug]) == [
        "3.11.2",
        "3.11.2 patched, release",
        "3.11.2 patched, debug (3)",
        "3.11.2 patched, debug (4)",
    ]


def test_columns_of_a_page_are_in_order_of_the_versions_and_the_patched_last():
    given = [
        made_up("d"),
        *(made_up("x", False, version=v) for v in ("3.12.1", "3.9.18", "3.11.2")),
    ]
    found = [python.label for python in sorted(given, key=defects.place)]
    assert found == ["3.9.18", "3.11.2", "3.12.1", "3.11.2 patched"]


def test_table():
    rows = [
        defects.Defect("tests/defects/interrupted_join.py", "One", "0200", 90882),
        defects.Defect("tests/defects/fork_from_a_dummy.py", "Two", "0260"),
        defects.Defect("tests/defects/made_up.py", "Three"),
    ]
    columns = {"3.12.1": ["yes", "no", "no"], "3.12.1 patched": ["no"] * 3}
    series = catalog.load_series("3.12")
    lines = defects.table(rows, columns, [series]).splitlines()
    head = "| defect | reproducer | mended in 3.12 by | 3.12.1 | 3.12.1 patched |"
    assert lines[0] == head
    assert lines[2].startswith("| One ([90882](https://github.com/python/cpython/")
    assert lines[2].endswith(
        "[interrupted_join](../../../tests/defects/interrupted_join.py) | "
        "[0200](../../../patches/3.12/0200-join.patch) | ● | – |"
    )
    # Upstream has mended this there.
    assert lines[3].endswith(" | CPython 3.12.2 | – | – |")
    assert lines[4].endswith(" |  | – | – |")


def test_the_patch_that_mends_a_defect_is_in_a_series():
    all_series = map(catalog.load_series, catalog.available())
    numbers = {path.name[:4] for series in all_series for path in series.patches}
    # A defect of later versions only needs no patch.
    assert {defect.mended_by for defect in defects.load()} - {""} <= numbers


def test_every_reproducer_is_listed_and_there():
    listed = {layout.ROOT / defect.script for defect in defects.load()}
    there = set((layout.ROOT / "tests" / "defects").glob("*.py"))
    assert there <= listed
    assert all(path.is_file() for path in listed)


@pytest.fixture
def ill(monkeypatch, tmp_path):
    """Return a function that runs the command; only the path "well" has no defect."""
    monkeypatch.setattr(
        defects, "reproduce", lambda python, *rest: Counter({python != "well": 1})
    )
    monkeypatch.setattr(defects.pages, "RESULTS", tmp_path / "results")

    def run(*pythons, more=()):
        known = {python.path: python for python in pythons}
        monkeypatch.setattr(identity, "identify", known.__getitem__)
        command.main([*known, *more])

    return run


def test_a_patched_interpreter_with_a_defect_is_a_problem(ill):
    ill(made_up("ill", patched=False), made_up("well"))
    with pytest.raises(Problem, match="3.11.2 patched: a defect is there"):
        ill(made_up("ill"))


def test_the_matrix_is_printed_as_marks(ill, capsys):
    ill(made_up("ill", patched=False), made_up("well"))
    lines = capsys.readouterr().out.splitlines()
    assert "repro_join_race" in lines[0] and lines[0].endswith(" yes")
    matrix = lines[lines.index("") + 1 : -2]
    assert matrix[0].split() == ["3.11.2", "3.11.2", "patched"]
    assert [row.split() for row in matrix[1:]] == [
        [Path(defect.script).stem, "●", "–"] for defect in defects.load()
    ]
    assert lines[-1] == defects.LEGEND


def test_interpreters_of_the_same_name_are_judged_one_by_one(ill):
    with pytest.raises(Problem, match=r"^3.11.2 patched, debug \(1\): a defect is "):
        ill(made_up("ill"), made_up("well"), more=["--write"])
    text = defects.pages.path("defects.md").read_text()
    assert " | 3.11.2 patched, debug (1) | 3.11.2 patched, debug (2) |\n" in text
    assert text.count("| ● | – |\n") == len(defects.load())
    assert f"\n\n{defects.LEGEND}\n\n" in text
    assert list(pages.outdated(text)) == []
    assert f"\n\n{pages.measured()[0]}\n\n" in text


@pytest.mark.parametrize("name", catalog.available())
def test_the_limits_say_what_a_series_leaves_in_early_releases(name):
    series = catalog.load_series(name)
    having = {}
    for release in series.releases:
        for left in defects.left(series, release.version):
            having.setdefault(left, []).append(release.version)
    said = " ".join((layout.ROOT / "docs" / "limits.md").read_text().split())
    for (defect, mended), versions in having.items():
        assert f"- {versions[0]} to {versions[-1]} keep the " in said
        assert f"/issues/{defect.issue})), which is fixed in {mended}." in said


def test_a_copy_without_the_tests_has_no_defects(monkeypatch, tmp_path):
    monkeypatch.setattr(defects, "DATA", tmp_path / "defects.json")
    assert defects.load() == []
