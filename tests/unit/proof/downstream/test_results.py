"""Results are stored with what they were measured on, and shown."""

import dataclasses
from pathlib import Path

import pytest
from threadjoin.building.identity import Python
from threadjoin.proof import pages
from threadjoin.proof.compare import differences
from threadjoin.proof.downstream import results
from threadjoin.proof.downstream.data import Library, Suite

SUITE = Suite("programs", "program", ("life.py x *",))
LIBRARY = Library("x", (), (SUITE,))
OPTIONS = {"ci": False}


def pythons(digest="b", release="3.11.2"):
    return [
        Python("stock", Path("/stock"), f"{release} (main)\n[GCC]", "a"),
        Python("patched", Path("/patched"), f"{release} (main)\n[GCC]", digest),
    ]


@pytest.fixture(autouse=True)
def programs(tmp_path, monkeypatch):
    """Return the directory of the programs."""
    monkeypatch.setattr(results.data, "PROGRAMS", tmp_path)
    for name in ("life.py", "another.py"):
        (tmp_path / name).write_text("old")
    return tmp_path


@pytest.fixture
def constraints(tmp_path):
    path = tmp_path / "constraints.txt"
    path.write_text("x==1.0\n")
    return path


@pytest.fixture
def store(tmp_path, constraints):
    def make(digest="b"):
        return results.Store(tmp_path / "results", pythons(digest), constraints)

    return make


def result(stock, patched, selection=""):
    found = differences(stock, patched)
    for difference in found:
        for _ in range(4):
            difference.add({"stock": stock["t"], "patched": patched["t"]})
    counts = {"stock": {"passed": 3}, "patched": {"passed": 2, "failed": 1}}
    seconds = {"stock": 1.0, "patched": 1.5}
    return results.Result("x", "1.0", "programs", 1, selection, counts, seconds, found)


WORSE = result({"t": "passed"}, {"t": "failed"})
SAME = result({}, {}, "only <some>")


def test_saved_results_are_loaded(store):
    store().save(LIBRARY, OPTIONS, [WORSE, SAME])
    assert store().load(LIBRARY, OPTIONS) == [WORSE, SAME]


def test_nothing_is_known_of_other_options(store):
    store().save(LIBRARY, OPTIONS, [SAME])
    assert store().load(LIBRARY, {"ci": True}) is None


def test_nothing_is_known_of_another_interpreter(store):
    store().save(LIBRARY, OPTIONS, [SAME])
    assert store("c").load(LIBRARY, OPTIONS) is None


def test_nothing_is_known_with_other_versions(store, constraints):
    store().save(LIBRARY, OPTIONS, [SAME])
    constraints.write_text("x==1.1\n")
    assert store().load(LIBRARY, OPTIONS) is None


def test_nothing_is_known_with_other_programs(store, programs):
    store().save(LIBRARY, OPTIONS, [SAME])
    (programs / "another.py").write_text("new")
    assert store().load(LIBRARY, OPTIONS) == [SAME]
    (programs / "life.py").write_text("new")
    assert store().load(LIBRARY, OPTIONS) is None


def test_nothing_is_known_of_other_data(store):
    store().save(LIBRARY, OPTIONS, [SAME])
    other = Library("x", ("y",), LIBRARY.suites)
    assert store().load(other, OPTIONS) is None


def test_results_of_another_version_are_unknown(store, tmp_path):
    store().save(LIBRARY, OPTIONS, [SAME])
    (path,) = tmp_path.glob("results/*/*.json")
    path.write_text(path.read_text().replace('"suite"', '"suites"'))
    assert store().load(LIBRARY, OPTIONS) is None


def test_a_suite_of_which_no_test_passes_on_stock_is_idle():
    counts = {"stock": {"failed": 3}, "patched": {"passed": 3}}
    assert results.Result("x", "1", "s", 1, "", counts, {}, []).idle
    assert not SAME.idle


def test_the_table():
    assert results.plain([WORSE, SAME]).splitlines() == [
        "library  version  what ran         stock      patched    same?",
        "x        1.0      programs         3 / 0 / 0  2 / 1 / 0  1 worse",
        "x        1.0      programs (part)  3 / 0 / 0  2 / 1 / 0  yes",
    ]


def test_differences_are_explained():
    assert list(results.explain([WORSE, SAME])) == [
        "worse on patched: x, programs: t: passed on stock, failed on patched; "
        "again: stock 4/4, patched 0/4"
    ]


def test_the_page():
    page = results.markdown([WORSE, SAME], pythons(), ["y"])
    assert "| x | 1.0 | programs | 3 / 0 / 0 | 2 / 1 / 0 | 1 worse |" in page
    assert "- stock: 3.11.2 (main) [GCC]\n" in page
    assert "- worse on patched: `x, programs: t: passed on stock" in page
    assert "- x, programs: only <some>" in page
    assert page.endswith("## Not run\n\n- y\n")


def test_the_page_is_of_the_series_of_the_interpreters():
    page = results.markdown([SAME], pythons(release="3.12.1"), [])
    assert pages.measured(["3.12"])[0] in page


def test_nothing_is_known_with_another_part_of_a_program(store, programs):
    suite = Suite("programs", "program", ("life.py x *",), uses=("another.py",))
    library = Library("x", (), (suite,))
    store().save(library, OPTIONS, [SAME])
    assert store().load(library, OPTIONS) == [SAME]
    (programs / "another.py").write_text("new")
    assert store().load(library, OPTIONS) is None


def test_the_page_of_embedders():
    loaded = dataclasses.replace(SAME, load="10,000 requests")
    collection = results.data.EMBEDDERS_COLLECTION
    page = results.markdown([loaded], pythons(), [], collection)
    assert page.startswith("# Embedders and observers of a patched interpreter\n")
    assert "<!-- Made by scripts/downstream --embedders --table. Do" in page
    assert page.endswith("## What the programs do\n\n- x, programs: 10,000 requests\n")


def test_a_page_without_differences_says_so():
    page = results.markdown([result({}, {})], pythons(), [])
    assert "## Tests whose outcomes differed\n\nNone.\n" in page
    assert "Not run" not in page
