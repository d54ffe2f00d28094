"""Each allocation fails in turn: the call raises or succeeds, and leaves nothing.

A script does the same thing again and again, and each time another allocation
fails, the first, the second, until there is none left to fail. It prints each result.
Only allocations of one thread fail; the other threads are not affected.
"""

import signal

import pytest
from harness import run

SETUP = """
    import _thread, functools, gc, os, sys, threading
    import osthread
    from probe import outcome, say

    def attempt(index, function):
        "Return whether the allocation was asked for, and what was raised."
        raised = None
        osthread.fail(index)
        try:
            function()
        except BaseException as exc:
            raised = exc
        failed = not osthread.fail(0)
        if raised is not None:
            # Its frames keep objects alive.
            raised = type(raised)
        return failed, raised

    def each(prepare):
        "Yield what was made, and what it raised when it was called."
        index = 1
        failed = True
        while failed:
            made = prepare()
            failed, raised = attempt(index, made)
            assert raised in (None, MemoryError, RuntimeError), (index, raised)
            assert failed or raised is None, (index, raised)
            yield made, raised
            index += 1

    def settle():
        "Wait until only this thread is left."
        while osthread.thread_states() > states:
            os.sched_yield()

    class Started:
        "What Thread._started is, but for the lock that Event leaves held when"
        "its Condition has no memory for being left: as on stock."
        def __init__(self):
            self.lock = _thread.allocate_lock()
            self.lock.acquire()
        def is_set(self):
            return not self.lock.locked()
        def set(self):
            self.lock.release()
        def wait(self):
            self.lock.acquire()
            self.lock.release()

    class Thread(threading.Thread):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self._started = Started()

    def gate():
        lock = _thread.allocate_lock()
        lock.acquire()
        return lock

    def start_blocked():
        "Start a thread; return the lock that ends it when released, and it."
        end = gate()
        thread = threading.Thread(target=end.acquire)
        thread.start()
        return end, thread

    osthread.release()
    states = osthread.thread_states()
"""

#: Runs after the call that failed: everything has to be as before.
CHECK = """
    settle()
    gc.collect()
    assert threading._limbo == {}, threading._limbo
    assert threading.enumerate() == [threading.main_thread()]
    assert osthread.unclaimed() == 0, osthread.unclaimed()
    assert _thread._count() == 0
    threading.Thread(target=say, args=("runs",)).start()
"""


@pytest.mark.parametrize("daemon", [False, True])
def test_start(patched, faulty, daemon):
    script = f"""
    {SETUP}
    runs, outcomes = [], set()
    for start, raised in each(
        lambda: Thread(target=runs.append, args=(1,), daemon={daemon}).start
    ):
        thread = start.__self__
        outcomes.add(raised)
        if raised and not (thread._tstate_lock and thread._tstate_lock.ident):
            # It can be started again.
            assert not thread.is_alive()
            assert thread not in threading._limbo, threading._limbo
            thread.start()
        # There may have been no memory for waiting for this.
        thread._started.wait()
        thread.join()
        assert not thread.is_alive()
        assert runs.pop() == 1 and not runs
        del start, thread
        settle()
    say(outcomes >= {{None, MemoryError}})
    {CHECK}
    """
    run(faulty(patched), script).check("True", "runs")


@pytest.mark.parametrize("daemon", [False, True])
def test_start_of_a_handle(patched, faulty, daemon):
    script = f"""
    {SETUP}
    runs, outcomes = [], set()
    def prepare():
        handle = _thread._ThreadHandle()
        function = lambda: runs.append(1)
        def start():
            _thread.start_joinable_thread(function, handle=handle, daemon={daemon})
        start.again = handle, function
        return start

    for start, raised in each(prepare):
        outcomes.add(raised)
        handle, function = start.again
        if raised and not handle.ident:
            assert not handle.is_done()
            _thread.start_joinable_thread(function, handle=handle, daemon={daemon})
        handle.join()
        assert runs.pop() == 1 and not runs
        del start, handle, function
        settle()
    say(outcomes >= {{None, MemoryError}})
    {CHECK}
    """
    run(faulty(patched), script).check("True", "runs")


@pytest.mark.parametrize(
    ("state", "timeout"),
    [("running", "0.001"), *[(s, t) for s in ("ending", "done") for t in ("", "60")]],
)
def test_join(patched, faulty, state, timeout):
    script = f"""
    {SETUP}
    def prepare():
        end, thread = start_blocked()
        if {state!r} != "running":
            end.release()
        if {state!r} == "done":
            thread.join()
        def join():
            thread.join({timeout})
        join.of = end, thread
        return join

    outcomes = set()
    for join, raised in each(prepare):
        outcomes.add(raised)
        end, thread = join.of
        if {state!r} == "running":
            assert thread.is_alive()
            end.release()
        elif not raised:
            assert not thread.is_alive()
        thread.join()
        assert not thread.is_alive()
        del join, thread, end
        settle()
    say(RuntimeError not in outcomes)
    {CHECK}
    """
    run(faulty(patched), script).check("True", "runs")


