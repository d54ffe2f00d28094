"""Joins that are refused: of oneself, of a thread that has not started, and so on."""

import pytest
from harness import HANG, run


def test_joining_oneself(python):
    script = """
        import threading
        from probe import outcome, say

        def body():
            thread = threading.current_thread()
            say(*(outcome(thread.join, timeout) for timeout in (None, 0, -1, 1)))

        body()
        for daemon in (False, True):
            thread = threading.Thread(target=body, daemon=daemon)
            thread.start()
            thread.join()
    """
    run(python, script).check(*3 * [" ".join(4 * ["RuntimeError"])])


def test_joining_an_unstarted_thread(python):
    script = """
        import threading
        from probe import outcome, say

        thread = threading.Thread(target=int)
        say(outcome(thread.join), outcome(thread.join, 0), thread.is_alive())
        thread.start()
        thread.join()
        say(outcome(thread.start))
    """
    run(python, script).check("RuntimeError RuntimeError False", "RuntimeError")


@pytest.mark.parametrize("start", ["_thread.start_new_thread", "foreign"])
def test_joining_a_dummy_thread(python, start):
    script = f"""
        import _thread, threading
        import osthread
        from probe import outcome, say

        def foreign(function, args):
            osthread.foreign(function)

        def body():
            dummies.append(threading.current_thread())
            say(type(dummies[0]).__name__, dummies[0].is_alive())
            say(outcome(dummies[0].join), outcome(dummies[0].join, 0))
            ready.set()
            finish.wait()
            done.set()

        dummies = []
        ready, finish, done = [threading.Event() for _ in range(3)]
        {start}(body, ())
        ready.wait()
        say(outcome(dummies[0].join), outcome(dummies[0].join, 0.1))
        finish.set()
        done.wait()
        say(outcome(dummies[0].join))
    """
    error = "RuntimeError" if python.patched else "AssertionError"
    run(python, script).check(
        "_DummyThread True", f"{error} {error}", f"{error} {error}", error
    )


@pytest.mark.parametrize("daemon, timeout", [(False, "None"), (True, "1000")])
def test_joining_oneself_while_the_thread_state_is_cleared(python, daemon, timeout):
    # threading has forgotten the thread by then: current_thread() is a dummy.
    script = f"""
        import threading
        from probe import outcome, say

        class Joins:
            def __del__(self):
                say(threading.get_ident() == thread.ident, thread.is_alive())
                say(outcome(thread.join, {timeout}))
                say(outcome(threading.current_thread().join))

        def body():
            local.value = Joins()

        local = threading.local()
        thread = threading.Thread(target=body, daemon={daemon})
        thread.start()
        thread.join()
        say("joined")
    """
    if python.patched:
        run(python, script).check("True True", "RuntimeError", "RuntimeError", "joined")
    else:
        result = run(python, script, timeout=HANG)
        assert result.hung
        assert result.lines == ["True True"]


def test_joining_oneself_through_a_handle_while_it_is_cleared(patched):
    script = """
        import _thread
        from probe import outcome, say

        class Joins:
            def __del__(self):
                say(handle.is_done(), outcome(handle.join), outcome(handle.join, 1.0))

        def body():
            local.value = Joins()

        local = _thread._local()
        handle = _thread._ThreadHandle()
        _thread.start_joinable_thread(body, handle=handle)
        handle.join()
        say(handle.is_done())
    """
    run(patched, script).check("False RuntimeError RuntimeError", "True")


def test_joining_another_thread_while_the_thread_state_is_cleared(python):
    script = """
        import threading
        from probe import outcome, say

        class Joins:
            def __del__(self):
                say(outcome(other.join), other.is_alive())

        def body():
            local.value = Joins()

        local = threading.local()
        finish = threading.Event()
        other = threading.Thread(target=finish.wait)
        other.start()
        thread = threading.Thread(target=body)
        thread.start()
        say(thread.is_alive())
        finish.set()
        thread.join()
    """
    run(python, script).check("True", "None False")


