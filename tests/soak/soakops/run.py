"""Functions for all operations: messages, counts, and joins."""

import atexit
import faulthandler
import functools
import itertools
import os
import signal
import sys
import threading

#: Seconds of a timeout that only passes when something is broken.
LONG = 1000


class Expected(Exception):
    """Raised where an exception is to be reported on stderr."""


class Interrupted(Exception):
    """Raised by a signal handler, in join()."""


class Counts:
    """How often this process has done each thing.

    Counting is one call in C, and needs no lock that a fork could find held.
    """

    names = ("joins", "waited", "threads", "forks")

    def __init__(self):
        self.begin()

    def begin(self):
        for name in self.names:
            setattr(self, name, itertools.count().__next__)

    def report(self):
        numbers = [getattr(self, name)() for name in self.names]
        self.begin()
        say("counts", *numbers)


def say(*words):
    """Write a line to stdout, at once: threads and processes do not mix them."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


counts = Counts()
os.register_at_fork(after_in_child=counts.begin)


def begin():
    """Prepare the process: its reports of exceptions and of where threads are."""
    # A background job of a shell ignores SIGINT, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.excepthook = _report
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    # The first to be registered is the last to be called.
    atexit.register(counts.report)


def _report(kind, exc, traceback):
    sys.__excepthook__(kind, exc, traceback)
    if not isinstance(exc, (Expected, KeyboardInterrupt)):
        # The threads of an operation that failed would keep the process alive.
        sys.stderr.flush()
        counts.report()
        os._exit(1)


def check(truth, *words):
    """Raise AssertionError with *words* unless *truth*."""
    if not truth:
        raise AssertionError(" ".join(map(str, words)))


def operation(function):
    """Decorate an operation, so that it says that it is done."""

    @functools.wraps(function)
    def operate(number, *args, **kwargs):
        function(number, *args, **kwargs)
        say("done", number)

    return operate


def repeated(function):
    """Decorate an operation with an argument, the number of *times* to repeat it."""

    @functools.wraps(function)
    def repeat(number, times, **kwargs):
        for _ in range(times):
            function(number, **kwargs)

    return operation(repeat)


def run(body):
    """Run the operations of *body*, a list of functions, one after the other."""
    for one in body:
        one()


def join_handle(handle, timeout):
    """Join a _ThreadHandle; a function of its own for signal handlers to see."""
    handle.join(timeout)


class Task:
    """A thread, started in one of several ways; they are joined in the same way.

    Parameters:
        target: what it runs, a function without parameters.
        how: "Thread", "subclass" or "handle"; the last is for patched
            interpreters, and a Thread on others.
        daemon: whether it is a daemon.

    Raises RuntimeError when it cannot be started.
    """

    def __init__(self, target, how="Thread", daemon=False):
        if how == "handle" and start_joinable_thread is not None:
            handle = start_joinable_thread(target, daemon=daemon)
            self.join_once = functools.partial(join_handle, handle)
            self.alive = lambda: not handle.is_done()
            counts.threads()
            return
        if how == "subclass":
            thread = Subclass(daemon=daemon)
            thread.work = target
        else:
            thread = threading.Thread(target=target, daemon=daemon)
        self.join_once, self.alive = thread.join, thread.is_alive
        thread.start()
        counts.threads()

    def join(self, timeout=None):
        """Join the thread, also if a signal handler raises; count that.

        Raises AssertionError when join() without a timeout returned too early.
        """
        counts.joins()
        if self.alive():
            counts.waited()
        while True:
            try:
                self.join_once(timeout)
                break
            except Interrupted:
                if timeout is not None and timeout < LONG:
                    return
        check(timeout is not None or not self.alive(), "joined, and still alive")


class Subclass(threading.Thread):
    """A thread that has its work in run(), and an attribute in the way."""

    _stop = None

    def run(self):
        self.work()


try:
    from _thread import start_joinable_thread
except ImportError:
    start_joinable_thread = None

if start_joinable_thread is None and sys.version_info < (3, 13):
    # The soak is not about this defect of stock.
    del Subclass._stop


class Failures:
    """Exceptions of threads, raised again in the thread that joins them."""

    def __init__(self):
        self.raised = []

    def watched(self, function, *args):
        """Return a function without parameters that keeps exceptions of *function*."""

        def call():
            try:
                function(*args)
            except BaseException as exc:
                self.raised.append(exc)

        return call

    def check(self):
        if self.raised:
            raise self.raised[0]
