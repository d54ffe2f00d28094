"""Differences between two runs, and telling them from flaky tests."""

import pytest
from threadjoin.proof.compare import BETTER, WORSE, differences, fisher, repeat
from threadjoin.proof.outcomes import Run

STOCK = {"same": "passed", "breaks": "passed", "mends": "failed", "skips": "passed"}
PATCHED = {"same": "passed", "breaks": "failed", "mends": "passed", "skips": "skipped"}


def by_test(found):
    return {difference.test: difference for difference in found}


def test_the_same_outcomes_do_not_differ():
    assert differences(STOCK, STOCK) == []


def test_each_difference_has_its_kind():
    found = by_test(differences(STOCK, PATCHED))
    kinds = {test: difference.kind for test, difference in found.items()}
    assert kinds == {"breaks": WORSE, "mends": BETTER, "skips": WORSE}


def test_a_test_that_vanishes_has_regressed():
    (found,) = differences({"a": "passed"}, {})
    assert (found.kind, found.patched) == (WORSE, "skipped")


def test_a_test_that_fails_on_patched_only_has_regressed():
    (found,) = differences({}, {"crash": "failed"})
    assert found.kind == WORSE


def test_a_test_that_is_skipped_or_absent_is_the_same():
    assert differences({"a": "skipped"}, {}) == []


@pytest.mark.parametrize(
    "low, high, rounds, chance",
    [(0, 4, 4, 1 / 70), (4, 4, 4, 1.0), (0, 3, 3, 1 / 20), (0, 0, 5, 1.0)],
)
def test_the_chance_is_that_of_fisher(low, high, rounds, chance):
    assert fisher(low, high, rounds) == pytest.approx(chance)


class FakePlace:
    """Gives one outcome after another for the unit's only test."""

    def __init__(self, *outcomes):
        self._outcomes = list(outcomes)
        self.ran = []

    def run(self, units):
        self.ran += units
        return Run({"test": self._outcomes[len(self.ran) - 1]})


def judged(stock, patched, rounds=10):
    found = differences({"test": "passed"}, {"test": "failed"})
    places = {"stock": FakePlace(*stock), "patched": FakePlace(*patched)}
    repeat(found, places, {"unit": {"test"}, "other": {"more"}}, rounds)
    return found[0], places


def test_a_difference_in_every_repetition_stands():
    found, places = judged(["passed"] * 10, ["failed"] * 10)
    assert found.stands
    assert found.good == {"stock": 4, "patched": 0}
    assert places["stock"].ran == places["patched"].ran == ["unit"] * 4


def test_a_difference_that_does_not_recur_is_flaky():
    found, places = judged(["passed"] * 10, ["passed"] * 10)
    assert not found.stands
    assert found.rounds == 5


def test_failures_now_and_then_on_both_are_flaky():
    mixed = ["passed", "failed"] * 5
    found, places = judged(mixed, mixed)
    assert not found.stands
    assert found.rounds == 10


def test_without_repetitions_nothing_is_run_or_decided():
    found, places = judged([], [], rounds=0)
    assert not found.stands
    assert places["stock"].ran == []


def test_a_difference_tells_its_counts():
    found, _ = judged(["passed"] * 10, ["failed"] * 10)
    assert str(found) == (
        "test: passed on stock, failed on patched; again: stock 4/4, patched 0/4"
    )
