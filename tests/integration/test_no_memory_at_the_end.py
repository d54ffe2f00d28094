"""Each allocation fails in turn while an interpreter ends, with threads in it.

Each runs in its own process. There may be an exception that is reported, and threads
that are not waited for; never a hang, and no crash that stock does not have at the
same point.
"""

import json

import pytest
from harness import run

#: The allocations that fail, where not all of them are tried: those of _shutdown(), and
#: some after it.
SOME = 30

#: How 3.11 ends a process whose subinterpreter still has threads.
NOT_THE_LAST = "Fatal Python error: Py_EndInterpreter: not the last thread"

SETUP = """
    import _thread, gc, os, sys, threading
    import osthread
    from probe import NONE_FAILED, each_allocation, outcome, say

    # Only a thread that waits releases the GIL: so each is where it is
    # expected when the main thread begins to wait.
    sys.setswitchinterval(1000)

    def start(count=3):
        "Return so many threads that last until the main thread counts as done."
        threads = [
            threading.Thread(target=threading.main_thread().join)
            for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        return threads

    def alive(threads):
        # The OS threads may still be there.
        return any(t.is_alive() and not t._is_stopped for t in threads)
"""

LIMITS = [SOME, pytest.param(None, marks=pytest.mark.long)]


def attempts(interpreter, script, *args):
    """Return the result of each: a list of (number, status, stderr)."""
    result = run(interpreter, script, *args, timeout=600 if None in args else 40)
    assert (result.status, result.err, result.hung) == (0, "", False), result
    all_of_them = [json.loads(line) for line in result.lines]
    assert all_of_them
    return all_of_them


def test_shutdown_called_directly(patched, faulty):
    script = f"""
    {SETUP}
    def attempt(index):
        threads = start()
        states = osthread.thread_states() - len(threads)
        raised = None
        osthread.fail(index)
        try:
            threading._shutdown()
        except BaseException as exc:
            raised = type(exc)
        if osthread.fail(0):
            os._exit(NONE_FAILED)
        assert raised in (None, MemoryError), raised
        # Who was told that all is well has waited for all.
        assert raised or not alive(threads)
        # What is left is left to be waited for.
        threading.main_thread()._tstate_lock.release()
        _thread._shutdown()
        assert not alive(threads)
        assert osthread.thread_states() == states
        for thread in threads:
            thread.join()
        del thread, threads
        gc.collect()
        assert threading.enumerate() == [threading.main_thread()]
        assert (osthread.unclaimed(), _thread._count()) == (0, 0)
        start(1)[0].join()

    osthread.release()
    each_allocation(attempt)
    """
    for index, status, err in attempts(faulty(patched), script):
        assert (status, err) == (0, ""), index


#: Calls _shutdown() again, in each process. It says on stderr if that raises.
CALLED_AGAIN = f"""
    {SETUP}
    def attempt(index):
        threads = start()
        osthread.fail(index)
        try:
            threading._shutdown()
        except MemoryError:
            pass
        if osthread.fail(0):
            os._exit(NONE_FAILED)
        lock = threading.main_thread()._tstate_lock
        begun = not (lock and lock.locked())
        raised = outcome(threading._shutdown)
        if raised != "None":
            # The lock is released, and the main thread is not marked done.
            assert begun and lock
            sys.stderr.write(raised)
        assert begun or not alive(threads)

    each_allocation(attempt)
"""


def test_shutdown_called_again(python, faulty):
    # As long as the main thread is not marked done, no thread has been waited for.
    for index, status, err in attempts(faulty(python), CALLED_AGAIN):
        # Whether it may raise: see the next test.
        assert (status, err) in [(0, ""), (0, "AssertionError")], index


def test_shutdown_called_again_raises_nothing(python, faulty):
    said = {err for index, status, err in attempts(faulty(python), CALLED_AGAIN)}
    assert said == {""}


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("daemon", [False, True])
def test_exit(patched, faulty, daemon, limit):
    script = f"""
    {SETUP}
    import atexit

    def attempt(index):
        if {daemon}:
            for _ in range(3):
                threading.Thread(target=_thread.allocate_lock().acquire,
                                 daemon=True).start()
        threads = start()
        threading._register_atexit(int)

        @atexit.register
        def tell():
            if alive(threads):
                sys.stderr.write("left\\n")
            sys.stderr.write("atexit\\n")
            # Up to 3.10, flushing them takes memory, and the exit status is 120 where
            # there is none.
            sys.stdout = sys.stderr = None

        osthread.exit_failing(index)

    each_allocation(attempt, {limit})
    """
    for index, status, err in attempts(faulty(patched), script, limit):
        assert status == 0, (index, err)
        # If threads are left behind, the reason is reported.
        assert "left\n" not in err or "MemoryError" in err, (index, err)
        assert "atexit\n" in err or "MemoryError" in err, (index, err)


SUBINTERPRETER = f"""
    {SETUP}
    import _testcapi

    SCRIPT = '''if True:
        import sys, threading
        import osthread
        threads = [
            threading.Thread(target=threading.main_thread().join)
            for _ in range(int(sys.argv[1]))
        ]
        for thread in threads:
            thread.start()
        threading._register_atexit(int)
        del thread, threads
        shutdown = threading._shutdown
        def _shutdown():
            osthread.fail({{}})
            shutdown()
        # Up to 3.10, calling it takes memory, too.
        threading._shutdown = _shutdown
    '''

    def attempt(index):
        assert _testcapi.run_in_subinterp(SCRIPT.format(index)) == 0
        if osthread.fail(0):
            os._exit(NONE_FAILED)
        # Another one ends as ever.
        assert _testcapi.run_in_subinterp(SCRIPT.format(0)) == 0

    limit = None if sys.argv[2] == "None" else int(sys.argv[2])
    each_allocation(attempt, limit)
"""


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("threads", [1, 3])
def test_subinterpreter(python, faulty, threads, limit):
    found = attempts(faulty(python), SUBINTERPRETER, threads, limit)
    fatal = 0
    for index, status, err in found:
        if status != 0:
            # It goes on if it could not wait, as on stock.
            assert status == -6, (index, status, err)
            assert NOT_THE_LAST in err, (index, err)
            assert "in _shutdown\n" in err and "MemoryError" in err, (index, err)
            fatal += 1
    assert fatal
