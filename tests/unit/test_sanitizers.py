"""Reports of sanitizers are collected, compared and judged."""

import sys
from pathlib import Path

import pytest
from faketests import write_tests
from threadjoin import downstream_env, layout, regrtest, sanitizers
from threadjoin.progress import Progress

#: Writes a report about the function and file, as a sanitizer would.
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

TOOL = sanitizers.Sanitizer("xsan", "XSAN_OPTIONS", "a=b", (), 60, ())


@pytest.fixture
def compare(tmp_path, program):
    """A function that runs two files and returns what is new, and all that came."""

    def run(stock, patched, rounds=4):
        pythons = []
        for role, script in (("stock", stock), ("patched", patched)):
            place = write_tests(tmp_path / f"{role}-tests", {"test_a": script})
            command = f'PYTHONPATH={place["PYTHONPATH"]} exec {sys.executable} "$@"'
            path = program(role, command)
            pythons.append(downstream_env.Python(role, path, "3.11.2", role))
        result, places = sanitizers.run(
            TOOL,
            pythons,
            {},
            ["test_a"],
            Progress(),
            rounds=rounds,
            home=tmp_path / "h",
        )
        return sanitizers.new_reports(result, places, FILES), result, places

    return run


def id_of(function, file):
    return f"report: data race: {function} ({file})"


def test_what_both_have_is_not_new(compare):
    found, result, places = compare(OLD, OLD + OLD)
    assert not found
    assert list(places["patched"].reports) == [id_of("old", "Python/ceval.c")]
    assert not result.differences


def test_what_only_patched_has_is_new(compare):
    found, _, places = compare(OLD, OLD + NEW)
    assert found == {id_of("new", "Python/ceval.c"): "not on stock; again in 4 of 4"}
    assert "WARNING" in places["patched"].reports[id_of("new", "Python/ceval.c")].text


def test_once_is_enough(compare, tmp_path):
    mark = tmp_path / "mark"
    once = f"m = {str(mark)!r}\nif not os.path.exists(m):\n open(m, 'w')"
    once += NEW.replace("\n", "\n ")
    found = compare("", once)[0]
    assert found == {id_of("new", "Python/ceval.c"): "not on stock; again in 0 of 4"}


def test_what_stock_has_sometimes_is_not_new(compare, tmp_path):
    mark = tmp_path / "mark"
    later = f"m = {str(mark)!r}\nif not os.path.exists(m): open(m, 'w'); sys.exit()\n"
    assert compare(later + NEW, NEW)[0] == {}


def test_what_only_stock_has_is_not_held_against_patched(compare):
    found, result, places = compare(OLD, "")
    assert not found
    # Nor repeated: each round of stock takes minutes.
    assert not result.differences
    assert len(list((places["stock"].directory / "reports").iterdir())) == 1


def test_what_is_about_a_file_of_the_series_is_held_against_it(compare):
    found = compare(OURS, OURS)[0]
    assert found == {id_of("f", "Python/event.c"): "in a file that the series adds"}


def test_how_it_is_told(compare):
    found, result, places = compare(OLD, OLD + NEW + OURS)
    excuses = {"data race: f ": "it is no race"}
    lines = list(sanitizers.explain("xsan", result, places, found, excuses))
    assert lines[:5] == [
        "xsan: 1 reports on both",
        "    data race: old (Python/ceval.c)",
        "xsan: 0 reports only on stock",
        "xsan: 2 reports only on patched",
        "    data race: f (Python/event.c)",
    ]
    assert "it is no race" in lines
    (new,) = (line for line in lines if line.startswith("xsan: new: "))
    assert new.startswith("xsan: new: data race: new (Python/ceval.c): not on stock")
    assert lines[lines.index(new) + 1].startswith("WARNING: ThreadSanitizer")


def test_a_difference_between_the_tests_is_told(compare):
    found, result, places = compare("", "sys.exit(2)")
    assert not found
    lines = list(sanitizers.explain("xsan", result, places, found, {}))
    assert [line for line in lines if "worse" in line] == [
        "xsan: worse: test_a: passed on stock, failed on patched; "
        "again: stock 4/4, patched 0/4"
    ]


def test_excuses_are_of_whole_beginnings():
    excuses = {"data race: f \\(": "why"}
    assert sanitizers.excuse("report: data race: f (x.c)", excuses) == "why"
    assert sanitizers.excuse("report: data race: ff (x.c)", excuses) is None
    assert sanitizers.excuse("report: leak: data race: f (x.c)", excuses) is None


def test_our_own_tests_get_the_interpreter_that_is_their_turn(tmp_path):
    settings = regrtest.Settings(timeout=5)
    others = {"stock": "/debug", "patched": "/sanitized"}
    place = sanitizers.Place(TOOL, others, "/sanitized", tmp_path, settings)
    unit = "tests/integration/test_joining.py"
    command = place.command(unit, tmp_path / "report")
    assert command[1:3] == ["-m", "pytest"]
    assert Path(command[-1]) == layout.ROOT / unit
    environment = place.environment(unit, str(tmp_path))
    assert environment["THREADJOIN_STOCK"] == "/debug"
    assert environment["THREADJOIN_PATCHED"] == "/sanitized"
    written = tmp_path / "reports" / "tests_integration_test_joining.py-1" / "report"
    assert environment["XSAN_OPTIONS"] == f"a=b:log_path={written}"
    # They are slower than they expect to be: it is the reports that count.
    none = tmp_path / "none"
    assert place.outcomes(unit, 1, "", none) == {unit: "passed"}
    for status in (None, 2, 4, 5):
        assert place.outcomes(unit, status, "", none) == {unit: "failed"}


def test_files_that_the_series_adds():
    files = sanitizers.added_files(layout.load_series())
    assert {"Python/event.c", "Modules/_threadhandle.c"} <= files
    assert "Python/pystate.c" not in files


def test_each_has_a_variant_and_each_excuse_a_reason():
    tools = sanitizers.load()
    assert list(tools) == ["tsan", "asan", "ubsan"]
    for name, tool in tools.items():
        assert name in sanitizers.interpreter.VARIANTS
        assert "log_path" not in tool.options
    data = regrtest.load()["sanitizers"]
    assert all(data["excused"].values())
    arguments = {word for tool in tools.values() for word in tool.arguments}
    assert arguments - {"-i"} <= data["left out"].keys()
    assert not set(data["tests"]) & data["left out"].keys()
    assert all(data["left out"].values())
