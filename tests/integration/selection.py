"""Select which tests run for which series.

`scripts/test` decides it. Of a series that is named, all of them run; of the others,
the `part` of their differences.json. For a series that could not be built, these are
skipped, with the reason.
"""

import re

import pytest
from threadjoin.series import catalog, differences


def names(config):
    """Return the names of the series to test, from the options.

    Without such an option, it is the lead.
    """
    options = [config.getoption(name) for name in ("series", "part", "not_built")]
    whole, part, absent = options
    found = [*whole, *part, *(text.partition("=")[0] for text in absent)]
    return found or [catalog.DEFAULT_SERIES]


def select(config, items):
    """Leave out, skip and excuse *items* of pytest, as the data and the options say."""
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
    """Return the name of the series that *item* runs for, None for no series."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("series") if callspec else None


def is_in(nodeid, tests):
    """Tell whether *nodeid* is one of *tests*, or in such a file or directory."""
    return any(
        nodeid == test or nodeid.startswith((f"{test}[", f"{test}::", f"{test}/"))
        for test in tests
    )


def _without(nodeid, name):
    """Return *nodeid* without the *name* of the series, as for the lead."""
    head, bracket, parameters = nodeid.partition("[")
    escaped = re.escape(name)
    rest = re.sub(rf"^{escaped}(-|(?=\]))|-{escaped}(?=[-\]])", "", parameters, count=1)
    return head if rest == "]" else head + bracket + rest