def test_join_of_a_handle(patched, faulty):
    script = f"""
    {SETUP}
    end = gate()
    handle = _thread.start_joinable_thread(end.acquire)
    def prepare():
        return lambda: handle.join(0.001)

    say([raised for join, raised in each(prepare)])
    end.release()
    handle.join()
    {CHECK}
    """
    # It needs memory for what it waits with alone.
    said = "[<class 'MemoryError'>, None]"
    run(faulty(patched), script).check(said, "runs")


def test_acquire_of_a_thread_that_is_done(python, faulty):
    # There is nothing to wait for, so it takes no memory.
    script = f"""
    {SETUP}
    def prepare():
        thread = threading.Thread(target=int)
        thread.start()
        lock = thread._tstate_lock
        while lock.locked():
            os.sched_yield()
        return functools.partial(both, lock.acquire, lock.release)

    both = lambda acquire, release: (acquire(), release())
    # The first call makes a frame, up to 3.10.
    both(int, int)
    say([raised for acquire, raised in each(prepare)])
    """
    run(faulty(python), script).check("[None]")


def test_several_joiners(patched, faulty):
    # One of the joiners has no memory to wait.
    script = f"""
    {SETUP}
    def prepare():
        end, thread = start_blocked()
        joiners = [threading.Thread(target=thread.join) for _ in range(3)]
        for joiner in joiners:
            joiner.start()
        def join():
            thread.join(0.001)
        join.of = end, thread, joiners
        return join

    for join, raised in each(prepare):
        assert raised in (None, MemoryError)
        end, thread, joiners = join.of
        end.release()
        for joiner in joiners:
            joiner.join()
        thread.join()
        del join, thread, joiners, joiner, end
        settle()
    {CHECK}
    """
    run(faulty(patched), script).check("runs")


def test_wait_for_the_end(patched, faulty):
    script = f"""
    {SETUP}
    def prepare():
        begun = gate()
        end, thread = start_blocked()
        # The wait ends once it has begun, or has failed.
        opener = threading.Thread(target=open, args=(begun, end), daemon=True)
        opener.start()
        def wait():
            begun.release()
            _thread._shutdown()
        wait.of = begun, thread, opener
        return wait

    def open(begun, end):
        begun.acquire()
        end.release()

    outcomes = set()
    for wait, raised in each(prepare):
        outcomes.add(raised)
        begun, thread, opener = wait.of
        if raised and opener.is_alive() and begun.locked():
            begun.release()
        _thread._shutdown()
        # Its OS thread may be there for a moment, and is_alive() says so.
        assert thread._is_stopped
        opener.join()
        thread.join()
        del wait, thread, opener
        settle()
    say(RuntimeError not in outcomes)
    {CHECK}
    """
    run(faulty(patched), script).check("True", "runs")


#: For failures inside new threads: their reports are kept, and not printed.
INSIDE = f"""
    {SETUP}
    def each_inside(start):
        "Yield what was started, in whose thread one allocation fails after another."
        index = 1
        failed = True
        while failed:
            before = osthread.failures()
            osthread.bequeath(index)
            reported.clear()
            yield start()
            # It has ended.
            failed = osthread.failures() > before
            index += 1

    def note(args):
        "Keep what was raised, and what before that."
        exc = args.exc_value
        while exc is not None:
            reported.append((type(exc), innermost(exc.__traceback__)))
            exc = exc.__context__

    def innermost(traceback):
        "Return the name of the function; none if there was no memory for it."
        name = None
        while traceback is not None:
            name = traceback.tb_frame.f_code.co_name
            traceback = traceback.tb_next
        return name

    def short_of_memory():
        return MemoryError in dict(reported)

    reported = []
    sys.unraisablehook = threading.excepthook = note
"""

#: The function of a new thread, and the exception that it is to report.
BODIES = {
    "returns": ("pass", "None"),
    "exits": ("raise SystemExit", "None"),
    "raises": ("raise ValueError", "ValueError"),
    "starts": ("_thread.start_joinable_thread(int).join()", "None"),
}


@pytest.mark.parametrize("daemon", [False, True])
@pytest.mark.parametrize("body", sorted(BODIES))
def test_inside_the_thread_of_a_handle(patched, faulty, body, daemon):
    does, raises = BODIES[body]
    script = f"""
    {INSIDE}
    def body():
        runs.append(1)
        {does}

    def start():
        return _thread.start_joinable_thread(body, daemon={daemon})

    runs, count, ran = [], 0, 0
    for handle in each_inside(start):
        handle.join()
        assert handle.is_done()
        # What it has started may run for longer, if there was no join().
        settle()
        assert _thread._count() == 0
        _thread._shutdown()
        count += 1
        ran += bool(runs)
        assert runs or short_of_memory()
        runs.clear()
    # In the last one, nothing has failed.
    say({raises} in {{None, *dict(reported)}}, count > ran > 0)
    del handle
    {CHECK}
    """
    result = run(faulty(patched), script)
    # A thread without memory for the report prints another one.
    result.check("True True", "runs", err=result.err)
    assert "Fatal" not in result.err


