"""The names of `_thread` that tools probe for, as CPython 3.13 has them."""

import pytest
from harness import run

SETUP = """
    import _thread, os, sys, threading
    from probe import outcome, say

    def error(function, *args, **kwargs):
        try:
            function(*args, **kwargs)
        except Exception as exc:
            return type(exc).__name__
        return "no error"

    def gate():
        lock = _thread.allocate_lock()
        lock.acquire()
        return lock
"""

#: Scripts that have to print the same on patched and on CPython 3.13.
COMMON = {
    "unstarted handle": """
    handle = _thread._ThreadHandle()
    say(type(handle).__module__, type(handle).__qualname__)
    say(repr(handle), handle.ident, handle.is_done())
    say(error(handle.join), error(handle.join, 0), error(handle._set_done))
    say(error(setattr, handle, "ident", 1), error(setattr, handle, "x", 1))
    say(error(setattr, type(handle), "x", 1))
    say(error(type, "Derived", (_thread._ThreadHandle,), {}))
    """,
    "started handle": """
    lock = gate()
    idents = []
    def body():
        idents.append(_thread.get_ident())
        lock.acquire()
    handle = _thread.start_joinable_thread(body)
    say(type(handle).__name__, handle.is_done(), handle.join(0), handle.join(0.01))
    say(handle.is_done(), repr(handle) == f"<_thread._ThreadHandle object: "
                                          f"ident={handle.ident}>")
    lock.release()
    say(handle.join(), handle.is_done(), handle.join(), handle.join(0))
    say(idents == [handle.ident], handle.join(None), handle.join(100))
    """,
    "arguments of start_joinable_thread": """
    start = _thread.start_joinable_thread
    given = _thread._ThreadHandle()
    say(start(int, handle=given) is given, given.join())
    given = _thread._ThreadHandle()
    say(start(int, given) is given, given.join())
    given = _thread._ThreadHandle()
    say(start(int, given, True) is given, given.join())
    say(start(function=int, handle=None, daemon=False).join())
    say(start(int, handle=None, daemon=0).join(), start(int, daemon="yes").join())
    say(error(start), error(start, 1), error(start, int, int), error(start, None))
    say(error(start, int, None, True, None), error(start, int, wrong=1))
    """,
    "arguments of join": """
    lock = gate()
    handle = _thread.start_joinable_thread(lock.acquire)
    say(error(handle.join, "1"), error(handle.join, (1,)), error(handle.join, 1e300))
    say(error(handle.join, float("nan")), error(handle.join, timeout=1))
    say(error(handle.join, 1, 2), handle.is_done())
    lock.release()
    handle.join()
    """,
    "handle that is used twice": """
    lock = gate()
    handle = _thread._ThreadHandle()
    start = _thread.start_joinable_thread
    start(lock.acquire, handle=handle)
    say(error(start, int, handle=handle))
    lock.release()
    handle.join()
    say(error(start, int, handle=handle), handle.is_done())
    """,
    "handle of the joining thread": """
    lock = gate()
    def body():
        lock.acquire()
        say(error(handle.join), error(handle.join, 0), error(handle.join, 10))
    handle = _thread.start_joinable_thread(body)
    lock.release()
    handle.join()
    """,
    "set done": """
    lock = gate()
    handle = _thread.start_joinable_thread(lock.acquire)
    say(handle._set_done(), handle.is_done(), handle.join(), handle.join(10))
    say(handle._set_done(), error(handle._set_done, 1))
    lock.release()
    """,
    "set done while others join": """
    lock, joined = gate(), gate()
    handle = _thread.start_joinable_thread(lock.acquire)
    entered = gate()
    def join():
        entered.release()
        handle.join()
        joined.release()
    other = _thread.start_joinable_thread(join)
    entered.acquire()
    other.join(0.1)
    handle._set_done()
    joined.acquire()
    other.join()
    say(handle.is_done(), other.is_done())
    lock.release()
    """,
    "exceptions in a thread": """
    seen = []
    sys.unraisablehook = lambda args: seen.append(args.exc_type.__name__)
    def divide():
        1 / 0
    handles = [_thread.start_joinable_thread(f) for f in (divide, sys.exit)]
    for handle in handles:
        handle.join()
    say(seen)
    """,
    "shutdown": """
    lock, other, answers = gate(), gate(), []
    def body():
        lock.acquire()
        answers.append("waited for")
        other.release()
    def release():
        lock.release()
    handle = _thread.start_joinable_thread(body, daemon=False)
    releaser = _thread.start_joinable_thread(release, daemon=True)
    say(_thread._shutdown(), answers, handle.is_done(), _thread._shutdown())
    """,
    "shutdown with daemons": """
    lock, entered = gate(), threading.Semaphore(0)
    def body():
        entered.release()
        lock.acquire()
    handle = _thread.start_joinable_thread(body, daemon=True)
    _thread.start_new_thread(body, ())
    threading.Thread(target=body, daemon=True).start()
    for _ in range(3):
        entered.acquire()
    say(_thread._shutdown(), handle.is_done(), error(_thread._shutdown, 1))
    """,
    "daemon threads allowed": """
    say(_thread.daemon_threads_allowed(), error(_thread.daemon_threads_allowed, 1))
    """,
    "count and enumeration": """
    lock, entered = gate(), gate()
    def body():
        entered.release()
        lock.acquire()
    handle = _thread.start_joinable_thread(body)
    entered.acquire()
    say(_thread._count(), threading.active_count())
    lock.release()
    handle.join()
    say(_thread._count())
    """,
}


