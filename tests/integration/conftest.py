"""The interpreters under test, with the C code that tests give them."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "scripts")]

import recipes  # noqa: E402
import selection  # noqa: E402
from harness import SCRIPTS, Interpreter, compile_c  # noqa: E402
from threadjoin.building import interpreter  # noqa: E402
from threadjoin.core import layout  # noqa: E402
from threadjoin.core.errors import Problem  # noqa: E402
from threadjoin.host import packages  # noqa: E402
from threadjoin.series import catalog, differences  # noqa: E402
from threadjoin.source import debian, origin, tarballs  # noqa: E402
from threadjoin.source.fetch import Unavailable  # noqa: E402

KINDS = ("stock", "patched")


def pytest_generate_tests(metafunc):
    """Run each test that takes interpreters once for each series; see selection.py."""
    if "series" in metafunc.fixturenames:
        names = selection.names(metafunc.config)
        # A test of the lead has the name that it would have without other series;
        # and so has one of a series that is the only one.
        params = [
            pytest.param(name, id=pytest.HIDDEN_PARAM)
            if name == catalog.DEFAULT_SERIES or len(names) == 1
            else name
            for name in names
        ]
        metafunc.parametrize("series", params, indirect=True, scope="session")


def pytest_collection_modifyitems(config, items):
    """Leave out, skip and excuse tests, as the data of the series says."""
    selection.select(config, items)


def _locate(kind, series):
    """Return the path of the *kind* of interpreter; fail if there is none."""
    variable = f"THREADJOIN_{kind.upper()}"
    path = Path(os.environ.get(variable, interpreter.built(kind, series=series.name)))
    if not os.access(path, os.X_OK):
        pytest.fail(
            f"no {kind} interpreter at {path}; run ./build.sh {series.name} --variant "
            f"debug, or set {variable} to the path of one",
            pytrace=False,
        )
    return str(path)


@pytest.fixture(scope="session")
def series(request):
    """Each catalog.Series that is tested, in turn."""
    return catalog.load_series(request.param)


@pytest.fixture(scope="session")
def differing(series):
    """Return the differences.Differences of the series."""
    return differences.load(series)


def _library(tmp_path_factory, name):
    """Compile the C file *name* into a library to preload; return its path."""
    library = tmp_path_factory.mktemp(name) / f"{name}.so"
    compile_c(
        os.environ.get("CC", "cc"),
        "-Wall -Werror -O1 -g -shared -fPIC -pthread",
        HERE / f"{name}.c",
        "-o",
        library,
    )
    return library


def _preloading(interpreter, *libraries):
    """Return the Interpreter with these *libraries* preloaded, and no others."""
    preload = ("LD_PRELOAD", ":".join(map(str, libraries)))
    return replace(interpreter, environment=(*interpreter.environment, preload))


@pytest.fixture(scope="session")
def pthreadwatch(tmp_path_factory):
    """Return a library to preload, which stops a process that misuses a pthread."""
    return _library(tmp_path_factory, "pthreadwatch")


@pytest.fixture(scope="session")
def refusing(tmp_path_factory, pthreadwatch):
    """Return a function that returns an Interpreter in which calls can be made to fail.

    Those that start threads: see refuse_threads() of osthread.c.
    """
    libraries = pthreadwatch, _library(tmp_path_factory, "faults")
    return lambda interpreter: _preloading(interpreter, *libraries)


@pytest.fixture(scope="session")
def faulty(tmp_path_factory, pthreadwatch):
    """Return what `refusing` returns, but allocations can be made to fail, too.

    All of its memory comes from the C library: there, allocations can fail in
    one thread and not in others.
    """
    names = "faults", "nomemory"
    shims = [_library(tmp_path_factory, name) for name in names]

    def faulty(interpreter):
        shimmed = _preloading(interpreter, pthreadwatch, *shims)
        more = (("PYTHONMALLOC", "malloc"),)
        return replace(shimmed, environment=shimmed.environment + more)

    return faulty


@pytest.fixture(scope="session")
def prepare(tmp_path_factory, pthreadwatch):
    """Return a function that makes an Interpreter that tests can run() scripts in."""

    def prepared(name, path):
        bare = Interpreter(name, path)
        config = bare.sysconfig()
        directory = tmp_path_factory.mktemp(name)
        compile_c(
            config["CC"],
            config["CFLAGS"],
            config["CCSHARED"],
            "-Wall -Werror -shared -pthread",
            f"-I{config['include']} -I{config['platinclude']}",
            HERE / "osthread.c",
            "-o",
            directory / f"osthread{config['EXT_SUFFIX']}",
        )
        environment = {
            "PYTHONPATH": f"{SCRIPTS}{os.pathsep}{directory}",
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LD_PRELOAD": str(pthreadwatch),
        }
        # Some versions warn of forks in a process with several threads, as most are
        # here, and of timeouts that are no float and no int.
        environment["PYTHONWARNINGS"] = ",".join(
            f"ignore:{text}:DeprecationWarning"
            for text in ("This process", "an integer is required")
        )
        return Interpreter(name, path, tuple(environment.items()))

    return prepared


@pytest.fixture(scope="session")
def interpreters(prepare, series, differing):
    """Return a function that returns the Interpreter of a kind, prepared once."""
    known = {}

    def interpreter(kind):
        if kind not in known:
            made = prepare(kind, _locate(kind, series))
            known[kind] = replace(made, mended=tuple(differing.mended.items()))
        return known[kind]

    return interpreter


@pytest.fixture(scope="session")
def stock(interpreters):
    """Return the interpreter of the unmodified release."""
    return interpreters("stock")


@pytest.fixture(scope="session")
def patched(interpreters):
    """Return the interpreter with the series applied."""
    return interpreters("patched")


@pytest.fixture(scope="session", params=KINDS)
def python(request, interpreters):
    """Return each of the two in turn: one test shows both the defect and the cure."""
    return interpreters(request.param)


@pytest.fixture(scope="session")
def upstream(prepare):
    """Return a CPython 3.13, whose names and signatures `_thread` has to have."""
    versions = Path.home() / ".pyenv" / "versions"
    candidates = [
        os.environ.get("THREADJOIN_UPSTREAM"),
        shutil.which("python3.13"),
        *map(str, sorted(versions.glob("3.13.*/bin/python3.13"))),
    ]
    for path in filter(None, candidates):
        # The one on PATH may be a pyenv shim for a version that is not active.
        trial = subprocess.run([path, "-c", ""], check=False, stderr=subprocess.DEVNULL)
        if trial.returncode == 0:
            return prepare("3.13", path)
    pytest.skip("no Python 3.13 here to compare with; THREADJOIN_UPSTREAM names one")


@pytest.fixture(scope="session")
def tool(progress):
    """Return a function that installs a tool if need be, or skips the test."""

    def provide(command):
        try:
            packages.provide_tool(command, progress, layout.BUILD / "packages.log")
        except Problem as exc:
            pytest.skip(f"not run: {exc}")

    return provide


@pytest.fixture(scope="session")
def page(series):
    """Return the recipes for packagers, a recipes.Page."""
    return recipes.Page(series)


@pytest.fixture(scope="session")
def release(series):
    """Return the origin.Origin of the release that the series is made on."""
    try:
        return origin.release(series, layout.BUILD / "source.log")
    except tarballs.NoWay as exc:
        pytest.skip(f"not run: {exc}")


@pytest.fixture(scope="session")
def package(series, tool):
    """Return what Debian adds to the release, a debian.Package."""
    tool("dpkg-source")
    if not series.debian:
        pytest.skip(f"not run: no package of Debian's is known for {series.name}")
    try:
        return debian.obtain(series.debian, origin.CACHE, layout.BUILD / "source.log")
    except Unavailable as exc:
        pytest.skip(f"not run: {exc}")
