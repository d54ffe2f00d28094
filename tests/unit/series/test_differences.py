"""Reading differences.json of a series."""

import json

from threadjoin.core import layout
from threadjoin.proof import defects
from threadjoin.series import catalog, differences


def test_a_series_without_the_file_has_none(series):
    assert differences.load(series) == differences.Differences()


def test_load(series):
    data = {
        "mended": {"interrupted_join": "3.11.4"},
        "lacks": {"test_interpreters": "came later"},
        "part": ["tests/integration/test_joining.py"],
    }
    (series.directory / differences.NAME).write_text(json.dumps(data))
    found = differences.load(series)
    assert found.mended == {"interrupted_join": "3.11.4"}
    assert found.expected_failures == {}
    assert found.part == ["tests/integration/test_joining.py"]
    units = ["test_thread", "test_interpreters -m X", "test_interpreters"]
    assert found.units(units) == ["test_thread"]


def test_the_data_of_the_project_names_existing_tests():
    reproducers = {layout.ROOT / one.script for one in defects.load()}
    stems = {path.stem for path in reproducers}
    texts = "".join(
        path.read_text() for path in layout.ROOT.glob("tests/integration/*.py")
    )
    for name in catalog.available():
        found = differences.load(catalog.load_series(name))
        for what, release in found.mended.items():
            assert what in stems or f'"{what}"' in texts
            assert release.startswith(f"{name}.")
        for test in (*found.part, *found.expected_failures):
            assert (layout.ROOT / test.partition("::")[0]).exists()
