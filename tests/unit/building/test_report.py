"""The summary at the end of a build."""

import pytest
from threadjoin.building import interpreter, report, selftest

PASSED = selftest.Tests(True, 9, 1, ())
FAILED = selftest.Tests(False, 9, 1, ("test_a",))


@pytest.fixture
def result(tmp_path):
    """Return a function that makes a Result."""

    def make(kind, tests, verdict):
        variant = interpreter.VARIANTS["debug"]
        one = interpreter.Interpreter(kind, tmp_path, variant)
        return report.Result(one, tests, verdict)

    return make


def test_a_race_on_stock_alone_is_no_complaint(result):
    results = [result("stock", PASSED, "race"), result("patched", PASSED, "no race")]
    assert report.complaints(results) == []


@pytest.mark.parametrize(
    "kind, tests, verdict, complaint",
    [
        ("patched", FAILED, "no race", "patched fails test_threading, see "),
        (
            "patched",
            PASSED,
            "race",
            "reproducer says of patched: race, where it should",
        ),
        ("patched", PASSED, "not carried out", "of patched: not carried out, where"),
        ("stock", PASSED, "no race", "of stock: no race, where it should say: race"),
        ("stock", PASSED, "not carried out", "of stock: not carried out, where it"),
    ],
)
def test_anything_else_is_a_complaint(result, kind, tests, verdict, complaint):
    (found,) = report.complaints([result(kind, tests, verdict)])
    assert complaint in found


def test_failures_of_stock_are_no_complaint(result):
    assert report.complaints([result("stock", FAILED, "race")]) == []


def test_tests_that_were_not_run_are_no_complaint(result):
    results = [result("stock", None, None), result("patched", None, None)]
    assert report.complaints(results) == []


def test_the_table_has_paths_counts_and_verdicts(result, tmp_path):
    results = [result("stock", PASSED, "race"), result("patched", None, None)]
    assert report.table(results) == [
        f"stock: {tmp_path}/stock/obj/python",
        "    test_threading: passed (9 run, 1 skipped)",
        "    join race:      race",
        f"patched: {tmp_path}/patched/obj/python",
        "    test_threading: not run",
        "    join race:      not run",
    ]


def test_the_report_says_that_stock_was_not_built(result):
    lines = report.table([result("patched", PASSED, "no race")])
    assert lines[-1] == "stock: not built, its race not shown"
    assert "not built" not in report.table([result("stock", PASSED, "race")])[-1]
