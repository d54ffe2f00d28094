"""Bugs planted in the series are found by the tests that the bug's patch names.

Some are found by programs of the soak.
"""

from dataclasses import replace

import pytest
from threadjoin.core import layout
from threadjoin.proof.mutants import plant
from threadjoin.proof.mutants.looking import BySoak, ByTests
from threadjoin.series import catalog

ALL = plant.load()
SOAKED = plant.soaked(ALL)


def survivors(chosen, way=ByTests):
    def report(mutant, found, seconds):
        print(f"{mutant.name}: {found or 'NOT FOUND'}, {seconds:.0f} s")

    return [mutant.name for mutant in plant.run(chosen, plant.JOBS, report, way)]


def test_each_still_applies():
    home = layout.BUILD / catalog.DEFAULT_SERIES / plant.VARIANT
    for mutant in ALL:
        assert plant.planted(home / "patched" / "src", mutant)
    assert len(ALL) >= 12


@pytest.mark.slow
def test_some_are_found():
    assert survivors([mutant for mutant in ALL if mutant.ci]) == []


@pytest.mark.long
def test_the_others_are_found():
    assert survivors([mutant for mutant in ALL if not mutant.ci]) == []


@pytest.mark.slow
def test_some_are_found_by_the_soak():
    assert len(SOAKED) >= 10
    quick = [mutant for mutant in SOAKED if mutant.soak.ci]
    assert quick
    assert survivors(quick, BySoak) == []


@pytest.mark.long
def test_the_others_are_found_by_the_soak():
    assert survivors([one for one in SOAKED if not one.soak.ci], BySoak) == []


@pytest.mark.parametrize("way", [ByTests, BySoak])
def test_what_is_no_bug_survives(way):
    diff = (
        "--- a/Lib/threading.py\n+++ b/Lib/threading.py\n@@ -1 +1,2 @@\n"
        "+# A comment\n"
        ' """Thread module emulating a subset of Java\'s threading model."""\n'
    )
    model = next(mutant for mutant in SOAKED if mutant.soak.ci)
    harmless = replace(model, name="harmless", plants="A comment", diff=diff)
    assert survivors([harmless], way) == ["harmless"]
