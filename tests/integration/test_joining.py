"""Any number of joiners, timeouts, and OS threads that linger."""

import pytest
from harness import run

RACE = """
import sys, threading
from probe import say

finish = threading.Event()
b_asserts = threading.Event()   # B is about to assert that the lock is free
c_holds = threading.Event()     # C holds the lock, and is about to release it
b_done = threading.Event()
errors = {}

def is_line(frame, function, text):
    if frame.f_code.co_name != function:
        return False
    import linecache
    return text in linecache.getline(frame.f_code.co_filename, frame.f_lineno)

def trace_b(frame, event, arg):
    if is_line(frame, "_stop", "assert not lock.locked()"):
        b_asserts.set()
        c_holds.wait()
    return trace_b

def trace_c(frame, event, arg):
    if is_line(frame, "_wait_for_tstate_lock", "lock.release()"):
        c_holds.set()
        b_done.wait()
    return trace_c

def joiner(name, trace, first, last):
    first()
    sys.settrace(trace)
    try:
        a.join()
    except BaseException as exc:
        errors[name] = type(exc).__name__
    sys.settrace(None)
    last()

a = threading.Thread(target=finish.wait)
def b_is_through():
    b_asserts.set()     # only so that C goes on when B met no assertion
    b_done.set()
b = threading.Thread(target=joiner, args=("B", trace_b, int, b_is_through))
c = threading.Thread(target=joiner, args=("C", trace_c, b_asserts.wait, int))
a.start(); b.start(); c.start()
finish.set()
b.join(); c.join()
say(sorted(errors.items()))
"""


def test_two_joiners_in_the_order_of_the_race(python):
    result = run(python, RACE)
    if python.patched:
        result.check("[]")
    else:
        errors = [("B", "AssertionError")]
        if python.mended_upstream("interrupted_join_holds_its_lock"):
            # B releases the lock after its error, but it is C's.
            errors.append(("C", "RuntimeError"))
        result.check(str(errors))


def test_many_joiners_with_all_kinds_of_timeouts(patched):
    # On stock this meets the race now and then, which proves nothing.
    script = """
        import threading
        from probe import say

        TIMEOUTS = [None, 0, -1, 1e-9, 0.001, 30, 1000.5, threading.TIMEOUT_MAX]
        errors = []

        def join(target, barrier, timeout):
            barrier.wait()
            try:
                target.join(timeout)
                if timeout is None or timeout >= 30:
                    assert not target.is_alive()
            except BaseException as exc:
                errors.append(exc)

        for round in range(20):
            barrier = threading.Barrier(41)
            target = threading.Thread(target=barrier.wait)
            joiners = [
                threading.Thread(
                    target=join,
                    args=(target, barrier, TIMEOUTS[number % len(TIMEOUTS)]),
                )
                for number in range(40)
            ]
            for thread in [target, *joiners]:
                thread.start()
            for thread in joiners:
                thread.join()
        say(errors)
    """
    run(patched, script).check("[]")


def test_odd_timeouts_on_a_running_thread(python):
    script = """
        import threading, decimal, fractions
        from probe import outcome, say

        alive = set()
        values = [
            0, False, -1, -1e300, float("-inf"), 1e-9, 5e-324, 0.01,
            1e10, 2**63, 10**400, 1e300, float("inf"), threading.TIMEOUT_MAX * 2,
            float("nan"), "1", b"1", (), 1j, object(),
            decimal.Decimal("0.001"), fractions.Fraction(1, 1000),
        ]
        for value in values:
            finish = threading.Event()
            thread = threading.Thread(target=finish.wait)
            thread.start()
            shown = type(value).__name__ if type(value) is object else value
            shown = "10**400" if shown == 10**400 else shown
            say(repr(shown), outcome(thread.join, value))
            alive.add(thread.is_alive())
            finish.set()
            thread.join()
        say(alive)
    """
    result = run(python, script)
    # On stock, any exception inside join() marks the thread dead.
    alive = "{True}" if python.patched else "{False, True}"
    result.check(
        "0 None",
        "False None",
        "-1 None",
        "-1e+300 None",
        "-inf None",
        "1e-09 None",
        "5e-324 None",
        "0.01 None",
        "10000000000.0 OverflowError",
        "9223372036854775808 OverflowError",
        "'10**400' OverflowError",
        "1e+300 OverflowError",
        "inf OverflowError",
        "18446744072.0 OverflowError",
        "nan ValueError",
        "'1' TypeError",
        "b'1' TypeError",
        "() TypeError",
        "1j TypeError",
        "'object' TypeError",
        "Decimal('0.001') TypeError",
        "Fraction(1, 1000) TypeError",
        alive,
    )


