"""Bugs planted in the series are found by the tests that mutants.json names."""

import pytest
from threadjoin import layout, mutants

ALL = mutants.load()


def survivors(chosen):
    def report(mutant, found, seconds):
        print(f"{mutant.name}: {'found' if found else 'NOT FOUND'}, {seconds:.0f} s")

    return [mutant.name for mutant in mutants.run(chosen, mutants.JOBS, report)]


def test_each_still_applies():
    home = layout.BUILD / layout.DEFAULT_SERIES / mutants.VARIANT
    for mutant in ALL:
        assert mutants.planted(home / "patched" / "src", mutant)
    assert len(ALL) >= 12


@pytest.mark.slow
def test_some_are_found():
    assert survivors([mutant for mutant in ALL if mutant.ci]) == []


@pytest.mark.long
def test_the_others_are_found():
    assert survivors([mutant for mutant in ALL if not mutant.ci]) == []


def test_what_is_no_bug_survives():
    test = ALL[0].tests
    edit = mutants.Edit("Lib/threading.py", "# Main class for threads", "# Threads")
    harmless = mutants.Mutant("harmless", "A comment", (edit,), test)
    assert survivors([harmless]) == ["harmless"]
