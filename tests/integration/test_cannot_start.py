"""Threads that the operating system does not start."""

import textwrap

import pytest
from harness import run

#: Ways to make pthread_create() fail, and to undo that.
PREVENT = {
    # A preloaded library makes the call fail, whatever the system
    # and its limits are.
    "EAGAIN": """
    def prevent():
        osthread.refuse_threads(1)

    def permit():
        osthread.refuse_threads(0)
    """,
    "stack_size": """
    def prevent():
        threading.stack_size(2**47)     # all there is of an address space

    def permit():
        threading.stack_size(0)
    """,
    "RLIMIT_NPROC": """
    import resource

    def prevent():
        if os.getuid() == 0:
            # The limit does not apply to root.
            os.setresuid(65534, 65534, 0)
        resource.setrlimit(resource.RLIMIT_NPROC, (0, limits[1]))

    def permit():
        resource.setrlimit(resource.RLIMIT_NPROC, limits)

    limits = resource.getrlimit(resource.RLIMIT_NPROC)
    """,
}

SETUP = """
    import _thread, gc, os, sys, threading, weakref
    import osthread
    from probe import outcome, say
"""


@pytest.fixture
def python(python, refusing):
    """Return each of the two in turn, where starting threads can be made to fail."""
    return refusing(python)


@pytest.fixture
def patched(patched, refusing):
    """Return the patched interpreter, where starting threads can be made to fail."""
    return refusing(patched)


@pytest.fixture(params=sorted(PREVENT))
def prevent(request):
    """Return source text that defines prevent() and permit()."""
    return SETUP + PREVENT[request.param]


def test_start_that_fails_leaves_nothing_behind(python, prevent):
    script = """
    thread = threading.Thread(target=say, args=("runs",))
    daemon = threading.Thread(target=int, daemon=True)
    before = osthread.thread_states()
    prevent()
    say({outcome(thread.start) for _ in range(200)})
    say({outcome(daemon.start) for _ in range(200)})
    say({outcome(_thread.start_new_thread, int, ()) for _ in range(200)})
    say(threading._limbo, threading.enumerate() == [threading.main_thread()])
    say(thread.is_alive(), thread.ident, outcome(thread.join), _thread._count())
    permit()
    say(osthread.thread_states() - before, osthread.unclaimed())
    thread.start()
    thread.join()
    say(thread.is_alive(), outcome(thread.start))
    """
    left = 0 if python.is_without("not_the_last_thread") else 600
    run(python, prevent + script).check(
        "{'RuntimeError'}",
        "{'RuntimeError'}",
        "{'RuntimeError'}",
        "{} True",
        "False None RuntimeError 0",
        f"{left} 0",
        "runs",
        "False RuntimeError",
    )


def test_process_exits_after_a_start_that_failed(python, prevent):
    script = """
    import atexit
    atexit.register(say, "atexit")
    kept = [threading.Thread(target=int) for _ in range(3)]
    waited = threading.Thread(target=lambda: (
        threading.main_thread().join(), say("waited for")
    ))
    waited.start()
    prevent()
    say(*(outcome(thread.start) for thread in kept))
    """
    run(python, prevent + script).check(
        "RuntimeError RuntimeError RuntimeError", "waited for", "atexit"
    )


def test_thread_whose_start_failed_is_collected(python, prevent):
    script = """
    class Target:
        def __call__(self):
            pass

    target = Target()
    thread = threading.Thread(target=target)
    prevent()
    outcome(thread.start)
    outcome(_thread.start_new_thread, target, ())
    refs = [weakref.ref(thread), weakref.ref(target)]
    del thread, target
    gc.collect()
    say([ref() for ref in refs])
    """
    run(python, prevent + script).check("[None, None]")


def test_memory_is_given_back_after_starts_that_fail(python, prevent):
    script = """
    def attempt(count):
        for _ in range(count):
            outcome(threading.Thread(target=int).start)
            outcome(_thread.start_new_thread, int, ())
        gc.collect()
        return sys.getallocatedblocks(), osthread.malloced()

    prevent()
    attempt(50)
    blocks, memory = attempt(50)
    more_blocks, more_memory = attempt(500)
    say(more_blocks - blocks < 50)
    # Less than what the smallest allocation takes, for each of the starts.
    say(more_memory - memory < 16 * 500)
    """
    # Stock leaves the thread state of start_new_thread().
    run(python, prevent + script).check(
        "True", str(python.is_without("not_the_last_thread"))
    )


