"""Signal handlers that run while join() waits."""

import pytest
from harness import run

RAISES = """
    import atexit, sys, threading
    from probe import fail, interrupt, outcome, say

    def body():
        threading.main_thread().join()
        # The interpreter goes on with its exit once it has not waited for us.
        say("abandoned" if exiting.wait(float(sys.argv[1])) else "waited for")
        said.set()

    @atexit.register
    def at_exit():
        exiting.set()
        said.wait()

    exiting, said = threading.Event(), threading.Event()
    thread = threading.Thread(target=body)
    thread.start()
    interrupt("join", fail)
    say(outcome(thread.join, {timeout}))
    say(thread.is_alive(), thread in threading.enumerate())
    say(outcome(thread.join, 0), outcome(thread.join, 0.05))
    say(thread.is_alive())
"""


@pytest.mark.parametrize("timeout", ["", "1000"])
def test_handler_that_raises_leaves_the_thread_alive(python, timeout):
    script = RAISES.format(timeout=timeout)
    if python.patched:
        result = run(python, script, 0.3)
        result.check(
            "ZeroDivisionError", "True True", "None None", "True", "waited for"
        )
    else:
        result = run(python, script, 30)
        result.check(
            "ZeroDivisionError", "False True", "None None", "False", "abandoned"
        )


def test_thread_can_be_joined_after_many_interruptions(python):
    script = """
        import threading
        from probe import outcome, say, stop_ticking, tick, within

        def handler(frame):
            if within(frame, "join") and not finish.is_set():
                raise ZeroDivisionError

        finish = threading.Event()
        thread = threading.Thread(target=finish.wait)
        thread.start()
        outcomes = set()
        for _ in range(10):
            tick(handler)
            outcomes.add(outcome(thread.join))
            stop_ticking()
        others = [threading.Thread(target=thread.join) for _ in range(3)]
        for other in others:
            other.start()
        say(outcomes, thread.is_alive(), all(map(threading.Thread.is_alive, others)))
        finish.set()
        thread.join()
        for other in others:
            other.join()
        say(thread.is_alive())
    """
    if python.patched:
        run(python, script).check("{'ZeroDivisionError'} True True", "False")
    else:
        # The first interruption marks the thread dead, so that the others find it dead.
        assert run(python, script).lines[0].endswith(" False False")


def test_join_goes_on_for_the_time_that_is_left(python):
    # If the timeout started anew after each signal, join() would never end.
    script = """
        import threading, time
        from probe import say, stop_ticking, tick, within

        def handler(frame):
            ticks.append(within(frame, "join"))

        ticks, finish = [], threading.Event()
        thread = threading.Thread(target=finish.wait)
        thread.start()
        tick(handler, 0.02)
        begin = time.monotonic()
        thread.join(0.5)
        took = time.monotonic() - begin
        stop_ticking()
        say(took >= 0.5, ticks.count(True) > 3, thread.is_alive())
        finish.set()
        thread.join()
    """
    run(python, script).check("True True True")


def test_untimed_join_goes_on_until_the_thread_is_done(python):
    script = """
        import threading
        from probe import interrupt, say

        finish = threading.Event()
        thread = threading.Thread(target=finish.wait)
        thread.start()
        interrupt("join", finish.set)
        thread.join()
        say(finish.is_set(), thread.is_alive())
    """
    run(python, script).check("True False")


@pytest.mark.parametrize("outer", ["None", "1000"])
@pytest.mark.parametrize("inner", ["0", "0.01", "None"])
def test_handler_that_joins_the_same_thread(python, outer, inner):
    script = f"""
        import threading
        from probe import interrupt, say

        def act():
            if inner is None:
                finish.set()
            thread.join(inner)
            say("inner", thread.is_alive())
            finish.set()

        inner = {inner}
        finish = threading.Event()
        thread = threading.Thread(target=finish.wait)
        thread.start()
        interrupt("join", act)
        thread.join({outer})
        say("outer", thread.is_alive())
    """
    alive = inner != "None"
    run(python, script).check(f"inner {alive}", "outer False")


@pytest.mark.parametrize("outer", ["None", "1000"])
def test_handler_that_joins_a_lingering_thread(patched, outer):
    # Stock does not wait here at all.
    script = f"""
        import threading
        import osthread
        from probe import interrupt, say

        def act():
            thread.join(0)
            thread.join(0.01)
            say("inner", osthread.finished())
            osthread.release()
            thread.join()
            say("inner", osthread.finished())

        thread = threading.Thread(target=osthread.linger)
        thread.start()
        osthread.await_lingering()
        interrupt("join", act)
        thread.join({outer})
        say("outer", osthread.finished())
    """
    run(patched, script).check("inner 0", "inner 1", "outer 1")


@pytest.mark.parametrize("timeout", ["None", "1000", "threading.TIMEOUT_MAX"])
def test_ctrl_c_while_a_joined_thread_lingers(patched, timeout):
    script = f"""
        import signal, threading
        import osthread
        from probe import interrupt, outcome, say

        thread = threading.Thread(target=osthread.linger)
        thread.start()
        osthread.await_lingering()
        interrupt("join", lambda: signal.raise_signal(signal.SIGINT))
        say(outcome(thread.join, {timeout}), osthread.finished())
        joiner = threading.Thread(target=thread.join)
        joiner.start()
        joiner.join(0.1)
        say(joiner.is_alive())
        osthread.release()
        thread.join()
        say(osthread.finished())
        joiner.join()
    """
    run(patched, script).check("KeyboardInterrupt 0", "True", "1")


def test_time_left_is_kept_while_a_thread_lingers(patched):
    script = """
        import threading, time
        import osthread
        from probe import say, stop_ticking, tick, within

        ticks = []
        thread = threading.Thread(target=osthread.linger)
        thread.start()
        osthread.await_lingering()
        tick(lambda frame: ticks.append(within(frame, "join")), 0.02)
        begin = time.monotonic()
        thread.join(0.5)
        took = time.monotonic() - begin
        stop_ticking()
        say(took >= 0.5, ticks.count(True) > 3, osthread.finished())
        osthread.release()
    """
    run(patched, script).check("True True 0")


def test_handler_runs_in_the_main_thread_while_others_join_too(python):
    script = """
        import threading
        from probe import fail, interrupt, outcome, say

        def join(timeout):
            outcomes.append((outcome(thread.join, timeout), thread.is_alive()))

        outcomes, finish = [], threading.Event()
        thread = threading.Thread(target=finish.wait)
        thread.start()
        joiners = [
            threading.Thread(target=join, args=(timeout,))
            for timeout in (None, 1000) * 5
        ]
        for joiner in joiners:
            joiner.start()
        interrupt("join", fail)
        say(outcome(thread.join))
        say(thread.is_alive())
        finish.set()
        for joiner in joiners:
            joiner.join()
        say(set(outcomes), len(outcomes))
    """
    result = run(python, script)
    if python.patched:
        result.check("ZeroDivisionError", "True", "{('None', False)} 10")
    else:
        assert result.lines[:2] == ["ZeroDivisionError", "False"]
