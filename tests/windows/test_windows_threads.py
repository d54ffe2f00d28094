"""Compile the code for Windows with mingw-w64, and run it where wine runs.

The code for Microsoft's compiler (`#ifdef _MSC_VER`, in event.c) is not compiled.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from threadjoin.core import layout
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.host import packages
from threadjoin.proof.mutants import plant
from threadjoin.series import catalog

HERE = Path(__file__).resolve().parent
COMPILER = "x86_64-w64-mingw32-gcc"
SOURCE = layout.BUILD / catalog.DEFAULT_SERIES / plant.VARIANT / "patched" / "src"

#: The options and macros that CPython is compiled with, also those for Windows.
OPTIONS = """
    -std=c11 -Wall -Wextra -Wno-unused-parameter -Werror -O1
    -DPy_BUILD_CORE -DNT_THREADS -DHAVE_STD_ATOMIC -DHAVE_PROCESS_H
""".split()

#: The files under test, which harness.c includes.
NEIGHBOURS = [
    "thread_nt.h",
    "thread_nt_join.h",
    "condvar.h",
    "event.c",
    "osthread.c",
]

TESTS = ["many threads", "timeouts", "detach", "cannot start", "several joiners"]

#: Seconds that the harness may take for each 100 threads, and for all other tests
#: together. wine takes a few milliseconds for a thread, and more on a busy machine.
PATIENCE = 60

PLANTED = plant.load(HERE / "planted")


def _provide(command):
    try:
        packages.provide_tool(command, Progress(), layout.BUILD / "packages.log")
    except Problem as exc:
        pytest.skip(str(exc))


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Return a function that compiles the harness.

    It takes a dict of {file of the source: text to compile instead of it}, or nothing,
    and returns the Path of the program. It raises AssertionError with the messages of
    the compiler when that fails.
    """
    _provide(COMPILER)

    def compiled(changes=None):
        place = tmp_path_factory.mktemp("windows")
        # Files that include each other by name have to be in one directory.
        for name in NEIGHBOURS:
            shutil.copy(SOURCE / "Python" / name, place)
        for name, text in (changes or {}).items():
            (place / Path(name).name).write_text(text)
        places = [HERE / "stubs", place, SOURCE / "Include/internal"]
        includes = [f"-I{path}" for path in [*places, SOURCE / "Include"]]
        program = place / "harness.exe"
        done = subprocess.run(
            [COMPILER, *OPTIONS, *includes, HERE / "harness.c", "-o", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return program

    return compiled


@pytest.fixture(scope="session")
def wine():
    """Yield a function that runs a program on wine.

    It takes the program, its arguments and a timeout in seconds, and returns the exit
    status and a list of the lines on stdout. The test fails when the time is over.
    """
    _provide("wine")
    _provide("wineserver")
    home = layout.BUILD / "wine"
    home.mkdir(parents=True, exist_ok=True)
    settings = {
        "WINEPREFIX": str(home),
        "WINEDEBUG": "-all",
        # wine opens no window, and does not offer to install Mono and Gecko.
        "DISPLAY": "",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
    }

    env = {**os.environ, **settings}

    def server(*options):
        subprocess.run(["wineserver", *options], env=env, check=True)

    def run(*command, timeout):
        with subprocess.Popen(
            ["wine", *map(str, command)],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                output = process.communicate(timeout=timeout)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                output = process.communicate()[0]
                pytest.fail(f"{command} hung; it had printed {output.splitlines()}")
        return process.returncode, output.splitlines()

    # Keep wineserver running until the end. Otherwise it would end some seconds after
    # each program, perhaps while the next one starts.
    server("--persistent")
    try:
        # The first program also sets up the directory of WINEPREFIX.
        status, lines = run("cmd", "/c", "echo", "runs", timeout=300)
        if (status, lines) != (0, ["runs"]):
            pytest.skip(f"wine does not run here: status {status}, {lines}")
        yield run
    finally:
        server("--kill")
        server("--wait")


def test_compiles_without_a_warning(compiled):
    assert compiled().is_file()


def test_a_warning_is_an_error(compiled):
    text = (SOURCE / "Python" / "thread_nt_join.h").read_text()
    with pytest.raises(AssertionError, match="unused"):
        compiled({"thread_nt_join.h": text + "static int unused;\n"})


def test_threads_run_and_are_joined(compiled, wine):
    hundreds = 100
    timeout = (hundreds + 1) * PATIENCE
    assert wine(compiled(), hundreds, timeout=timeout) == (0, TESTS)


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_planted_bug_is_found(compiled, wine, bug):
    program = compiled(plant.planted(SOURCE, bug))
    status, lines = wine(program, 1, timeout=2 * PATIENCE)
    assert status == 1
    # The tests before the one that finds the bug pass.
    assert tuple(lines[:-1]) == tuple(TESTS[: TESTS.index(bug.tests[0])])
    assert ": not so: " in lines[-1]