@pytest.mark.parametrize("daemon", [False, True])
def test_inside_a_thread(patched, faulty, daemon):
    script = f"""
    {INSIDE}
    def start():
        thread = threading.Thread(target=runs.append, args=(1,), daemon={daemon})
        outcomes.append(outcome(thread.start))
        return thread

    # Whether that has no memory, nothing tells before 3.11.
    silent = sys.version_info < (3, 11)
    runs, outcomes, begun = [], [], 0
    for thread in each_inside(start):
        assert outcomes[-1] in ("None", "RuntimeError"), outcomes
        if outcomes[-1] == "None":
            begun += 1
            thread.join()
        # The thread may not have reported yet what start() says.
        settle()
        assert runs or short_of_memory()
        if outcomes[-1] != "None":
            assert not runs
            assert thread._tstate_lock is None
            assert outcome(thread.join) == "RuntimeError"
        assert not thread.is_alive()
        if silent or "_delete" in dict(reported).values():
            # As on stock, it stays in here without the memory to go.
            threading._active.pop(thread.ident, None)
        assert threading._limbo == {{}}
        assert threading.enumerate() == [threading.main_thread()]
        assert _thread._count() == 0
        _thread._shutdown()
        runs.clear()
        if outcomes[-1] != "None":
            thread.start()
            thread.join()
            assert runs.pop() == 1
    say(len(outcomes) > begun > 1, outcomes[-1], reported)
    del thread
    {CHECK}
    """
    run(faulty(patched), script).check("True None []", "runs")


@pytest.mark.parametrize("starts", ["a handle", "a thread"])
def test_memory_is_given_back_after_failures_inside(patched, faulty, starts):
    script = f"""
    {INSIDE}
    def start_handle():
        return _thread.start_joinable_thread(body)

    def start_thread():
        thread = threading.Thread(target=body)
        outcome(thread.start)
        return thread

    def body():
        "Not made anew each time: stock loses a function that gets no frame."

    def all_of_them():
        for made in each_inside(start):
            outcome(made.join)
            settle()
        reported.clear()
        # As above.
        threading._active.clear()
        threading._active[_thread.get_ident()] = threading.main_thread()
        del made
        gc.collect()
        return osthread.malloced()

    start = start_handle if {starts!r} == "a handle" else start_thread
    # 3.10 makes a cache for a function that is called for the 1,024th time, and dies
    # where it has no memory for it.
    for _ in range(1024):
        start().join()
    for _ in range(20):
        before = all_of_them()
    for _ in range(1000):
        after = all_of_them()
    # Less than what the smallest allocation takes, each time.
    say(after - before < 16 * 1000, osthread.unclaimed())
    """
    run(faulty(patched), script).check("True 0")


def test_start_that_hangs_on_stock(python, faulty):
    # A thread that waits for Thread._started waits for ever if the new thread had no
    # memory to set it, or to release its lock once it is set. So start() does not wait
    # for it on patched: see above.
    script = f"""
    {INSIDE}
    class Awaited(threading.Event):
        "As if start() were waiting for it. It really waits for the thread to end."
        def __init__(self):
            super().__init__()
            self.waiter = gate()
            self._cond._waiters.append(self.waiter)
        def wait(self):
            settle()
            self.stuck = self.waiter.locked() or self._cond._lock.locked()

    def start():
        thread = threading.Thread(target=int)
        thread._started = Awaited()
        thread.start()
        return thread

    say(any([thread._started.stuck for thread in each_inside(start)]))
    """
    run(faulty(python), script).check("True")


SUBINTERPRETER = """
    import sys
    import osthread
    import _xxsubinterpreters as interpreters

    made = raised = None
    osthread.fail(int(sys.argv[1]))
    try:
        made = interpreters.create()
    except RuntimeError as exc:
        raised = exc
    failed = not osthread.fail(0)
    print(failed, raised is not None)
    if made is not None:
        interpreters.destroy(made)
    # Another one is made, and ends.
    interpreters.destroy(interpreters.create())
"""

#: How 3.11 ends when there is no memory for what a new interpreter imports: the
#: release of 3.11.2 deletes the thread state that it has just made the current
#: one, and 3.11.16 finds no memory for the configuration.
ENDS = {
    -signal.SIGABRT: "Fatal Python error: _PyThreadState_Delete: tstate",
    1: "Fatal Python error: PyConfig_SetString: memory allocation failed",
}

#: Allocations before that: of the interpreter and its first thread state. Stock
#: dies of the last of these, too.
CLEAN = 3


def test_subinterpreter(stock, patched, faulty):
    for index in range(1, CLEAN + 1):
        result = run(faulty(patched), SUBINTERPRETER, index)
        result.check("True True")
    # A debug build of 3.11.16 dies of an assertion.
    status = run(faulty(stock), SUBINTERPRETER, CLEAN).status
    assert status in (-signal.SIGSEGV, -signal.SIGABRT)


def test_subinterpreter_beyond(python, faulty):
    # The series does not mend this.
    result = run(faulty(python), SUBINTERPRETER, CLEAN + 1)
    assert result.status in ENDS, result
    assert ENDS[result.status] in result.err
