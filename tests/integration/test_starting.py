"""Thread.start(): interrupted, called twice, on objects that change under it."""

import pytest
from harness import run

SETUP = """
    import os, signal, sys, threading
    from probe import outcome, say
"""


def test_object_that_run_initializes_anew(python):
    # It can be started again. When start() looks, nothing is left of the thread that it
    # has started.
    script = """
    class Again(threading.Thread):
        def run(self):
            threading.Thread.__init__(self)
            say("runs")
            ran.release()

    ran = threading.Semaphore(0)
    sys.setswitchinterval(1000)     # the new thread keeps the GIL
    thread = Again()
    for _ in range(3):
        thread.start()
        ran.acquire()
    """
    run(python, SETUP + script).check("runs", "runs", "runs")


def test_event_that_run_clears(python):
    script = """
    class Clears(threading.Thread):
        def run(self):
            self._started.clear()

    sys.setswitchinterval(1000)     # the new thread keeps the GIL
    say(outcome(Clears().start))
    """
    run(python, SETUP + script).check("None")


def test_thread_that_keeps_the_gil(python):
    # start() does not wait for it to release the GIL without being asked.
    script = """
    def run():
        while not started:
            pass

    started = False
    thread = threading.Thread(target=run)
    thread.start()
    started = True
    thread.join()
    """
    run(python, SETUP + script).check()


def test_thread_keeps_the_gil_for_the_switch_interval(python):
    # But it does not have to give the GIL up earlier than for any other thread.
    script = """
    import time

    def run():
        # Of its own: others that run meanwhile do not shorten it.
        while time.thread_time() < 0.1:
            pass
        ended.append(True)

    ended = []
    sys.setswitchinterval(1000)
    thread = threading.Thread(target=run)
    thread.start()
    say(ended)
    """
    run(python, SETUP + script).check("[True]")


def test_new_start_before_the_old_thread_is_forgotten(python):
    # The old thread removes itself from the list when the new one is about to add
    # itself: the object is the same.
    script = """
    class Again(threading.Thread):
        def run(self):
            say("runs")
            if not idents:
                idents.append(threading.get_ident())
                threading.Thread.__init__(self)
                initialized.set()
                started.wait()

        def _set_native_id(self):
            super()._set_native_id()
            if idents:
                started.set()
                while idents[0] in threading._active:
                    os.sched_yield()

    idents = []
    initialized, started = threading.Event(), threading.Event()
    thread = Again()
    thread.start()
    initialized.wait()
    thread.start()
    thread.join()
    """
    run(python, SETUP + script).check("runs", "runs")


def test_second_start_while_the_first_waits(patched):
    script = """
    class Slow(threading.Thread):
        def _set_ident(self):
            super()._set_ident()
            begins.set()
            go_on.wait()

        def run(self):
            say("runs")

    begins, go_on = threading.Event(), threading.Event()
    thread = Slow()
    first = threading.Thread(target=thread.start)
    first.start()
    begins.wait()
    say(outcome(thread.start), threading.enumerate().count(thread))
    go_on.set()
    first.join()
    thread.join()
    """
    run(patched, SETUP + script).check("RuntimeError 1", "runs")


def test_second_start_by_a_handler_inside_the_first(patched):
    script = """
    from probe import await_asleep

    class Slow(threading.Thread):
        def _set_ident(self):
            super()._set_ident()
            await_asleep(os.getpid())
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            handled.wait()

        def run(self):
            say("runs")

    def handler(signum, frame):
        say(outcome(thread.start))
        handled.set()

    signal.signal(signal.SIGUSR1, handler)
    handled = threading.Event()
    thread = Slow()
    thread.start()
    thread.join()
    """
    run(patched, SETUP + script).check("RuntimeError", "runs")


