"""The data about libraries: it is complete, and it is read correctly."""

import json

import pytest
from threadjoin.core.errors import Problem
from threadjoin.proof.downstream import data

#: The libraries that have to be in the data.
WANTED = """
    gevent eventlet greenlet debugpy trio anyio tornado twisted celery kombu gunicorn
    uvicorn pytest-xdist pytest-timeout ipykernel joblib loky distributed sentry-sdk
    opentelemetry-instrumentation-threading concurrent-log-handler APScheduler watchdog
    numpy pandas lxml cffi grpcio psycopg uvloop pydantic-core orjson cryptography
"""

LIBRARIES = data.load()

#: The embedders and observers that have to be in the data.
EMBEDDERS = """
    uWSGI mod_wsgi pybind11 nanobind PyO3 cffi multiprocessing py-spy austin gdb
    watchdogs
"""

COLLECTIONS = [data.LIBRARIES_COLLECTION, data.EMBEDDERS_COLLECTION]
SUITES = [
    pytest.param(suite, id=f"{library.name}-{suite.name}")
    for collection in COLLECTIONS
    for library in data.load(collection.libraries).values()
    for suite in library.suites
]


def test_all_libraries_are_there():
    assert set(WANTED.split()) <= set(LIBRARIES)


def test_all_embedders_are_there():
    assert set(data.load(data.EMBEDDERS_COLLECTION.libraries)) == set(EMBEDDERS.split())


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda c: c.title)
def test_every_version_is_pinned(collection):
    versions = data.pinned(collection.constraints)
    for library in data.load(collection.libraries).values():
        names = [library.name] * library.distribution + [*library.install]
        assert not {data.canonical(n) for n in names} - set(versions)


def test_a_shared_dependency_has_one_version():
    ours, others = (data.pinned(c.constraints) for c in COLLECTIONS)
    tools = {"packaging"}
    common = (set(ours) & set(others)) - tools
    assert common
    assert {n: ours[n] for n in common} == {n: others[n] for n in common}


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_has_one_source_of_tests(suite):
    program = suite.runner == "program"
    sources = [suite.sdist, suite.crate, suite.package, program]
    assert list(map(bool, sources)).count(True) == 1
    assert bool(suite.take) == bool(suite.sdist or suite.crate)
    assert suite.units
    assert suite.runner in data.RUNNERS
    assert not suite.build or suite.sdist or suite.crate
    assert not suite.config or suite.config in suite.take


@pytest.mark.parametrize(
    "suite", [p for p in SUITES if p.values[0].runner == "program"]
)
def test_programs_are_there(suite):
    for unit in suite.units:
        assert (data.PROGRAMS / unit.split()[0]).is_file()
    for name in suite.uses:
        assert (data.PROGRAMS / name).is_file()


def test_names_are_chosen_in_any_spelling():
    (found,) = data.chosen(LIBRARIES, ["Apscheduler"])
    assert found.name == "APScheduler"
    assert data.chosen(LIBRARIES, []) == list(LIBRARIES.values())


def test_an_unknown_name_is_a_problem():
    with pytest.raises(Problem, match="no library called nose; there is: gevent, "):
        data.chosen(LIBRARIES, ["nose", "gevent"])


def test_pinned_versions(tmp_path):
    path = tmp_path / "constraints.txt"
    path.write_text("# a comment\nZope.Event==6.2\nx_y==1.0\n")
    assert data.pinned(path) == {"zope-event": "6.2", "x-y": "1.0"}


def test_judged_names_are_words():
    judged = json.loads((data.HOME / "names.json").read_text())
    assert all(name.isidentifier() and what for name, what in judged["names"].items())


def test_the_part_that_ci_runs():
    ours = data.Suite("ours", "program", ("a.py *",), ci=("a.py one",))
    other = data.Suite("other", "program", ("b.py *",))
    library = data.Library("a", (), (ours, other))
    assert [s.units for s in library.part(ci=True).suites] == [("a.py one",)]
    assert [s.units for s in library.part(ci=False).suites] == [
        ("a.py *",),
        ("b.py *",),
    ]


def test_a_change_of_what_ci_runs_keeps_whole_results():
    # Otherwise a change of what CI runs would discard the results of whole runs.
    wholes = [
        data.Library("a", (), (data.Suite("s", "program", ("a.py *",), ci=ci),))
        for ci in ((), ("a.py one",))
    ]
    assert wholes[0].part(ci=False) == wholes[1].part(ci=False)
