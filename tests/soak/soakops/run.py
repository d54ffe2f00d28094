"""Functions that all operations use: messages, counts, starts and joins."""

import atexit
import faulthandler
import functools
import itertools
import os
import signal
import sys
import threading

#: A timeout in seconds that passes only if there is a bug.
LONG = 1000


class Expected(Exception):
    """An exception that a program has to report on stderr."""


class Interrupted(Exception):
    """An exception that a signal handler raises in join()."""


class Counts:
    """The numbers of joins, threads and forks of this process.

    Counting is one call in C. It needs no lock, which a fork could leave held.
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
    """Write a line to stdout by one system call, so that lines are not mixed."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


counts = Counts()
os.register_at_fork(after_in_child=counts.begin)


def begin():
    """Prepare the process: its signal handlers, and the reports of exceptions."""
    # A background job of a shell ignores SIGINT, and its children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.excepthook = _report
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    # The function that is registered first is called last.
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
    """Decorate an operation, so that it prints that it is done."""

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
    """Join a _ThreadHandle, in a frame that signal handlers recognize."""
    handle.join(timeout)


class Task:
    """A thread, which is started in one of several ways.

    Parameters:
        target: the function that it calls, without arguments.
        how: "Thread", "subclass" or "handle". Interpreters without handles start a
            Thread instead of a handle.
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
        """Join the thread, again if a signal handler raises Interrupted; count that.

        Parameters:
            timeout: seconds, or None.

        Raises AssertionError when join() without a timeout returns too early.
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
    """A thread with a run() method and an attribute named like a private method."""

    _stop = None

    def run(self):
        self.work()


try:
    from _thread import start_joinable_thread
except ImportError:
    start_joinable_thread = None

if start_joinable_thread is None and sys.version_info < (3, 13):
    # The soak does not test this defect of stock.
    del Subclass._stop


class Failures:
    """The exceptions of threads, which check() raises again in another thread."""

    def __init__(self):
        self.raised = []

    def watched(self, function, *args):
        """Return a function that calls *function* and keeps its exception.

        Parameters:
            args: the arguments of *function*.
        """

        def call():
            try:
                function(*args)
            except BaseException as exc:
                self.raised.append(exc)

        return call

    def check(self):
        if self.raised:
            raise self.raised[0]
