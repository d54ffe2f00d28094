"""Libraries that patch and watch threads work on patched as on stock.

A part of what scripts/downstream runs: the libraries and the units that
tests/downstream/libraries.json marks for CI, and the wheels that were compiled
for stock. The embedders and observers take too long for CI.
"""

import pytest
from threadjoin.core import layout
from threadjoin.proof.compare import WORSE
from threadjoin.proof.downstream import compared, data, results

LIBRARIES = data.load()
CHOSEN = [name for name, library in LIBRARIES.items() if library.part(ci=True).suites]
EMBEDDERS = data.load(data.EMBEDDERS_COLLECTION.libraries)

#: Where the commands of docs/carrying.md install interpreters with a libpython.
INSTALLED = layout.BUILD / "embedders"


def wheels():
    """Return one Library for all wheels: one environment takes less than ten."""
    units = {
        unit: library
        for library in LIBRARIES.values()
        for suite in library.suites
        for unit in suite.units
        if unit.startswith("wheels.py ")
    }
    install = {
        n for library in units.values() for n in (library.name, *library.install)
    }
    suite = data.Suite("programs", "program", (), ci=tuple(units))
    return data.Library("numpy", tuple(sorted(install)), (suite,))


def test_those_that_reach_into_private_names_are_run():
    assert {"gevent", "eventlet", "debugpy", "trio"} <= set(CHOSEN)


@pytest.fixture(scope="module")
def comparison(stock, patched, progress):
    return compared.Comparison(stock.path, patched.path, progress, ci=True)


@pytest.fixture
def compare(comparison):
    """Return a function that runs a Library, and returns its Result."""

    def run(library):
        found = comparison.of(library, again=True)
        print(results.plain(found))
        assert not any(result.idle for result in found)
        worse = [result.of(WORSE) for result in found]
        assert not any(worse), "\n".join(results.explain(found))
        return found

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", CHOSEN)
def test_nothing_is_worse_on_patched(compare, name):
    compare(LIBRARIES[name])


@pytest.mark.slow
def test_wheels_that_were_compiled_for_stock_run(compare):
    (found,) = compare(wheels())
    assert found.counts["patched"] == {"passed": found.units}
    assert found.units >= 11


@pytest.mark.long
@pytest.mark.parametrize("name", EMBEDDERS)
def test_nothing_is_worse_where_python_is_embedded_or_observed(name, progress):
    pythons = [INSTALLED / kind / "bin" / "python3" for kind in ("stock", "patched")]
    if not all(path.exists() for path in pythons):
        pytest.skip(f"not installed: {pythons[0]}; docs/carrying.md says how")
    data.require([EMBEDDERS[name]])
    comparison = compared.Comparison(
        *pythons, progress, collection=data.EMBEDDERS_COLLECTION
    )
    found = comparison.of(EMBEDDERS[name])
    print(results.plain(found))
    assert found and not any(result.idle for result in found)
    worse = [result.of(WORSE) for result in found]
    assert not any(worse), "\n".join(results.explain(found))
