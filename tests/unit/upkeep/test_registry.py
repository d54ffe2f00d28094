"""The registry of the patches: what it says, and what it must not say."""

import json

import pytest
from fakeproject import MAINTAINERS
from threadjoin.core.errors import Problem
from threadjoin.series import catalog
from threadjoin.upkeep import registry

ENTRY = {
    "number": "0110",
    "slug": "done-event",
    "issues": [116372],
    "mends": "A thread says that it is done.",
    "series": {"3.11": True, "3.12": "Upstream has mended it."},
}
NEXT = {**ENTRY, "number": "0120", "slug": "join", "standalone": True}


def load(place, *entries, maintainers=MAINTAINERS, **more):
    data = {"maintainers": maintainers, "patches": list(entries), **more}
    (place / "registry.json").write_text(json.dumps(data))
    return registry.load(place)


def test_load(tmp_path):
    known = load(tmp_path, ENTRY, NEXT, per_version={"a.h": "names"})
    assert known.per_version == {"a.h": "names"}
    assert load(tmp_path, ENTRY).per_version == {}
    assert known.maintainers == MAINTAINERS
    assert list(known.entries) == ["0110", "0120"]
    entry = known.entries["0110"]
    assert (entry.name, entry.issues, entry.standalone) == (
        "0110-done-event",
        (116372,),
        False,
    )
    assert entry.series["3.12"] == "Upstream has mended it."
    assert known.entries["0120"].standalone


def test_the_project_has_one():
    known = registry.load()
    names = {entry.name for entry in known.entries.values()}
    for series in catalog.available():
        assert {path.stem for path in catalog.load_series(series).patches} <= names


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"number": 110}, "110: number is not a str of four digits"),
        ({"number": "110"}, "110: number is not a str of four digits"),
        ({"slug": "Done"}, "0110: slug is not words of small letters"),
        ({"slug": "done_event"}, "0110: slug is not words"),
        ({"slug": "done-"}, "0110: slug is not words"),
        ({"slug": "e" * 33}, "0110: slug is not words"),
        ({"issues": 116372}, "0110: issues is not a list of numbers"),
        ({"issues": []}, "0110: issues is not a list of numbers"),
        ({"issues": ["116372"]}, "0110: issues is not a list of numbers"),
        ({"mends": "Two\nlines."}, "0110: mends is not one line"),
        ({"mends": ""}, "0110: mends is not one line"),
        ({"series": {"3.11": False}}, "0110: series has not true, or why not"),
        ({"series": {"3.11": " "}}, "0110: series has not true, or why not"),
        ({"series": ["3.11"]}, "0110: series has not true, or why not"),
        ({"standalone": "yes"}, "0110: standalone is not true or false"),
        ({"fixes": "it"}, "0110: fixes: missing, or not known"),
    ],
)
def test_values_that_are_wrong_are_named(tmp_path, changes, said):
    with pytest.raises(Problem) as caught:
        load(tmp_path, {**ENTRY, **changes})
    assert str(caught.value).startswith(f"patches/registry.json: {said}")


@pytest.mark.parametrize(
    "second",
    [
        ENTRY,
        {**NEXT, "slug": ENTRY["slug"]},
        {**NEXT, "number": ENTRY["number"]},
        {**NEXT, "number": "0100"},
    ],
)
def test_numbers_ascend_and_names_are_there_once(tmp_path, second):
    with pytest.raises(Problem, match="registry.json: .*: numbers ascend, and each"):
        load(tmp_path, ENTRY, second)


def test_what_is_no_registry(tmp_path):
    with pytest.raises(Problem, match="there is no patches/registry.json"):
        registry.load(tmp_path)
    with pytest.raises(Problem, match="has to have maintainers and patches, may"):
        load(tmp_path, version=2)
    with pytest.raises(Problem, match="maintainers is not of the form"):
        load(tmp_path, maintainers="somebody")
    with pytest.raises(Problem, match="per_version has not why, for each file"):
        load(tmp_path, per_version={"a.h": ""})
    with pytest.raises(Problem, match="patch 1: is not an object"):
        load(tmp_path, "0110")
    (tmp_path / "registry.json").write_text("{")
    with pytest.raises(Problem, match=r"registry.json is no JSON: .*line 1"):
        registry.load(tmp_path)
