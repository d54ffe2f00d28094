"""The models of the protocols: what is found, and that they are of this code."""

import shutil
from pathlib import Path

import pytest
from threadjoin import models, packages
from threadjoin.errors import Problem
from threadjoin.progress import Progress

RUNS = [
    pytest.param(name, run["defines"], run["expect"], id=" ".join([name, *defines]))
    for name, entry in models.load().items()
    for run in entry["runs"]
    for defines in [run["defines"]]
]


@pytest.fixture(scope="session")
def spin(tmp_path_factory):
    log = tmp_path_factory.mktemp("packages") / "log"
    packages.provide_tool("spin", Progress(), log)


@pytest.fixture(scope="session")
def trees(stock, patched):
    return {
        python.name: Path(python.sysconfig()["srcdir"]).resolve()
        for python in (stock, patched)
    }


@pytest.mark.parametrize(("name", "defines", "expected"), RUNS)
def test_what_the_checker_finds(spin, name, defines, expected):
    outcome = models.check(models.MODELS / name, defines)
    assert ("holds" if outcome.holds else "counterexample") == expected
    assert bool(outcome.story) != outcome.holds
    assert outcome.states > 10


def test_a_check_that_has_not_enough_memory_proves_nothing(spin):
    with pytest.raises(Problem, match="event.pml was not looked at to its end"):
        models.check(models.MODELS / "event.pml", ["JOINERS=2"], memory=10)


def test_the_counterexample_is_the_race_of_the_pull_request(spin):
    # One joiner has released the lock and asserts that it is free, while the
    # other one holds it and is about to release it.
    outcome = models.check(models.MODELS / "stock_join.pml", ["NO_TWO_ERRORS"])
    steps = [
        (words[0], " ".join(words[1:]))
        for words in map(str.split, outcome.story.splitlines())
        if words and words[0] in ("A", "1", "2")
    ]
    b, c = (steps[i][0] for i in (1, 3))
    assert steps == [
        ("A", "ends"),
        (b, "acquires"),
        (b, "releases"),
        (c, "acquires"),
        (b, "AssertionError"),
        (b, "releases"),
        (b, "finds the lock free"),
        (c, "RuntimeError"),
    ]
    assert b != c


def test_each_kind_of_bug_is_planted_somewhere():
    # A model that holds whatever the code does would prove nothing.
    for name, entry in models.load().items():
        text = (models.MODELS / name).read_text()
        found = [run for run in entry["runs"] if run["expect"] == "counterexample"]
        assert found, name
        for word in {word for word in text.split() if word.startswith("PLANT_")}:
            assert any(word in run["defines"] for run in found), word


@pytest.mark.parametrize("name", models.load())
def test_models_are_of_the_functions_as_they_are(trees, name):
    assert models.changed(models.load()[name], trees) == []


def test_a_changed_function_is_noticed(trees, tmp_path):
    entry = models.load()["event.pml"]
    for file in entry["functions"]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(trees["patched"] / file, tmp_path / file)
    trees = {**trees, "patched": tmp_path}
    assert models.changed(entry, trees) == []
    event = tmp_path / "Python" / "event.c"
    text = event.read_text()
    released = "        PyThread_release_lock(turnstile);\n    }\n    if (detach)"
    assert released in text
    event.write_text(text.replace(released, "    }\n    if (detach)"))
    assert models.changed(entry, trees) == ["PyEvent_WaitTimed"]
    event.write_text(text.replace("_PyEvent_Fini(PyEvent *evt)", "gone(int x)"))
    with pytest.raises(Problem, match=r"event.c has no _PyEvent_Fini\(\)"):
        models.changed(entry, trees)
