"""Binaries for stock run on patched, and tools that inspect a process work."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from harness import HERE, compile_c, run, run_command
from threadjoin.core import layout
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.host import packages
from threadjoin.proof import abi


@pytest.fixture(scope="session")
def tool(tmp_path_factory):
    """Return a function that installs a tool if need be, or skips the test."""
    log = tmp_path_factory.mktemp("packages") / "log"
    return lambda command: packages.provide_tool(command, Progress(), log)


def test_the_binary_interface_has_only_additions(stock, patched, tool, capsys):
    tool("abidiff")
    abi.report(stock.path, patched.path)
    said = capsys.readouterr().out
    assert "'struct _ts at " in said
    assert re.search(r"0 Removed, 0 Changed.* [1-9]\d* Added functions", said)
    # 3.9 has no list of it.
    listed = list(Path(patched.sysconfig()["srcdir"]).glob("Misc/stable_abi.*"))
    words = "complete" if listed else "not checked, this version has no list of it"
    assert said.endswith(f"Stable ABI: {words}.\n")


def test_what_patched_adds_stock_lacks(stock, patched, tool):
    tool("abidiff")
    with pytest.raises(Problem, match="cannot stand in for"):
        abi.report(patched.path, stock.path)


def test_the_code_for_threads_compiles_with_musl(python, tool):
    # The configuration is the one for glibc, so there may be warnings.
    tool("musl-gcc")
    config = python.sysconfig()
    source = Path(config["srcdir"])
    compile_c(
        "musl-gcc -fsyntax-only -DPy_BUILD_CORE",
        f"-I{source}/Include -I{source}/Include/internal -I{config['projectbase']}",
        source / "Python" / "thread.c",
    )


#: As extensions in C++ include them, greenlet some of the internal ones, too.
IN_CPP = """
#define Py_BUILD_CORE 1
#include <Python.h>
extern "C" {
%s
}
"""

#: The first is included by Python.h; the others are for CPython's own modules.
NOT_IN_CPP = {"Python.h", "py_curses.h", "pydtrace.h", "pyexpat.h"}

#: Internal ones that are included besides. For GCC, none that has atomics of C: these
#: are none of C++ there.
INTERNAL_IN_CPP = {
    "g++": ["pycore_frame.h"],
    "clang++": ["pycore_frame.h", "pycore_pystate.h", "pycore_interp.h"],
}


def diagnostics(python, compiler, standard, place):
    """Return the status of a compiler of C++, and what it says of all public headers,
    without lines.
    """
    config = python.sysconfig()
    include = Path(config["srcdir"]) / "Include"
    names = {path.name for path in include.glob("*.h")} - NOT_IN_CPP
    internal = include / "internal"
    lines = [f"#include <{name}>" for name in sorted(names)]
    lines += [
        f"#include <internal/{name}>"
        for name in INTERNAL_IN_CPP[compiler]
        if (internal / name).exists()  # the first came with 3.11
    ]
    source = place / f"{python.name}.cpp"
    source.write_text(IN_CPP % "\n".join(lines))
    done = subprocess.run(
        [compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic"]
        + ["-fsyntax-only", f"-I{include}", f"-I{internal}"]
        + [f"-I{config['projectbase']}", source],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    found = re.findall(
        r"([\w.]+):\d+:\d+: ((?:fatal )?error|warning): (.*)", done.stderr
    )
    return done.returncode, set(found)


@pytest.mark.parametrize("standard", ["c++11", "c++20"])
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_headers_can_be_included_in_cpp(stock, patched, compiler, standard, tmp_path):
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler} on this machine")
    said = [diagnostics(one, compiler, standard, tmp_path) for one in (stock, patched)]
    assert said[0][0] == said[1][0] == 0
    assert said[1][1] <= said[0][1]


STRUCTURES = """
struct inner { int first; %(inner)s };
struct _ts { %(type)s first; %(middle)s struct inner *inner; %(end)s };
"""
FUNCTIONS = """
#include "structures.h"
int look(struct _ts *tstate) { return tstate->first + tstate->inner->first; }
int %(name)s(int argument) { return argument; }
%(added)s
"""
SAME = dict.fromkeys(("inner", "middle", "end", "added"), "")
SAME.update({"type": "int", "name": "change"})


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({}, True),
        ({"added": "int added(int argument) { return argument; }"}, True),
        ({"end": "void *event;"}, True),
        ({"end": "void *event; int daemon;"}, True),
        ({"middle": "void *event;"}, False),
        ({"middle": "void *event;", "end": "void *event2;"}, False),
        ({"type": "long", "end": "void *event;"}, False),
        ({"inner": "int second;"}, False),
        ({"inner": "int second;", "end": "void *event;"}, False),
        ({"name": "changed"}, False),
    ],
    ids=[
        "none",
        "function added",
        "member at the end",
        "two members at the end",
        "in the middle",
        "in the middle and at the end",
        "another type of a member, and one at the end",
        "another structure",
        "another structure, and a member at the end",
        "removed",
    ],
)
def test_changes_of_an_interface(tool, tmp_path, change, allowed):
    tool("abidiff")
    sides = []
    for number, words in enumerate((SAME, {**SAME, **change})):
        headers = tmp_path / str(number)
        headers.mkdir()
        (headers / "structures.h").write_text(STRUCTURES % words)
        source = FUNCTIONS % words
        code = headers.with_suffix(".c")
        code.write_text(source)
        library = headers.with_suffix(".so")
        compile_c("cc", "-g -shared -fPIC", f"-I{headers}", code, "-o", library)
        sides.append((library, headers))
    report, wrong = abi.compare(*sides)
    assert bool(re.search(r"\[[AD]\]|' changed:", report)) == bool(change)
    assert not wrong if allowed else wrong


def test_no_debug_information_is_a_problem(tool, tmp_path):
    tool("abidiff")
    with pytest.raises(Problem, match="abidiff failed .*; was this compiled with -g"):
        abi.compare((tmp_path, tmp_path), (tmp_path, tmp_path))


def test_interface_of_what_is_no_interpreter():
    with pytest.raises(Problem, match="false does not run"):
        abi.interface("/bin/false")


def test_public_headers(tmp_path):
    include = tmp_path / "Include"
    for name in ("Python.h", "cpython/pystate.h", "internal/pycore_event.h"):
        (include / name).parent.mkdir(parents=True, exist_ok=True)
        (include / name).touch()
    config = tmp_path / "pyconfig.h"
    config.touch()
    copy = abi.public_headers(include, config, tmp_path / "copy")
    names = {str(path.relative_to(copy)) for path in copy.rglob("*.h")}
    assert names == {"Python.h", "cpython/pystate.h", "pyconfig.h"}


def test_an_incomplete_stable_abi_is_a_problem(patched, tmp_path):
    facts = abi.interface(patched.path)
    library = tmp_path / facts.static
    object_file = tmp_path / "none.o"
    source = tmp_path / "none.c"
    source.write_text("int none;\n")
    compile_c("cc", "-c", source, "-o", object_file)
    subprocess.run(["ar", "rcs", library, object_file], check=True)
    with pytest.raises(Problem, match="the stable ABI is not complete"):
        abi.check_stable_abi(patched.path, facts, tmp_path)


IDENTITY = """
import importlib.util, json, platform, sys, sysconfig
from probe import say

