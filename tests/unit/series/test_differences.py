"""Reading differences.json of a series."""

import json

import pytest
from threadjoin.core import layout
from threadjoin.core.errors import Problem
from threadjoin.proof import defects
from threadjoin.series import catalog, differences


def write(series, data):
    text = data if isinstance(data, str) else json.dumps(data)
    (series.directory / differences.NAME).write_text(text)
    return series


def test_a_series_without_the_file_has_none(series):
    assert differences.load(series) == differences.Differences()


def test_load(series):
    found = differences.load(
        write(
            series,
            {
                "mended": {"interrupted_join": "3.11.4"},
                "lacks": {"test_interpreters": "came later"},
                "part": ["tests/integration/test_joining.py"],
            },
        )
    )
    assert found.mended == {"interrupted_join": "3.11.4"}
    assert found.expected_failures == {}
    assert found.part == ("tests/integration/test_joining.py",)
    units = ["test_thread", "test_interpreters -m X", "test_interpreters"]
    assert found.units(units) == ["test_thread"]


@pytest.mark.parametrize(
    "data, said",
    [
        ("{", " is not as patches/schemas/differences.schema.json says: "),
        ([], " is not as patches/schemas/differences.schema.json says: "),
        ({"lack": {}}, " is not as patches/schemas/differences.schema.json says: "),
        ({"mended": {"x": "3.12.1"}}, ": mended: x: '3.12.1' is no release of 3.11"),
    ],
)
def test_wrong_data_is_named(series, data, said):
    with pytest.raises(Problem) as caught:
        differences.load(write(series, data))
    assert str(caught.value).startswith(f"patches/3.11/differences.json{said}")


def test_the_data_of_the_project_names_existing_tests():
    reproducers = {layout.ROOT / one.script for one in defects.load()}
    stems = {path.stem for path in reproducers}
    texts = "".join(
        path.read_text() for path in layout.ROOT.glob("tests/integration/*.py")
    )
    for name in catalog.available():
        found = differences.load(catalog.load_series(name))
        for what in found.mended:
            assert what in stems or f'"{what}"' in texts
        for test in (*found.part, *found.expected_failures):
            assert (layout.ROOT / test.partition("::")[0]).exists()
