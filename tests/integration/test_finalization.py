"""Destructors that join threads while the interpreter ends."""

import pytest
from harness import HANG, run

#: A daemon thread that does not come back from C code, and an object whose
#: destructor joins it.
JOINS = """
    import atexit, sys, threading, time
    from probe import outcome, run_into_c, say

    class Joins:
        def __init__(self, thread, timeout=None):
            self.thread = thread
            self.timeout = timeout

        def __del__(self, say=say, outcome=outcome):
            # The module's globals may be gone by now.
            result = outcome(self.thread.join, self.timeout)
            say("joined", result, "alive", self.thread.is_alive())

    def daemon(function, *args):
        args = (ready, function, *args)
        thread = threading.Thread(target=run_into_c, args=args, daemon=True)
        thread.start()
        ready.acquire()
        return thread

    def sleeper():
        return daemon(time.sleep, 3600)

    ready = threading.Semaphore(0)
    atexit.register(say, "atexit")
"""


@pytest.mark.parametrize("timeout", ["None", "1000", "0"])
def test_destructor_joins_a_daemon_thread(python, timeout):
    script = f"""
    joins = Joins(sleeper(), {timeout})
    """
    run(python, JOINS + script).check("atexit", "joined None alive False")


def test_destructors_join_many_daemon_threads(python):
    script = """
    threads = [sleeper() for _ in range(10)]
    joins = [Joins(thread) for thread in threads * 3]
    """
    run(python, JOINS + script).check("atexit", *30 * ["joined None alive False"])


def test_destructor_joins_a_daemon_thread_that_had_ended(python):
    script = """
    ended = threading.Thread(target=int, daemon=True)
    ended.start()
    joins = Joins(ended)
    """
    run(python, JOINS + script).check("atexit", "joined None alive False")


LOCAL = """
    def hold_and_sleep():
        come.wait()
        local.value = Joins(threads["joined"], {timeout})
        ready.release()
        time.sleep(3600)

    local = threading.local()
    come = threading.Event()
    ways = {{"holder": (hold_and_sleep,), "joined": (time.sleep, 3600)}}
    threads = {{name: daemon(*ways[name]) for name in {names}}}
    if len(threads) == 1:
        threads["joined"] = threads["holder"]
    come.set()
    ready.acquire()
"""


@pytest.mark.parametrize("timeout", ["None", "1000"])
def test_destructor_in_the_thread_local_of_the_thread_it_joins(python, timeout):
    # It runs in the main thread, while the state of the other thread is cleared.
    script = JOINS + LOCAL.format(timeout=timeout, names=["holder"])
    if python.patched:
        run(python, script).check("atexit", "joined None alive False")
    else:
        result = run(python, script, timeout=HANG)
        assert result.hung
        assert result.lines == ["atexit"]


@pytest.mark.parametrize("first", ["holder", "joined"])
def test_destructor_in_the_thread_local_of_another_daemon(python, first):
    # The states of the threads are cleared one by one, the youngest first.
    names = [first, "joined" if first == "holder" else "holder"]
    script = JOINS + LOCAL.format(timeout=None, names=names)
    if python.patched or first == "holder":
        run(python, script).check("atexit", "joined None alive False")
    else:
        result = run(python, script, timeout=HANG)
        assert result.hung
        assert result.lines == ["atexit"]


@pytest.mark.parametrize("timeout", ["None", "1000", "0.1"])
def test_destructor_joins_a_daemon_thread_that_lingers_for_good(python, timeout):
    # Its Python code is done. Its OS thread never exits, and the join must not wait for
    # that: no thread could release it any more.
    script = f"""
    import osthread

    lingering = threading.Thread(target=osthread.linger, daemon=True)
    lingering.start()
    osthread.await_lingering()
    joins = Joins(lingering, {timeout})
    """
    run(python, JOINS + script).check("atexit", "joined None alive False")