values = {
    "version": sys.version.partition("(")[0],
    "version_info": list(sys.version_info),
    "hexversion": sys.hexversion,
    "api_version": sys.api_version,
    "abiflags": sys.abiflags,
    "cache_tag": sys.implementation.cache_tag,
    "magic": list(importlib.util.MAGIC_NUMBER),
    "platform": sysconfig.get_platform(),
    "implementation": platform.python_implementation(),
    "modules": sorted(getattr(sys, "stdlib_module_names", ())),  # of 3.10
    "builtins": sorted(sys.builtin_module_names),
}
# Where they are built, and when, is the only difference.
here = sysconfig.get_config_var("projectbase"), sysconfig.get_config_var("srcdir")
for name, value in sysconfig.get_config_vars().items():
    if isinstance(value, str):
        for place in here:
            value = value.replace(place, "")
    values[name] = value
say(json.dumps(values))
"""


def test_nothing_that_names_the_interpreter_differs(stock, patched):
    values = []
    for python in (stock, patched):
        result = run(python, IDENTITY)
        assert (result.status, result.err) == (0, "")
        values.append(json.loads(result.lines[0]))
    names = values[0].keys() | values[1].keys()
    differing = {n for n in names if values[0].get(n) != values[1].get(n)}
    # The lists of files for make have new files.
    assert differing <= {"PYTHON_HEADERS"}
    assert values[0]["SOABI"]


def test_patched_can_be_told(python):
    # As the README says.
    script = "import _thread; print(hasattr(_thread, '_ThreadHandle'))"
    run(python, script).check(str(python.patched))


@pytest.mark.parametrize(
    "name, call",
    [
        pytest.param("osthread", "churn_thread_states(5)", id="public API"),
        pytest.param("forkhooks", "lock_states()", id="private macros"),
    ],
)
def test_extension_compiled_on_patched_runs_on_stock(
    stock, patched, tmp_path, name, call
):
    config = patched.sysconfig()
    extension = tmp_path / f"{name}{config['EXT_SUFFIX']}"
    compile_c(
        *(config["CC"], config["CFLAGS"], config["CCSHARED"], "-shared -pthread"),
        f"-I{config['include']} -I{config['platinclude']}",
        *(HERE / f"{name}.c", "-o", extension),
    )
    environment = {**dict(stock.environment), "PYTHONPATH": str(tmp_path)}
    code = f"import {name}; {name}.{call}; print({name}.__file__)"
    elsewhere = replace(stock, environment=tuple(environment.items()))
    run_command(elsewhere, [stock.path, "-c", code]).check(str(extension))


# Functions of locks are in C: the Python frames are the same wherever a thread waits.
THREADS = """
import sys, threading

