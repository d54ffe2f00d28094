"""The registry of the patches: good and bad entries."""

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
    "second",
    [
        ENTRY,
        {**NEXT, "slug": ENTRY["slug"]},
        {**NEXT, "number": ENTRY["number"]},
        {**NEXT, "number": "0100"},
    ],
)
def test_numbers_ascend_and_names_are_there_once(tmp_path, second):
    with pytest.raises(Problem, match="registry.json: numbers ascend, and each"):
        load(tmp_path, ENTRY, second)


@pytest.mark.parametrize(
    "entries, more",
    [
        ([{**ENTRY, "fixes": "it"}], {}),
        ([{key: ENTRY[key] for key in ENTRY if key != "slug"}], {}),
        ([{**ENTRY, "issues": 116372}], {}),
        (["0110"], {}),
        ([], {"patches": None}),
    ],
)
def test_a_file_that_is_not_a_registry(tmp_path, entries, more):
    with pytest.raises(Problem, match="registry.json is wrong: "):
        load(tmp_path, *entries, **more)


def test_a_registry_that_cannot_be_read(tmp_path):
    with pytest.raises(Problem, match="there is no patches/registry.json"):
        registry.load(tmp_path)
    (tmp_path / "registry.json").write_text("{")
    with pytest.raises(Problem, match="registry.json is wrong: "):
        registry.load(tmp_path)