@pytest.mark.parametrize("timeout", ["None", "threading.TIMEOUT_MAX", "9e9"])
def test_long_timeouts_end_with_the_thread(python, timeout):
    # The deadline is beyond 64 bits of nanoseconds, and is computed again after each
    # signal.
    script = f"""
        import threading
        from probe import say, stop_ticking, tick, within

        def handler(frame):
            ticks.append(within(frame, "join"))
            if ticks.count(True) == 3:
                finish.set()

        ticks = []
        finish = threading.Event()
        thread = threading.Thread(target=finish.wait)
        thread.start()
        tick(handler, 0.02)
        thread.join({timeout})
        stop_ticking()
        say(thread.is_alive())
    """
    run(python, script).check("False")


def test_timeout_is_kept_while_the_thread_runs(python):
    script = """
        import threading, time
        from probe import say

        finish = threading.Event()
        thread = threading.Thread(target=finish.wait)
        thread.start()
        begin = time.monotonic()
        thread.join(0.25)
        say(time.monotonic() - begin >= 0.25, thread.is_alive())
        finish.set()
        thread.join(1000)
        say(thread.is_alive())
        say(thread.join(), thread.join(0), thread.join(-1), thread.join(5))
    """
    run(python, script).check("True True", "False", "None None None None")


def test_join_returns_after_the_os_thread_is_done(python):
    # Stock's join() returns at once, so it gets a long time.
    script = """
        import sys, threading
        import osthread
        from probe import say

        def release():
            returned.wait(float(sys.argv[1]))
            osthread.release()

        returned = threading.Event()
        thread = threading.Thread(target=osthread.linger)
        thread.start()
        osthread.await_lingering()
        threading.Thread(target=release).start()
        say(thread.is_alive())
        thread.join()
        say(osthread.finished())
        returned.set()
    """
    result = run(python, script, 0.3 if python.patched else 30)
    result.check(str(python.patched), "1" if python.patched else "0")


def test_is_alive_while_the_os_thread_lingers(python):
    # As long as the OS thread exists, a fork would be one with several threads.
    script = """
        import os, threading
        import osthread
        from probe import say

        thread = threading.Thread(target=osthread.linger)
        thread.start()
        osthread.await_lingering()
        thread.join(0.01)
        say(thread._is_stopped, thread.is_alive(), thread.is_alive())
        say(thread in threading.enumerate())
        osthread.release()
        while thread.is_alive():
            os.sched_yield()
        thread.join()
        say(thread.is_alive(), thread._tstate_lock)
    """
    alive = python.patched
    run(python, script).check(f"True {alive} {alive}", "False", "False None")


def test_timeout_is_kept_while_the_os_thread_lingers(python):
    script = """
        import threading, time
        import osthread
        from probe import say

        thread = threading.Thread(target=osthread.linger)
        thread.start()
        osthread.await_lingering()
        for timeout in (0.25, 0, -1, 1e-9):
            begin = time.monotonic()
            thread.join(timeout)
            took = time.monotonic() - begin
            say(timeout, took >= timeout, osthread.finished(), thread.is_alive())
        osthread.release()
        thread.join(1000)
        say(osthread.finished())
    """
    result = run(python, script)
    # Stock calls a thread dead whose OS thread is still there (gh-137017).
    waited = alive = python.patched
    lines = [f"0.25 {waited} 0 {alive}"]
    lines += [f"{timeout} True 0 {alive}" for timeout in ("0", "-1", "1e-09")]
    if python.patched:
        lines.append("1")
        result.check(*lines)
    else:
        # Stock's join() does not wait for the OS thread.
        assert result.lines[:-1] == lines


# 3.12 looks once more than 3.11.
@pytest.mark.parametrize("look", [1, 2, 3, 4, 5])
def test_time_is_over_between_two_looks_at_the_clock(refusing, patched, look):
    # The time that is left then is negative, and must not count as no timeout: neither
    # after a signal handler, nor when the thread is done and its OS thread lingers.
    script = f"""
        import threading
        import osthread
        from probe import say, stop_ticking, tick

        def jump(frame):
            if not jumped.is_set():
                jumped.set()
                osthread.jump_clock({look}, 20_000)

        def join():
            osthread.jump_clock({look}, 300)
            lingering.join(0.2)

        jumped, finish = threading.Event(), threading.Event()
        running = threading.Thread(target=finish.wait)
        running.start()
        tick(jump)
        running.join(10)
        stop_ticking()
        say(jumped.is_set(), running.is_alive())
        finish.set()

        lingering = threading.Thread(target=osthread.linger)
        lingering.start()
        osthread.await_lingering()
        joiner = threading.Thread(target=join)
        joiner.start()
        joiner.join()
        say(osthread.finished())
        osthread.release()
    """
    run(refusing(patched), script).check("True True", "0")


