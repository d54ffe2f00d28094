"""Which tests run for which series.

`scripts/test` says it: of a series that is named, all of them; of the others those
that its differences.json has as `part`; where a series could not be built, those are
skipped, with the reason.
"""

import re

import pytest
from threadjoin.series import catalog, differences


def names(config):
    """Return the names of the series to test, those of options.

    The lead, where no option names any.
    """
    options = [config.getoption(name) for name in ("series", "part", "not_built")]
    whole, part, absent = options
    found = [*whole, *part, *(text.partition("=")[0] for text in absent)]
    return found or [catalog.DEFAULT_SERIES]


def select(config, items):
    """Leave out, skip and excuse those of pytest's *items* that are to be."""
    part = config.getoption("part")
    absent = dict(text.split("=", 1) for text in config.getoption("not_built"))
    data = {}
    for name in names(config):
        data[name] = differences.load(catalog.load_series(name))
    kept, dropped = [], []
    for item in items:
        name = series_of(item)
        if name is None:
            kept.append(item)
            continue
        differing = data[name]
        if name in (*part, *absent) and not is_in(item.nodeid, differing.part):
            dropped.append(item)
            continue
        kept.append(item)
        if name in absent:
            item.add_marker(pytest.mark.skip(reason=f"not run: {absent[name]}"))
        for test, why in differing.expected_failures.items():
            if is_in(_without(item.nodeid, name), [test]):
                item.add_marker(pytest.mark.xfail(reason=f"{name}: {why}", strict=True))
    items[:] = kept
    if dropped:
        config.hook.pytest_deselected(items=dropped)


def series_of(item):
    """Return the name of the series that *item* is run for, None for no one's."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("series") if callspec else None


def is_in(nodeid, tests):
    """Whether *nodeid* is one of *tests*, or in one of their files or directories."""
    return any(
        nodeid == test or nodeid.startswith((f"{test}[", f"{test}::", f"{test}/"))
        for test in tests
    )


def _without(nodeid, name):
    """Return *nodeid* as it is for the lead: without the *name* of the series."""
    head, bracket, parameters = nodeid.partition("[")
    escaped = re.escape(name)
    rest = re.sub(rf"^{escaped}(-|(?=\]))|-{escaped}(?=[-\]])", "", parameters, count=1)
    return head if rest == "]" else head + bracket + rest
