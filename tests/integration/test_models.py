"""The models of the protocols: what the checker finds, and that they are current."""

import shutil
from pathlib import Path

import pytest
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.host import packages
from threadjoin.proof import models
from threadjoin.series import catalog

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
def sources(stock, patched):
    return {
        python.name: Path(python.sysconfig()["srcdir"]).resolve()
        for python in (stock, patched)
    }


@pytest.fixture(scope="session")
def trees(series, sources):
    if series.name != catalog.DEFAULT_SERIES:
        pytest.skip("the models are of the lead's functions")
    return sources


@pytest.mark.parametrize(("name", "defines", "expected"), RUNS)
def test_what_the_checker_finds(spin, name, defines, expected):
    outcome = models.check(models.MODELS / name, defines)
    assert ("holds" if outcome.holds else "counterexample") == expected
    assert bool(outcome.story) != outcome.holds
    assert outcome.states > 10


def test_a_check_that_has_not_enough_memory_proves_nothing(spin):
    with pytest.raises(Problem, match="event.pml was not checked to its end"):
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
    # A model that holds even with a bug in it would prove nothing.
    for name, entry in models.load().items():
        text = (models.MODELS / name).read_text()
        found = [run for run in entry["runs"] if run["expect"] == "counterexample"]
        assert found, name
        for word in {word for word in text.split() if word.startswith("PLANT_")}:
            assert any(word in run["defines"] for run in found), word


@pytest.mark.parametrize("name", models.load())
def test_models_are_of_the_functions_as_they_are(trees, name):
    assert models.changed(models.load()[name], trees) == []


def test_models_hold_for_the_functions_that_another_series_has(differing, sources):
    # Whoever changes one of them looks at the models.
    assert models.other(sources) == set(differing.modelled)


@pytest.mark.parametrize("name", models.load())
def test_models_and_data_name_the_same_functions(name):
    assert models.unmatched(models.MODELS / name, models.load()[name]) == []


def copied(trees, entry, place):
    """Return *trees* with a copy of the files of *entry* in *place*."""
    for file in entry["functions"]:
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(trees[entry["of"]] / file, place / file)
    return {**trees, entry["of"]: place}


@pytest.mark.parametrize(
    ("file", "old", "new", "function", "noticed_by"),
    [
        (
            "Python/pystate.c",
            "    threadlife_note_unlinked(tstate);\n    HEAD_UNLOCK(runtime);\n",
            "    HEAD_UNLOCK(runtime);\n    threadlife_note_unlinked(tstate);\n",
            "tstate_delete_common",
            {"wait_for_threads.pml", "fork.pml"},
        ),
        (
            "Python/event.c",
            "    _Py_atomic_store_relaxed(&evt->turnstile, 0);\n}\n",
            "}\n",
            "_PyEvent_AfterFork",
            {"fork.pml", "start.pml"},
        ),
        (
            "Python/threadlife.c",
            "    waiter->next = life->waiters;\n",
            "    waiter->next = NULL;\n",
            "threadlife_link",
            {"wait_for_threads.pml", "fork.pml"},
        ),
        (
            "Python/threadlife.c",
            "    life->waiters = NULL;\n",
            "",
            "threadlife_note_cut_short",
            {"fork.pml"},
        ),
    ],
)
def test_what_the_models_rest_on_is_watched(
    trees, tmp_path, file, old, new, function, noticed_by
):
    noticed = set()
    for name, entry in models.load().items():
        if file in entry["functions"]:
            changed = copied(trees, entry, tmp_path / name)
            source = tmp_path / name / file
            text = source.read_text()
            assert text.count(old) == 1
            source.write_text(text.replace(old, new))
            if models.changed(entry, changed) == [function]:
                noticed.add(name)
    assert noticed == noticed_by


def test_a_changed_function_is_noticed(trees, tmp_path):
    entry = models.load()["event.pml"]
    trees = copied(trees, entry, tmp_path)
    assert models.changed(entry, trees) == []
    event = tmp_path / "Python" / "event.c"
    text = event.read_text()
    released = "        // this thread.\n        PyThread_release_lock(turnstile);\n"
    assert released in text
    event.write_text(text.replace(released, ""))
    assert models.changed(entry, trees) == ["PyEvent_WaitTimed"]
    event.write_text(text.replace("_PyEvent_Fini(PyEvent *evt)", "gone(int x)"))
    with pytest.raises(Problem, match=r"event.c has no _PyEvent_Fini\(\)"):
        models.changed(entry, trees)
