"""Reports of sanitizers are collected, compared and judged."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from faketests import junit, write_tests
from threadjoin.building import identity, interpreter
from threadjoin.commands import sanitizers
from threadjoin.core import layout
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.proof import pages
from threadjoin.proof.regrtest import runner
from threadjoin.proof.sanitizers import results, runs
from threadjoin.series import catalog

#: Writes a report about a function and a file, as a sanitizer does.
REPORT = """
options = dict(pair.split("=") for pair in os.environ["XSAN_OPTIONS"].split(":"))
with open(options["log_path"] + ".1", "a") as log:
    print("WARNING: ThreadSanitizer: data race (pid=1)", file=log)
    print("  Write of size 8 at 0x5 by main thread:", file=log)
    print("    #0 {0} ../src/{1}:5 (python+0x2)", file=log)
"""
OLD = REPORT.format("old", "Python/ceval.c")
NEW = REPORT.format("new", "Python/ceval.c")
OURS = REPORT.format("f", "Python/event.c")
FILES = {"Python/event.c"}

TEST = "test.t.C.b"
CASE = f'<testcase name="{TEST}" />'
BAD = f'<testcase name="{TEST}"><failure>x</failure></testcase>'

TOOL = runs.Sanitizer("xsan", "XSAN_OPTIONS", "a=b", (), 60, ())


@pytest.fixture
def compare(tmp_path, program):
    """Return a function that runs two files; it returns new reports and all results."""

    # A test may replace runs.run.
    measure = runs.run

    def run(stock, patched, rounds=4):
        pythons = []
        for role, script in (("stock", stock), ("patched", patched)):
            place = write_tests(tmp_path / f"{role}-tests", {"test_a": script})
            command = f'PYTHONPATH={place["PYTHONPATH"]} exec {sys.executable} "$@"'
            path = program(role, command)
            pythons.append(identity.Python(role, path, "3.11.2", role))
        result, places = measure(
            TOOL,
            pythons,
            {},
            ["test_a"],
            Progress(),
            tmp_path / "h",
            rounds=rounds,
        )
        return runs.new_reports(result, places, FILES), result, places

    return run


def id_of(function, file):
    return f"report: data race: {function} ({file})"


def test_reports_of_both_are_not_new(compare):
    found, result, places = compare(OLD, OLD + OLD)
    assert not found
    assert list(places["patched"].reports) == [id_of("old", "Python/ceval.c")]
    assert not result.differences


def test_reports_of_patched_alone_are_new(compare):
    found, _, places = compare(OLD, OLD + NEW)
    assert found == {id_of("new", "Python/ceval.c"): "not on stock; again in 4 of 4"}
    assert "WARNING" in places["patched"].reports[id_of("new", "Python/ceval.c")].text


def test_once_is_enough(compare, tmp_path):
    mark = tmp_path / "mark"
    once = f"m = {str(mark)!r}\nif not os.path.exists(m):\n open(m, 'w')"
    once += NEW.replace("\n", "\n ")
    found = compare("", once)[0]
    assert found == {id_of("new", "Python/ceval.c"): "not on stock; again in 0 of 4"}


def test_reports_that_stock_has_sometimes_are_not_new(compare, tmp_path):
    mark = tmp_path / "mark"
    later = f"m = {str(mark)!r}\nif not os.path.exists(m): open(m, 'w'); sys.exit()\n"
    assert compare(later + NEW, NEW)[0] == {}


def test_reports_of_stock_alone_do_not_count(compare):
    found, result, places = compare(OLD, "")
    assert not found
    # Nor are they repeated: each round of stock takes minutes.
    assert not result.differences
    assert len(list((places["stock"].directory / "reports").iterdir())) == 1


def test_a_report_on_a_file_of_the_series_counts(compare):
    found = compare(OURS, OURS)[0]
    assert found == {id_of("f", "Python/event.c"): "in a file that the series adds"}


def outcome_of(found, result, places, excuses=(), gone=()):
    data = {"sanitizers": {"excused": dict(excuses)}, "gone": dict(gone)}
    return results.Outcome.of("xsan", result, places, found, data)


def test_the_printed_summary(compare):
    outcome = outcome_of(
        *compare(OLD, OLD + NEW + OURS), {"data race: f ": "it is no race"}
    )
    assert list(outcome.explain()) == [
        "xsan: 1 reports on both",
        "    data race: old (Python/ceval.c)",
        "xsan: 0 reports only on stock",
        "xsan: 2 reports only on patched",
        "    data race: f (Python/event.c)",
        "    data race: new (Python/ceval.c)",
        "xsan: excused: data race: f (Python/event.c): not on stock; again in 4 of 4: "
        "it is no race",
        "xsan: new: data race: new (Python/ceval.c): not on stock; again in 4 of 4",
    ]
    assert outcome.status == 1


def test_excused_reports_do_not_count(compare):
    outcome = outcome_of(*compare(OLD, OLD + NEW), {"data race: new ": "why"})
    assert outcome.status == 0


BROKEN = "print('test_b ... ok')\nsys.exit(2)"


@pytest.mark.parametrize(
    ("stock", "patched", "known", "status"),
    [
        ("", BROKEN, "worse: test_a: passed on stock, failed on patched; again: ", 1),
        (BROKEN, "", "better: test_a: failed on stock, passed on patched; again: ", 0),
        (BROKEN, BROKEN, "fails on both: test_a", 0),
        (junit(CASE), "", f"only on stock: test_a::{TEST}: passed (not expected)", 1),
        ("", junit(BAD), f"worse: test_a::{TEST}: fails, and only patched has it", 1),
    ],
)
def test_tests_that_differ_are_listed_and_count(compare, stock, patched, known, status):
    found, result, places = compare(stock, patched)
    assert not found
    outcome = outcome_of(found, result, places)
    assert [line for line in outcome.known if line.startswith(known)]
    assert outcome.status == status
    assert not runs.idle(["test_a"], places)


def test_a_test_that_the_series_removes_does_not_count(compare):
    gone = {f"test_a::{TEST}": "its subject is gone"}
    assert outcome_of(*compare(junit(CASE), ""), gone=gone).status == 0


def test_reports_are_no_tests(compare):
    # A report of one interpreter alone is neither a missing test nor one that fails.
    outcome = outcome_of(*compare(OLD, NEW), {"data race: new ": "why"})
    assert outcome.status == 0
    assert [line.partition(":")[0] for line in outcome.known] == ["excused"]


@pytest.mark.parametrize(
    "script", ["os.abort()", "print('1 test skipped:'); sys.exit()"]
)
def test_a_file_of_which_nothing_passes_tells_nothing(compare, script):
    places = compare(script, script)[2]
    units = runs.idle(["test_a"], places)
    assert [unit.partition(",")[0] for unit in units] == [
        "test_a (stock",
        "test_a (patched",
    ]


def test_an_excuse_matches_whole_words_at_the_start():
    excuses = {"data race: f \\(": "why"}
    assert results.excuse("report: data race: f (x.c)", excuses) == "why"
    assert results.excuse("report: data race: ff (x.c)", excuses) is None
    assert results.excuse("report: leak: data race: f (x.c)", excuses) is None


def test_our_own_tests_run_on_the_interpreter_under_test(tmp_path):
    place, unit = our_own(tmp_path, "patched")
    command = place.command(unit, tmp_path / "report")
    assert f"--junit-xml={tmp_path / 'report'}" in command
    assert command[1:3] == ["-m", "pytest"]
    assert Path(command[-1]) == layout.ROOT / unit
    environment = place.environment(unit, str(tmp_path))
    assert environment["THREADJOIN_STOCK"] == "/debug"
    assert environment["THREADJOIN_PATCHED"] == "/sanitized"
    written = tmp_path / "reports" / "tests_integration_test_joining.py-1" / "report"
    assert environment["XSAN_OPTIONS"] == f"a=b:log_path={written}"


def our_own(tmp_path, role):
    """Return a Place for *role*, and a file of tests of ours to run there."""
    settings = runner.Settings(timeout=5)
    others = {"stock": "/debug", "patched": "/debug"}
    python = identity.Python(role, "/sanitized", "3.11.2", role)
    place = runs.Place(TOOL, python, others, tmp_path, settings)
    return place, "tests/integration/test_joining.py"


@pytest.mark.parametrize(
    ("role", "passed", "failed", "status", "outcome"),
    [
        # Under a sanitizer the tests are slow and may fail: only the reports count.
        ("patched", ["a[patched-3]"], ["b[patched]", "c"], 1, "passed"),
        ("stock", ["a[stock]"], [], 0, "passed"),
        ("patched", ["a"], [], 0, "passed"),
        # Tests that pass on the other interpreter, which is sound.
        ("patched", ["a[stock]"], ["a[patched]"], 1, "failed"),
        ("stock", ["a[patched]", "b"], ["a[stock]"], 1, "failed"),
        ("patched", ["a[stock]"], ["b"], 1, "failed"),
        ("patched", [], ["a"], 1, "failed"),
        ("patched", [], [], 0, "failed"),
        *[("patched", ["a"], [], status, "failed") for status in (None, 2, 4, 5)],
    ],
)
def test_our_own_tests_have_to_run(tmp_path, role, passed, failed, status, outcome):
    place, unit = our_own(tmp_path, role)
    place.environment(unit, str(tmp_path))
    report = tmp_path / "report.xml"
    cases = [f'<testcase name="{name}" />' for name in passed]
    cases += [f'<testcase name="{name}"><error /></testcase>' for name in failed]
    report.write_text(f"<testsuites>{''.join(cases)}</testsuites>")
    assert place.outcomes(unit, status, "", report) == {unit: outcome}
    assert (unit in place.ran) == (outcome == "passed")


@pytest.fixture
def command(compare, monkeypatch, tmp_path):
    """Return a function that runs the command, on two files that are made up."""
    tools = {name: replace(TOOL, name=name, tests=("test_a",)) for name in ("x", "y")}
    monkeypatch.setattr(runs, "load", lambda: tools)
    monkeypatch.setattr(results, "HOME", tmp_path / "h")
    monkeypatch.setattr(runner.devenv, "ensure", lambda progress: None)
    built = {"patched": sys.executable}
    monkeypatch.setattr(sanitizers, "_build", lambda *rest: built)
    monkeypatch.setattr(sanitizers.identity, "identify", lambda *rest: None)
    monkeypatch.setattr(runner, "available", lambda python: ["test_a"])

    def run(stock, patched, *argv):
        monkeypatch.setattr(runs, "run", lambda *rest: compare(stock, patched)[1:])
        return sanitizers.main(list(map(str, argv)))

    return run


def test_the_status(command, capsys):
    assert command("", "", "x") == 0
    assert command("", BROKEN, "x") == 1
    assert command("", NEW, "x", "y") == 1
    said = capsys.readouterr().out
    assert "\ny: new: data race: new" in said and "\nWARNING: ThreadSanitizer" in said


def test_a_file_that_is_not_there_is_said_before_anything_is_built(
    command, monkeypatch
):
    monkeypatch.setattr(runner.devenv, "ensure", None)
    monkeypatch.setattr(sanitizers, "_build", None)
    with pytest.raises(Problem, match="there is no tests/integration/test_none.py"):
        command("", "", "x", "--test", "tests/integration/test_none.py")


def test_a_file_of_which_nothing_passes_is_a_problem(command, tmp_path):
    page = tmp_path / "page.md"
    command("", "", "y")
    one = r"x: test_a \({}, see .*test_a.log\)"
    both = f"{one.format('stock')}, {one.format('patched')}"
    with pytest.raises(Problem, match=f"^no test has passed of {both}$"):
        command("os.abort()", "os.abort()", "x", "--table", page)
    # It is not in the table either.
    assert "- not run: `x`" in page.read_text()


def test_the_page_has_what_was_run_one_after_another(command, monkeypatch, tmp_path):
    # By this clock files take no time, even on a busy machine.
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: 1))
    page = tmp_path / "page.md"
    with pytest.raises(Problem, match="nothing has been run yet; name a sanitizer"):
        command("", "", "--table", page)
    command(OLD, NEW.replace("new", "<null>"), "y")
    command(OLD, "", "y", "--test", "test_a")
    assert command(OLD, OLD, "x", "--table", page) == 0
    text = page.read_text()
    assert "\n| `x` | 1 | 0 | 0 | 0 | 0 s | 0 s |\n" in text
    assert "\n| `y` | 0 | 1 | 1 | 1 | 0 s | 0 s |\n" in text
    assert "\n- `y`, new: data race: &lt;null&gt; (Python/ceval.c): not on " in text
    assert text.count(pages.measured()[0]) == 1
    assert "of GCC, runs 1 files of tests on both, 1 of CPython's and 0 of" in text
    before = page.read_text()
    assert command("", "", "--table", page) == 0
    assert page.read_text() == before


def test_a_result_of_an_older_version_is_refused(command, tmp_path):
    command("", "", "x")
    (tmp_path / "h" / "3.11" / "x" / "result.json").write_text('{"name": "x"}')
    with pytest.raises(Problem, match="x/result.json is too old; run x again"):
        command("", "", "--table", tmp_path / "page.md")


@pytest.mark.parametrize("unit", ["test_nosuch", "tests/integration/test_nosuch.py"])
def test_an_unknown_test_is_refused(command, unit):
    with pytest.raises(Problem, match=f"no {unit}; "):
        command("", "", "x", "--test", unit)


def test_files_that_the_series_adds():
    files = runs.added_files(catalog.load_series())
    assert {"Python/event.c", "Modules/_threadhandle.c"} <= files
    assert "Python/pystate.c" not in files


def test_each_has_a_variant_and_each_excuse_a_reason():
    tools = runs.load()
    assert list(tools) == ["tsan", "asan", "ubsan"]
    for name, tool in tools.items():
        assert name in interpreter.VARIANTS
        assert "log_path" not in tool.options
    data = runner.load()["sanitizers"]
    assert all(data["excused"].values())
    arguments = {word for tool in tools.values() for word in tool.arguments}
    assert arguments - {"-i"} <= data["left out"].keys()
    assert not set(data["tests"]) & data["left out"].keys()
    assert all(data["left out"].values())
