"""CPython's own tests about threads: the same outcomes on both, and no leak.

The whole of them is for scripts/regrtest-diff; here are the parts that
tests/regrtest/tests.json has for CI, and all those that are to have no leak.
"""

import pytest
from threadjoin import downstream_env, refleaks, regrtest, regrtest_known, regrtestdiff
from threadjoin.downstream_run import PASSED
from threadjoin.progress import Progress


@pytest.mark.slow
def test_nothing_is_worse_on_patched(stock, patched, tmp_path, monkeypatch):
    monkeypatch.setattr(regrtest, "HOME", tmp_path)
    data = regrtest.load()
    pythons = [
        downstream_env.identify(python.name, python.path) for python in (stock, patched)
    ]
    settings = regrtest.Settings(regrtest.jobs(), regrtestdiff.TIMEOUT)
    known = regrtest_known.Known(tmp_path / "known", pythons, settings)
    units = data["threading"]
    places = regrtestdiff.run(pythons, units, settings, Progress(), known)
    result = regrtestdiff.judge(
        pythons, places, known.runs(units), Progress(), regrtestdiff.REPEAT
    )
    said = "\n".join(regrtestdiff.explain(result, data))
    assert not result.worse(data["gone"]), said
    for role in regrtestdiff.ROLES:
        assert result.files[role].get(PASSED, 0) == len(units), said
        assert result.cases[role][PASSED] > 500, said


@pytest.mark.parametrize(
    "part",
    [
        pytest.param("ci", marks=pytest.mark.slow),
        pytest.param("whole", marks=pytest.mark.long),
    ],
)
def test_no_reference_leaks(patched, tmp_path, part):
    units = regrtest.load()["refleaks"][part]
    run, place = refleaks.hunt(patched.path, units, regrtest.jobs(), tmp_path)
    said = {unit: place.log(unit).read_text() for unit in units}
    assert run.outcomes == dict.fromkeys(units, PASSED), said
