"""Random programs: those of some seeds pass, and they find planted bugs."""

import re
import subprocess
import sys

import pytest
from threadjoin.core import layout
from threadjoin.core.progress import Progress
from threadjoin.host import packages

SOAK = [sys.executable, str(layout.ROOT / "scripts" / "soak")]

#: Code that breaks the interpreter before a program runs: a join() that returns at
#: once, threads that are abandoned at the end, a join() that does not end.
RETURNS = "Thread._wait_for_tstate_lock = lambda *args, **kwargs: None"
ABANDONS = "_shutdown = lambda: None"
HANGS = "Thread.join = lambda *args, **kwargs: threading.Event().wait()"


def run(command, status):
    """Run *command*, which has to end with *status*, and return its stdout."""
    done = subprocess.run(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--perturb"]])
def test_programs(patched, more):
    options = ["--python", patched.path, "--programs", 20, "--jobs", 2]
    out = run([*SOAK, *options, *more], 0)
    assert "\n20 programs in " in out
    assert "failures: 0" in out


@pytest.fixture
def broken(patched, tmp_path):
    """Return a function that makes an interpreter with a bug, and returns its path."""

    def make(bug):
        plant = tmp_path / "plant.py"
        plant.write_text(
            "import pathlib, sys, threading\n"
            f"threading.{bug}\n"
            # In this module, which exists until finalization.
            "exec(pathlib.Path(sys.argv[1]).read_text())\n"
        )
        python = tmp_path / "python"
        python.write_text(
            "#!/bin/sh\n"
            # The command asks for its version.
            f'[ "$1" = -c ] && exec "{patched.path}" "$@"\n'
            f'exec "{patched.path}" "{plant}" "$@"\n'
        )
        python.chmod(0o755)
        return python

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bug", "seed", "words"),
    [
        (RETURNS, 10, "on stderr: AssertionError: joined, and still alive\n"),
        (ABANDONS, 21, "missing: '4 called', '5 left 0', "),
        (HANGS, 8, "it hangs\n"),
    ],
)
def test_bug_is_found(broken, bug, seed, words):
    # Other programs fail later, for example in their children.
    out = run([*SOAK, "--replay", seed, "--no-reduce", "--python", broken(bug)], 1)
    assert f"\nseed {seed}: {words}" in out


@pytest.mark.slow
def test_programs_are_perturbed(tmp_path):
    # The library is preloaded in the process, and so in the programs that it runs.
    python = tmp_path / "python"
    python.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = -c ] && exec "{sys.executable}" "$@"\n'
        'echo "$SOAK_PERTURB, and $(grep -c perturb.so /proc/self/maps)" >&2\n'
    )
    python.chmod(0o755)
    options = ["--python", python, "--perturb", "--no-reduce"]
    out = run([*SOAK, *options, "--replay", 17], 1)
    assert re.search("^--- stderr\n17, and [1-9]", out, re.M), out
    out = run([*SOAK, *options[:2], "--no-reduce", "--replay", 17], 1)
    assert "--- stderr\n, and 0\n" in out


@pytest.mark.long
def test_bug_is_reduced(broken):
    python = broken(ABANDONS)
    out = run([*SOAK, "--python", python, "--programs", 20], 1)
    shown = out.partition("# reduced program of seed ")[2].splitlines()
    calls = [line for line in shown if line.startswith("do.")]
    # Only the threads that are left behind are needed.
    assert len(calls) == 3, out


@pytest.mark.slow
def test_on_two_workers(patched):
    packages.provide_tool("parallel", Progress(), layout.BUILD / "packages.log")
    workers = ["parallel", "-S", "2/:"]
    soak = [*SOAK, "--python", patched.path, "--programs", 2, "--seed", "{}"]
    out = run([*workers, *soak, ":::", 40, 50], 0)
    assert out.count("\n2 programs in ") == 2
