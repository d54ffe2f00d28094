"""Thread.start(): called twice, at once, on objects that change under it."""

from harness import run

SETUP = """
    import os, signal, sys, threading
    from probe import outcome, say
"""


def test_object_that_run_initializes_anew(python):
    # A thread that can be started again. By the time that start() looks, there
    # is nothing left of what it has started.
    script = (
        SETUP
        + """
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
    )
    run(python, script).check("runs", "runs", "runs")


def test_event_that_run_clears(python):
    script = (
        SETUP
        + """
    class Clears(threading.Thread):
        def run(self):
            self._started.clear()

    sys.setswitchinterval(1000)     # the new thread keeps the GIL
    say(outcome(Clears().start))
    """
    )
    run(python, script).check("None")


def test_new_start_before_the_old_thread_is_forgotten(python):
    # The old thread takes itself off the list while the new one is about to
    # put itself on it: the object is the same.
    script = (
        SETUP
        + """
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
    )
    run(python, script).check("runs", "runs")


def test_second_start_while_the_first_waits(patched):
    script = (
        SETUP
        + """
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
    )
    run(patched, script).check("RuntimeError 1", "runs")


def test_second_start_by_a_handler_inside_the_first(patched):
    script = (
        SETUP
        + """
    class Slow(threading.Thread):
        def _set_ident(self):
            super()._set_ident()
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
    )
    run(patched, script).check("RuntimeError", "runs")
