"""The soak's operations with C code, one by one, on this interpreter."""

import sys
import threading

import pytest
from threadjoin.host import packages
from threadjoin.proof.soak import libraries, runs

pytestmark = [
    pytest.mark.skipif(
        not packages.compiler() or not sys.platform.startswith("linux"),
        reason="C code for Linux: no compiler, or another system",
    ),
]


@pytest.fixture(scope="module")
def helper(tmp_path_factory):
    return libraries.helper(tmp_path_factory.mktemp("soak"))


def said(call, helper, plant=""):
    """Run the operation of *call*, after *plant*.

    Returns the status, the lines on stdout but for what was counted, and stderr.
    """
    runner = runs.Runner(sys.executable, 60, threading.Event(), None, helper)
    text = f"import soakops as do\n{plant}\n"
    result = runner.run(f"{text}do.begin()\ndo.{call}\n", 0)
    lines = [line for line in result.out.splitlines() if "counts" not in line]
    return result.status, lines, result.err


@pytest.mark.parametrize("prepare", ["nothing", "GIL", "start", "join"])
@pytest.mark.parametrize("parent", ["nothing", "GIL", "start", "join"])
def test_fork_handlers(helper, prepare, parent):
    call = f"fork_handlers('1', times=2, threads=3, prepare={prepare!r}, "
    assert said(f"{call}parent={parent!r})", helper) == (0, ["done 1"], "")


def test_a_fork_handler_that_is_not_called_is_seen(helper):
    plant = (
        "from soakops import ccode; ccode._helper().soak_at_fork = lambda *handlers: 0"
    )
    call = "fork_handlers('1', times=1, threads=1, prepare='GIL', parent='GIL')"
    status, lines, err = said(call, helper, plant)
    assert (status, lines) == (1, [])
    assert err.endswith("AssertionError: a handler was not called\n")


@pytest.mark.parametrize("how", ["Thread", "subclass"])
def test_limited(helper, how):
    call = f"limited('1', threads=60, megabytes=300, how={how!r})"
    assert said(call, helper) == (0, ["done 1"], "")


def test_stacks_that_are_kept_are_seen(helper):
    # Threads that still run have stacks.
    plant = """
import threading
from soakops import ccode, run

done = run.Task(int)
done.join()

def Task(target, how):
    run.Task(threading.Event().wait, how, True)
    return done

ccode.Task = Task
ccode._Exits.wait = lambda *args: None
"""
    call = "limited('1', threads=60, megabytes=300, how='Thread')"
    status, lines, err = said(call, helper, plant)
    assert (status, lines) == (1, [])
    assert "RuntimeError: can't start new thread" in err


@pytest.mark.parametrize("ask", [True, False])
@pytest.mark.parametrize("how", ["Thread", "subclass"])
def test_detached(helper, how, ask):
    call = f"detached('1', times=3, threads=4, how={how!r}, ask={ask})"
    assert said(call, helper) == (0, ["done 1"], "")


@pytest.mark.parametrize("key", [True, False])
def test_foreign(helper, key):
    call = f"foreign('1', times=3, threads=4, local=False, key={key})"
    assert said(call, helper) == (0, ["done 1"], "")


def test_without_the_library_the_operations_do_nothing(monkeypatch):
    monkeypatch.delenv("SOAK_HELPER", raising=False)
    for call in (
        "foreign('1', times=3, threads=4, local=True, key=True)",
        "fork_handlers('1', times=1, threads=1, prepare='start', parent='start')",
    ):
        assert said(call, None) == (0, ["done 1"], "")


def test_an_exit_function_that_joins(helper):
    assert said("atexit('1', what='start')", helper)[1] == ["done 1", "1 called"]
