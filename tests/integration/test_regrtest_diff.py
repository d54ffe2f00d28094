"""CPython's own tests about threads: the same outcomes on both.

scripts/regrtest-diff runs all of them; here are the parts that
tests/regrtest/tests.json has for CI.
"""

import pytest
from threadjoin.building import identity, selftest
from threadjoin.core.progress import Progress
from threadjoin.proof.outcomes import PASSED
from threadjoin.proof.regrtest import compared, runner, store


@pytest.mark.slow
def test_nothing_is_worse_on_patched(stock, patched, differing, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "HOME", tmp_path)
    data = runner.load()
    pythons = [
        identity.identify(python.path, python.name) for python in (stock, patched)
    ]
    settings = runner.Settings(runner.jobs(), compared.TIMEOUT)
    known = store.Known(tmp_path / "known", pythons, settings)
    units = differing.units(data["threading"])
    places = compared.run(pythons, units, settings, Progress(), known)
    result = compared.judge(
        pythons, places, known.runs(units), Progress(), compared.REPEAT
    )
    said = "\n".join(compared.explain(result, data))
    assert not result.worse(data["gone"]), said
    there = {"stock": len(set(units) - set(selftest.ADDED)), "patched": len(units)}
    for role in compared.KINDS:
        assert result.files[role].get(PASSED, 0) == there[role], said
        assert result.cases[role][PASSED] > 500, said
