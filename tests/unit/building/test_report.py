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


@pytest.mark.parametrize(
    "stock, patched",
    [
        ((PASSED, "race"), (PASSED, "no race")),
        # Failures of stock, and tests that were not run.
        ((FAILED, "race"), (None, None)),
        ((None, None), (PASSED, "no race")),
    ],
)
def test_a_race_on_stock_alone_is_no_complaint(result, stock, patched):
    results = [result("stock", *stock), result("patched", *patched)]
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