@pytest.mark.parametrize("case", sorted(COMMON))
def test_same_as_upstream(patched, upstream, case):
    results = [run(each, SETUP + COMMON[case]) for each in (patched, upstream)]
    for result in results:
        assert (result.status, result.err) == (0, ""), result.err
    assert results[0].lines == results[1].lines
    assert results[0].lines


def test_handle_keeps_its_thread_claimed(patched):
    script = """
    import gc
    import osthread

    for _ in range(10):
        _thread.start_joinable_thread(int)
        kept = _thread.start_joinable_thread(int)
        _thread.start_joinable_thread(osthread.linger)
        done = _thread.start_joinable_thread(osthread.linger)
        done._set_done()
    osthread.await_lingering(20)
    del done
    kept.join()
    del kept
    osthread.release()
    _thread.start_joinable_thread(int).join()
    gc.collect()
    # The last to begin may take its time; _thread._count() has only those
    # that have.
    while osthread.unclaimed():
        os.sched_yield()
    """
    run(patched, SETUP + script).check()


def test_many_joiners_of_a_handle(patched):
    script = """
    for round in range(20):
        lock = gate()
        handle = _thread.start_joinable_thread(lock.acquire)
        joiners = [
            _thread.start_joinable_thread(lambda: handle.join(timeout))
            for timeout in (None, 0, 0.001, 1000) * 10
        ]
        lock.release()
        for joiner in joiners:
            joiner.join()
        handle.join()
        say(handle.is_done()) if round == 19 else None
    """
    run(patched, SETUP + script).check("True")


def test_audit_events_of_a_start(stock, patched):
    # A hook may refuse what it does not know, and a policy what it knows.
    script = """
    import sys, threading
    from probe import outcome, say

    def hook(event, args):
        if event.startswith("_thread."):
            say(event, len(args), callable(args[0]), *args[1:])
            raise PermissionError(event)

    sys.addaudithook(hook)
    thread = threading.Thread(target=int)
    say(outcome(thread.start), outcome(thread.join))
    """
    results = [run(each, script).lines for each in (stock, patched)]
    assert results[0] == results[1] != []


