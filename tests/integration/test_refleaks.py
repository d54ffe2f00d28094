"""CPython's own tests about threads leave no reference behind."""

import pytest
from threadjoin.proof import refleaks
from threadjoin.proof.outcomes import PASSED
from threadjoin.proof.regrtest import runner


@pytest.mark.parametrize(
    "part",
    [
        pytest.param("ci", marks=pytest.mark.slow),
        pytest.param("whole", marks=pytest.mark.long),
    ],
)
def test_no_reference_leaks(patched, differing, tmp_path, part):
    units = differing.units(runner.load()["refleaks"][part])
    run, place = refleaks.hunt(patched.path, units, runner.jobs(), tmp_path)
    said = {unit: place.log(unit).read_text() for unit in units}
    assert run.outcomes == dict.fromkeys(units, PASSED), said