def test_subinterpreter_ends_after_a_start_that_failed(python, prevent):
    # Stock leaves the thread state behind, which is an error at the end.
    inner = (
        prevent
        + """
    prevent()
    say(outcome(threading.Thread(target=int).start), threading._limbo)
    permit()
    fresh = threading.Thread(target=int)
    fresh.start()
    fresh.join()
    """
    )
    script = f"""
        import _testcapi
        from probe import say

        say(_testcapi.run_in_subinterp({textwrap.dedent(inner)!r}))
    """
    result = run(python, script)
    if python.is_without("not_the_last_thread"):
        result.check("RuntimeError {}", "0")
    else:
        assert result.lines == ["RuntimeError {}"]
        assert result.status == -6
        assert "Py_EndInterpreter: not the last thread" in result.err


def test_forked_child_after_a_start_that_failed(python, prevent):
    script = """
    from probe import fork, status

    def child():
        assert threading.enumerate() == [threading.main_thread()]
        assert not failed.is_alive()
        failed.start()
        failed.join()

    failed = threading.Thread(target=int)
    prevent()
    say(outcome(failed.start))
    permit()
    say(status(fork(child)))
    """
    run(python, prevent + script).check("RuntimeError", "0")


def test_handle_whose_start_failed(patched, prevent):
    script = """
    handles = [_thread._ThreadHandle() for _ in range(2)]
    before = osthread.thread_states()
    prevent()
    for handle in handles:
        say(outcome(_thread.start_joinable_thread, int, handle=handle))
    say(outcome(_thread.start_joinable_thread, int, daemon=False))
    say({handle.is_done() or handle.ident for handle in handles})
    say(outcome(handles[0].join, 0))
    permit()
    say(osthread.thread_states() - before, osthread.unclaimed())
    # One that was not started is to be waited for once it is.
    runs = []
    _thread.start_joinable_thread(
        lambda: runs.append(1), handle=handles[0], daemon=False
    )
    _thread._shutdown()
    say(runs, handles[0].is_done())
    handles[0].join()
    say(outcome(_thread.start_joinable_thread, int, handle=handles[0]))
    del handles, handle
    gc.collect()
    _thread._shutdown()
    say(osthread.thread_states() - before, osthread.unclaimed())
    """
    run(patched, prevent + script).check(
        *3 * ["RuntimeError"],
        "{0}",
        "RuntimeError",
        "0 0",
        "[1] True",
        "RuntimeError",
        "0 0",
    )


def test_what_a_start_that_failed_says(python, prevent):
    script = """
    starts = [
        threading.Thread(target=int).start,
        lambda: _thread.start_new_thread(int, ()),
    ]
    if hasattr(_thread, "start_joinable_thread"):
        starts.append(lambda: _thread.start_joinable_thread(int))
    prevent()
    for start in starts:
        try:
            start()
        except RuntimeError as exc:
            say(exc)
    """
    said = ["can't start new thread"] * (3 if python.patched else 2)
    run(python, prevent + script).check(*said)


def test_some_of_many_starts_fail(patched):
    # Every third pthread_create() in the process fails, whichever thread calls it.
    script = """
    def start_some():
        for _ in range(30):
            thread = threading.Thread(target=runs.append, args=(1,))
            while outcome(thread.start) == "RuntimeError":
                refused.append(1)
            if len(refused) % 2:
                thread.join()

    runs, refused = [], []
    before = osthread.thread_states()
    starters = [threading.Thread(target=start_some) for _ in range(4)]
    for starter in starters:
        starter.start()
    osthread.refuse_threads(3)
    for starter in starters:
        starter.join()
    osthread.refuse_threads(0)
    del starter, starters
    threading._shutdown()
    gc.collect()
    say(len(runs), len(refused) > 0)
    say(threading._limbo, threading.enumerate() == [threading.main_thread()])
    say(osthread.thread_states() - before, osthread.unclaimed(), _thread._count())
    """
    run(patched, SETUP + script).check("120 True", "{} True", "0 0 0")