def test_pairs_that_wait_for_the_end_at_once(patched):
    # Several threads call the function that shutdown calls.
    script = """
    def body():
        _thread._shutdown()
        done.append(True)

    done, lock = [], gate()
    target = _thread.start_joinable_thread(lock.acquire, daemon=False)
    waiters = [_thread.start_joinable_thread(body, daemon=True) for _ in range(5)]
    for waiter in waiters:
        waiter.join(0.02)
    say(done)
    lock.release()
    _thread._shutdown()
    target.join()
    for waiter in waiters:
        waiter.join(10)
    """
    result = run(patched, SETUP + script)
    assert (result.status, result.lines) == (0, ["[]"])


def test_wait_for_the_end_that_is_interrupted(patched):
    script = """
    from probe import stop_ticking, tick

    def handler(frame):
        ticks.append(frame)
        if len(ticks) % 3 == 0:
            raise ZeroDivisionError

    ticks, lock = [], gate()
    handles = [_thread.start_joinable_thread(lock.acquire, daemon=False)]
    for _ in range(5):
        tick(handler, 0.02)
        say(outcome(_thread._shutdown))
        stop_ticking()
    handles += [_thread.start_joinable_thread(int, daemon=False) for _ in range(9)]
    lock.release()
    _thread._shutdown()
    say({handle.is_done() for handle in handles})
    """
    run(patched, SETUP + script).check(*5 * ["ZeroDivisionError"], "{True}")


def test_thread_becomes_a_daemon_during_the_wait(patched):
    script = """
    def body():
        change.acquire()
        _thread._current_thread_handle(daemon=True)
        end.acquire()

    def wait():
        _thread._shutdown()
        say("not waited for")

    change, end = gate(), gate()
    target = _thread.start_joinable_thread(body, daemon=False)
    waiter = _thread.start_joinable_thread(wait, daemon=True)
    waiter.join(0.1)
    say(waiter.is_done())
    change.release()
    waiter.join()
    end.release()
    target.join()
    """
    run(patched, SETUP + script).check("False", "not waited for")


def test_wait_in_a_thread_that_is_waited_for(patched):
    # It does not wait for itself.
    script = """
        import _thread
        _thread.start_joinable_thread(_thread._shutdown, daemon=False).join()
    """
    run(patched, script).check()


def test_wait_for_a_thread_state_that_is_cleared_and_not_deleted(patched):
    # It is still in the list of the interpreter, which must not end before that.
    script = """
    import osthread
    from probe import stop_ticking, tick

    def handler(frame):
        # The wait goes on after a signal, until the thread state is deleted.
        ticks.append(frame)
        if len(ticks) == 3:
            osthread.release()

    ticks = []
    osthread.half_gone(lambda: _thread._current_thread_handle(daemon=False))
    osthread.await_lingering()
    states = [osthread.thread_states()]
    tick(handler, 0.02)
    _thread._shutdown()
    states.append(osthread.thread_states())
    stop_ticking()
    osthread.release()
    osthread.await_finished()
    say(states)
    """
    run(patched, SETUP + script).check("[2, 1]")


def test_wait_that_begins_as_the_thread_is_deleted(patched, faulty):
    # The waiting thread has seen that a thread is left. While it allocates what it
    # waits with, that thread is taken out of the list, without the GIL.
    script = """
    import osthread

    def count():
        _thread._current_thread_handle(daemon=False)

    for number in range(20):
        osthread.gone_when_held(count)
        osthread.await_lingering(number + 1)
        osthread.hold_lock()
        _thread._shutdown()
    osthread.await_finished(20)
    """
    run(faulty(patched), SETUP + script).check()


def test_references_to_the_event(patched):
    # One reference is the thread state's, one the capsule's, and one each
    # handle's.
    script = """
    import _testinternalcapi as capi

    def count():
        return capi.event_refcount(capi.thread_done_event())

    counts = []
    handle = _thread.start_joinable_thread(lambda: counts.append(count()))
    handle.join()
    before = count()
    own = _thread._current_thread_handle()
    say(counts, count() - before)
    del own
    say(count() - before)
    """
    run(patched, SETUP + script).check("[3] 1", "0")