#: during(start, k, handler): calls start(), and handler() at the k-th of the
#: places in it where a signal handler may run: when a call has returned, and
#: when a function begins. Returns whether there was such a place. Functions that
#: start() calls count, too.
DURING = (
    SETUP
    + """
    def during(start, k, handler):
        left = [k]
        starts = [threading.Thread.start, getattr(threading, "_start_native", None)]
        codes = [each.__code__ for each in starts if each]

        def profile(frame, event, arg):
            called = event == "call" and frame.f_back.f_code in codes
            returned = event == "c_return" and frame.f_code in codes
            if called or returned:
                left[0] -= 1
                if left[0] == 0:
                    sys.setprofile(None)
                    handler()

        sys.setprofile(profile)
        try:
            start()
        finally:
            sys.setprofile(None)
        return left[0] <= 0
"""
)


def test_handler_inside_start_waits_for_another_thread(python):
    # The other thread needs _active_limbo_lock to end.
    script = """
    k = 0
    handled = True
    while handled:
        k += 1
        end = threading.Event()
        other = threading.Thread(target=end.wait)
        other.start()

        def handler():
            end.set()
            other.join()

        thread = threading.Thread(target=int)
        handled = during(thread.start, k, handler)
        end.set()
        other.join()
        thread.join()
    say(k > 2, threading.active_count())
    """
    run(python, DURING + script).check("True 1")


def test_start_that_a_handler_interrupts(patched):
    # Either there is no thread, and it can be started again; or the thread runs.
    script = """
    class Interrupt(BaseException):
        pass

    def handler():
        raise kind

    said = set()
    for kind in Interrupt, ValueError:
        k = 0
        interrupted = True
        while interrupted:
            k += 1
            runs = threading.Semaphore(0)
            thread = threading.Thread(target=runs.release)
            try:
                interrupted = during(thread.start, k, handler)
            except kind:
                if outcome(thread.start) == "None":
                    said.add("started again")
                else:
                    said.add("runs")
            runs.acquire()
            while thread in threading.enumerate():
                os.sched_yield()
            thread.join()
            assert not runs.acquire(blocking=False)
    say(*sorted(said))
    """
    run(patched, DURING + script).check("runs started again")


def test_handler_inside_start_that_starts_it_too(patched):
    # One of the two does, wherever the other is.
    script = """
    def start():
        outcomes.append(outcome(thread.start))

    k = 0
    handled = True
    while handled:
        k += 1
        outcomes = []
        runs = threading.Semaphore(0)
        thread = threading.Thread(target=runs.release)
        handled = during(start, k, start)
        runs.acquire()
        while thread in threading.enumerate():
            os.sched_yield()
        thread.join()
        assert not runs.acquire(blocking=False)
        assert sorted(outcomes) == ["None", "RuntimeError"][:1 + handled], outcomes
    say(k > 2)
    """
    run(patched, DURING + script).check("True")


def test_a_thread_that_is_done_is_started_again(python):
    # Programs do that by resetting private attributes.
    script = """
    class Again(threading.Thread):
        def run(self):
            say("runs")

    thread = Again()
    for _ in range(3):
        thread.start()
        thread.join(60)
        thread._started.clear()
        thread._is_stopped = False
    """
    run(python, SETUP + script).check("runs", "runs", "runs")


@pytest.mark.parametrize("look", [1, 2, 3, 4, 5])
def test_signal_at_the_end_of_the_first_wait(refusing, patched, look):
    # start() waits for some milliseconds, and then without a limit. On a busy machine,
    # the time may be over when the thread gets to run that a signal has woken up. Here
    # the clock jumps: the first wait takes longer than it should.
    script = f"""
    import _thread
    import osthread
    from probe import await_asleep

    def body():
        await_asleep(os.getpid())
        os.kill(os.getpid(), signal.SIGUSR1)
        gate.acquire()
        handle._set_started()

    signal.signal(signal.SIGUSR1, lambda signum, frame: gate.release())
    gate = _thread.allocate_lock()
    gate.acquire()
    handle = _thread._ThreadHandle()
    sys.setswitchinterval(1000)     # the new thread gets the GIL in the wait
    _thread.start_joinable_thread(body, handle=handle)
    osthread.jump_clock({look}, 20_000)
    handle._wait_started()
    handle.join()
    say("handled")
    """
    run(refusing(patched), SETUP + script).check("handled")
