"""Reading upstream.json, for versions that have no series."""

import json

import pytest
from threadjoin.core import layout
from threadjoin.proof import defects
from threadjoin.series import catalog, upstream

DATA = {
    "3.13": {"measured": "3.13.9", "mended": ["a"], "left": ["b", "c"]},
    "3.14": {"measured": "3.14.2", "mended": ["a", "b"], "left": ["c"]},
}
DEFECTS = [
    {"script": "scripts/a.py", "what": "A `join()` fails", "issue": 1},
    {"script": "tests/defects/b.py", "what": "A hang"},
    {"script": "tests/defects/c.py", "what": "A crash", "issue": 3},
]


def write(place, data=DATA):
    (place / "upstream.json").write_text(json.dumps(data))
    return place


@pytest.mark.parametrize(
    "version, measured",
    [
        ("3.12.9", None),
        ("3.13.0rc1+", "3.13.9"),
        ("3.14.2", "3.14.2"),
        ("3.15.0a1", "3.14.2"),
        ("3.14", "3.14.2"),
        ("3", None),
        ("none", None),
    ],
)
def test_a_version_is_taken_to_be_as_the_last_known_one(tmp_path, version, measured):
    found = upstream.load(version, write(tmp_path))
    assert (found and found["measured"]) == measured


def test_the_file_may_be_missing(tmp_path):
    assert upstream.load("3.13.1", tmp_path) is None


def test_lines(tmp_path):
    defects = tmp_path / "defects.json"
    defects.write_text(json.dumps(DEFECTS))
    assert list(upstream.lines("3.13.1", write(tmp_path), defects)) == [
        "Upstream has fixed (as of 3.13.9):",
        "    A join() fails (gh-1)",
        "Upstream has not fixed:",
        "    A hang",
        "    A crash (gh-3)",
    ]


def test_an_unknown_version_has_no_lines(tmp_path):
    assert list(upstream.lines("3.8.20", write(tmp_path))) == []


def test_without_descriptions_the_names_of_the_reproducers_are_listed(tmp_path):
    found = upstream.lines("3.13.1", write(tmp_path), tmp_path / "no-such-file")
    assert list(found)[-2:] == ["    b", "    c"]


def test_the_data_of_the_project_has_each_reproducer_once():
    names = sorted(one.script.rpartition("/")[2][:-3] for one in defects.load())
    data = json.loads((layout.PATCHES / upstream.NAME).read_text())
    assert data
    for version in data:
        found = upstream.load(f"{version}.0")
        assert sorted(found["mended"] + found["left"]) == names
        assert len(list(upstream.lines(f"{version}.0"))) == 2 + len(names)
        # For a version with a series, the series says what it fixes.
        assert version not in catalog.available()