@pytest.mark.parametrize("timeout", ["None", "0", "1000"])
def test_joining_oneself_when_the_os_thread_exits(python, timeout):
    # The thread is done, but its OS thread runs Python again, and would wait for
    # itself. Stock's join() and is_alive() do not look at OS threads.
    script = f"""
        import threading
        import osthread
        from probe import outcome, say

        def last():
            say(thread.is_alive(), outcome(thread.join, {timeout}))
            done.set()

        done = threading.Event()
        thread = threading.Thread(target=osthread.at_thread_exit, args=(last,))
        thread.start()
        thread.join()
        done.wait()
        say(thread.is_alive())
    """
    run(python, script).check(f"{python.patched} None", "False")


@pytest.mark.parametrize("holder", ["None", "1000"])
@pytest.mark.parametrize("timeout", ["None", "1000"])
def test_joining_a_thread_whose_identifier_one_has(refusing, patched, holder, timeout):
    # The OS thread has been joined, so the next one gets its identifier; but the thread
    # that joined it has not recorded that yet. Until then it counts as alive, as a
    # thread that lingers does, and join() waits for that.
    script = f"""
        import threading
        import osthread
        from probe import outcome, say

        def hold():
            joins.set()
            osthread.hold_join()
            first.join({holder})

        def join():
            if threading.get_ident() == first.ident:
                say(outcome(first.join, 0), first.is_alive())
                osthread.try_lets_go()
                say(outcome(first.join, {timeout}), first.is_alive())
            finish.wait()

        joins = threading.Event()
        # No other thread begins or ends meanwhile: it would join this one.
        first = threading.Thread(target=joins.wait)
        first.start()
        holding = threading.Thread(target=hold)
        holding.start()
        osthread.await_held(False)
        finish = threading.Event()
        # Which of them gets it is for the C library to say.
        others = [threading.Thread(target=join) for _ in range(20)]
        for thread in others:
            thread.start()
        finish.set()
        for thread in others:
            thread.join()
        osthread.let_go()
        holding.join()
        say(first.is_alive())
    """
    run(refusing(patched), script).check("None True", "None False", "False")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_subclass_with_an_attribute_called_stop(python, moment):
    script = f"""
        import threading
        from probe import say

        class Worker(threading.Thread):
            def __init__(self):
                if "{moment}" == "before":
                    self._stop = threading.Event()
                super().__init__()
                if "{moment}" == "after":
                    self._stop = threading.Event()

            def run(self):
                self._stop.wait()

        worker = Worker()
        worker.start()
        say(worker.is_alive())
        worker._stop.set()
        worker.join()
        say(worker.is_alive(), worker._stop.is_set())
        worker.join(1)
    """
    result = run(python, script)
    if python.patched:
        result.check("True", "False True")
    else:
        assert result.lines == ["True"]
        assert result.err.endswith("TypeError: 'Event' object is not callable\n")


@pytest.mark.parametrize("look", ["join", "is_alive"])
def test_subclass_with_a_method_called_stop(python, look):
    # The method does something else. On stock, the thread is alive for ever.
    script = f"""
        import threading
        from probe import say

        class Worker(threading.Thread):
            def _stop(self):
                say("stop")

        worker = Worker()
        worker.start()
        with worker._tstate_lock:
            # The thread is done.
            pass
        worker.{look}()
        say(worker.is_alive())
    """
    result = run(python, script)
    if python.patched:
        result.check("stop", "False")
    else:
        assert result.lines[-1] == "True"


def test_forked_child_with_an_attribute_called_stop(python):
    # Stock calls _stop() in the child of a fork as well.
    script = """
        import threading
        from probe import fork, outcome, say, status

        class Worker(threading.Thread):
            def __init__(self):
                super().__init__()
                self._stop = threading.Event()

            def run(self):
                self._stop.wait()

        def child():
            say(worker.is_alive(), outcome(worker.join))

        worker = Worker()
        worker.start()
        say(status(fork(child)))
        worker._stop.set()
    """
    result = run(python, script)
    if python.patched:
        result.check("False None", "0")
    else:
        assert "TypeError: 'Event' object is not callable" in result.err