def test_thread_objects_destroyed_at_finalization(python):
    script = """
    import osthread, weakref

    finish = threading.Event()
    kept = [sleeper() for _ in range(5)]
    for daemon in (False, True):
        for target in (int, osthread.linger):
            thread = threading.Thread(target=target, daemon=daemon)
            thread.start()
            kept.append(thread)
    kept.append(threading.Thread(target=finish.wait, daemon=True))
    kept[-1].start()
    kept.append(threading.Thread(target=int))
    osthread.await_lingering(2)
    sys.kept = kept
    cycle = [kept]
    cycle.append(cycle)
    """
    run(python, JOINS + script).check("atexit")


def test_daemons_that_were_joining_end(python):
    # The thread that they join returns from C code, and is cut short. So is a joiner,
    # in the middle of join(), with all that it holds: on stock the lock, for which the
    # other joiner waits.
    script = """
    import os

    class Wakes:
        def __del__(self, write=os.write, listdir=os.listdir, say=say):
            write(self.end, b"x")
            while len(listdir("/proc/self/task")) > self.tasks - 2:
                pass
            say("two are gone")

    read_end, write_end = os.pipe()
    thread = daemon(os.read, read_end, 1)
    for timeout in (None, 1000):
        daemon(thread.join, timeout)
    wakes = Wakes()
    wakes.end, wakes.tasks = write_end, len(os.listdir("/proc/self/task"))
    """
    run(python, JOINS + script).check("atexit", "two are gone")


def test_all_daemons_that_were_joining_end(patched):
    # Each that is cut short lets the next one through. On stock, the first one keeps
    # the lock for ever.
    script = """
    import _thread, os

    class Ends:
        def __del__(self, listdir=os.listdir, say=say):
            self.handle._set_done()
            while len(listdir("/proc/self/task")) > self.tasks - 4:
                pass
            say("four are gone")

    handle = _thread._make_thread_handle(1)
    for timeout in (None, None, 1000, 1000):
        daemon(handle.join, timeout)
    ends = Ends()
    ends.handle, ends.tasks = handle, len(os.listdir("/proc/self/task"))
    """
    run(patched, JOINS + script).check("atexit", "four are gone")


def test_daemons_that_were_joining_are_cut_short(patched):
    # On stock, they may keep the lock for which join() waits.
    script = """
    thread = sleeper()
    for timeout in (None, 1000):
        daemon(thread.join, timeout)
    joins = Joins(thread)
    """
    run(patched, JOINS + script).check("atexit", "joined None alive False")


def test_daemon_thread_that_comes_back_after_the_end(python):
    # It returns from C code while, or after, the main thread clears its state.
    script = """
    import os

    class Wakes:
        def __init__(self, end):
            self.end = end

        def __del__(self, write=os.write):
            write(self.end, b"x" * 20)

    read_end, write_end = os.pipe()
    threads = [daemon(os.read, read_end, 1) for _ in range(10)]
    wakes = Wakes(write_end)
    joins = [Joins(thread) for thread in threads]
    """
    run(python, JOINS + script).check("atexit", *10 * ["joined None alive False"])


def test_destructor_starts_a_thread(python):
    # It would never run, and on stock start() waits for it to run.
    script = """
    class Starts:
        def __del__(self, say=say, outcome=outcome, Thread=threading.Thread):
            say(outcome(Thread(target=int).start))

    starts = Starts()
    """
    if python.is_without("destructor_starts_a_thread"):
        run(python, JOINS + script).check("atexit", "RuntimeError")
    else:
        result = run(python, JOINS + script, timeout=HANG)
        assert result.hung
        assert result.lines == ["atexit"]


def test_handles_in_cycles_at_finalization(patched):
    script = """
    import _thread, gc

    gc.disable()
    for _ in range(5):
        cycle = [_thread.start_joinable_thread(int) for _ in range(10)]
        cycle.append(cycle)
        thread = threading.Thread(target=int)
        thread.start()
        thread.itself = thread
        thread.handles = cycle
    _thread.kept = cycle
    """
    run(patched, JOINS + script).check("atexit")