def held():
    lock = threading.Lock()
    lock.acquire()
    return lock

def work(begun, finish):
    begun.release()
    finish.acquire()

workers = [(held(), held()) for _ in range(3)]
for number, locks in enumerate(workers):
    threading.Thread(target=work, name=f"worker-{number}", args=locks).start()
for begun, finish in workers:
    begun.acquire()
print("ready", flush=True)
sys.stdin.read()
for begun, finish in workers:
    finish.release()
"""


class Watched:
    """A program with three waiting threads, which tools inspect from outside."""

    def __init__(self, python):
        self._command = [python.path, "-c", THREADS]

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout.readline() == "ready\n"
        return self._process.pid

    def __exit__(self, *exc_info):
        self._process.communicate("")
        assert self._process.returncode == 0


@pytest.fixture(scope="session")
def py_spy():
    """Return the path of py-spy, which the requirements of the tests have."""
    return str(Path(sys.executable).with_name("py-spy"))


def outside(command):
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    ).stdout


def frames(text, pattern):
    """Return the functions in the stacks of *text*, sorted, a list a thread."""
    threads = re.split(r"^Thread ", text, flags=re.MULTILINE)[1:]
    return sorted(re.findall(pattern, thread, re.MULTILINE) for thread in threads)


def test_py_spy_sees_the_same_threads(stock, patched, py_spy):
    seen = []
    for python in (stock, patched):
        with Watched(python) as pid:
            dump = outside([py_spy, "dump", "--pid", str(pid)])
        for number in range(3):
            assert f'"worker-{number}"' in dump, dump
        assert '"MainThread"' in dump
        seen.append(frames(dump, r"^    (\S+) \("))
    assert len(seen[0]) == 4
    assert seen[0] == seen[1]


def test_py_spy_records(patched, py_spy, tmp_path):
    record = tmp_path / "record.txt"
    spin = "import threading\ndef spin():\n while True: pass\n"
    spin += "thread = threading.Thread(target=spin, daemon=True)\nthread.start()\n"
    spin += "thread.join(3)\n"
    outside(
        [py_spy, "record", "--threads", "--format", "raw", "--duration", "1"]
        + ["--rate", "50", "--output", str(record), "--", patched.path, "-c", spin]
    )
    assert re.search(r"run \(.*\);spin \(<string>:3\) \d+$", record.read_text(), re.M)


def test_gdb_sees_the_same_threads(stock, patched, tool):
    tool("gdb")
    seen = []
    for python in (stock, patched):
        support = Path(f"{os.path.realpath(python.path)}-gdb.py")
        with Watched(python) as pid:
            trace = outside(
                ["gdb", "--batch", "-nx", "-ex", f"source {support}"]
                + ["-p", str(pid), "-ex", "thread apply all py-bt"]
            )
        seen.append(frames(trace, r'^  File ".*", line \d+, in (\S+)'))
    assert len(seen[0]) == 4, trace
    assert seen[0] == seen[1]


def test_faulthandler_sees_the_same_threads(stock, patched):
    script = THREADS.replace(
        "sys.stdin.read()",
        "import faulthandler; faulthandler.dump_traceback(sys.stdout)",
    )
    seen = []
    for python in (stock, patched):
        result = run(python, script)
        assert (result.status, result.err) == (0, ""), result
        assert len(re.findall(r"^(?:Current t|T)hread 0x", result.out, re.M)) == 4
        seen.append(re.findall(r"line \d+ in (\S+)$", result.out, re.M))
    assert sorted(seen[0]) == sorted(seen[1])


def test_the_command(stock, patched, tool):
    tool("abidiff")
    command = [layout.ROOT / "scripts" / "abi", stock.path, patched.path]
    assert "Nothing is missing" in outside(command)
    done = subprocess.run(
        [command[0], "/nowhere/python"], stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "error: there is no /nowhere/python; run ./build.sh, or name another one\n"
    )
