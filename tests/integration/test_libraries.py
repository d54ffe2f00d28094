"""Libraries that patch and watch threads do on patched what they do on stock.

A part of what scripts/downstream runs: the libraries and the units that
tests/downstream/libraries.json marks for CI. Among them are wheels that were
compiled for stock.
"""

import pytest
from threadjoin import downstream, downstream_compare, downstream_data
from threadjoin import downstream_results as results

LIBRARIES = {
    name: library
    for name, library in downstream_data.load().items()
    if any(suite.ci for suite in library.suites)
}


def test_those_that_reach_into_private_names_are_run():
    assert {"gevent", "eventlet", "debugpy", "trio"} <= set(LIBRARIES)


@pytest.fixture(scope="module")
def comparison(stock, patched, progress):
    return downstream.Comparison(stock.path, patched.path, progress, ci=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", LIBRARIES)
def test_nothing_is_worse_on_patched(comparison, name):
    found = comparison.of(LIBRARIES[name], again=True)
    print(results.plain(found))
    assert not any(result.idle for result in found)
    worse = [result.of(downstream_compare.WORSE) for result in found]
    assert not any(worse), "\n".join(results.explain(found))