@pytest.mark.parametrize("timed_first", [True, False])
def test_several_joiners_of_a_lingering_thread(patched, timed_first):
    script = """
        import sys, threading
        import osthread
        from probe import say

        def join(timeout):
            entered.release()
            try:
                thread.join(timeout)
                outcomes.append((timeout, osthread.finished()))
            except BaseException as exc:
                outcomes.append((timeout, type(exc).__name__))

        def start(timeout):
            joiner = threading.Thread(target=join, args=(timeout,))
            joiner.start()
            entered.acquire()
            return joiner

        entered = threading.Semaphore(0)
        outcomes = []
        thread = threading.Thread(target=osthread.linger)
        thread.start()
        osthread.await_lingering()
        if sys.argv[1] == "True":
            timed, untimed = start(0.3), [start(None) for _ in range(5)]
        else:
            untimed, timed = [start(None) for _ in range(5)], start(0.3)
        others = [start(timeout) for timeout in (0, 0.1, -1, 1000)]
        untimed.append(others.pop())
        timed.join()
        for joiner in others:
            joiner.join()
        say(sorted(outcomes))
        say(all(joiner.is_alive() for joiner in untimed))
        outcomes.clear()
        osthread.release()
        for joiner in untimed:
            joiner.join()
        say(sorted(outcomes, key=str))
    """
    run(patched, script, timed_first).check(
        "[(-1, 0), (0, 0), (0.1, 0), (0.3, 0)]",
        "True",
        "[(1000, 1), (None, 1), (None, 1), (None, 1), (None, 1), (None, 1)]",
    )


def test_joining_a_thread_whose_identifier_was_reused(python):
    script = """
        import os
        import threading
        from probe import outcome, say

        def tasks():
            return len(os.listdir("/proc/self/task"))

        def join(thread):
            thread.join()
            # The C library gives a new thread the stack, and so the identifier,
            # of the last that has exited: stock's join() does not wait for that.
            while tasks() > before:
                os.sched_yield()

        before = tasks()    # with the one that watches the time

        old = threading.Thread(target=int)
        old.start()
        join(old)
        outcomes = set()
        new = threading.Thread(target=lambda: outcomes.add(outcome(old.join)))
        new.start()
        join(new)
        say("reused" if new.ident == old.ident else "another identifier")
        say(outcomes)
    """
    run(python, script).check("reused", "{'None'}")


def test_thread_that_joins_itself_while_others_join_it(python):
    script = """
        import threading
        from probe import outcome, say

        def body():
            joining.acquire()
            joining.acquire()
            say(*(outcome(thread.join, timeout) for timeout in (None, 0, 0.1)))

        def join():
            joining.release()
            thread.join()

        joining = threading.Semaphore(0)
        thread = threading.Thread(target=body)
        others = [threading.Thread(target=join) for _ in range(2)]
        for each in [thread, *others]:
            each.start()
        for each in others:
            each.join()
        say(thread.is_alive())
    """
    run(python, script).check("RuntimeError RuntimeError RuntimeError", "False")


def test_every_pthread_is_claimed_once(python):
    # Each is joined, or dropped: while it runs, after it has run, or by itself.
    script = """
        import gc, threading
        import osthread
        from probe import say

        def start(function):
            thread = threading.Thread(target=function)
            thread.start()
            return thread

        for _ in range(20):
            start(int).join()
            start(int)
            finish = threading.Event()
            dropped = start(finish.wait)
            others = [threading.Thread(target=dropped.join) for _ in range(3)]
            for other in others:
                other.start()
            del dropped
            finish.set()
            for other in others:
                other.join()
            del other, others
            lingering = start(osthread.linger)
            del lingering
        osthread.await_lingering(20)
        while threading.active_count() > 1:
            threading.enumerate()[-1].join(0.1)
        gc.collect()
        osthread.release()
        threading.Thread(target=int).start()
        while threading.active_count() > 1:
            threading.enumerate()[-1].join(0.1)
        say(osthread.unclaimed())
    """
    run(python, script).check("0")
