"""Operations at the end of the process, and the ways in which a process ends."""

import atexit as _atexit
import os
import signal
import sys
import threading
import time

from .run import Expected, Task, counts, operation, say


def _at_the_end(function, *args):
    """Wait until the interpreter has begun to end; then call *function*."""
    # The main thread is no longer alive when the wait for the other threads begins.
    threading.main_thread().join()
    function(*args)


@operation
def leave(number, threads, how, daemon):
    """Leave threads running: shutdown waits for them, unless they are daemons."""
    started = threading.Semaphore(0)
    for index in range(threads):
        if daemon:
            # Finalization cuts daemons short, in C code, in Python code and in waits.
            sleeps = [
                lambda: time.sleep(3600),
                _spin,
                threading.Lock().__enter__,
                threading.Event().wait,
            ]
            sleep = sleeps[index % len(sleeps)]
            Task(lambda sleep=sleep: (started.release(), sleep()), how, True)
        else:
            words = (number, "left", index)
            Task(lambda words=words: (started.release(), _at_the_end(say, *words)), how)
    for _ in range(threads):
        started.acquire()


def _spin():
    """Take and release the GIL for a while, and then sleep.

    A thread that did so for ever would make a process that hangs look busy.
    """
    lock = threading.Lock()
    for _ in range(1000):
        lock.acquire()
        lock.acquire(timeout=0.001)
        lock.release()
    time.sleep(3600)


@operation
def chain(number, length, how):
    """Have each of *length* threads start the next one while the interpreter ends."""

    def link(left):
        say(number, "link", left)
        if left > 1:
            Task(lambda: link(left - 1), how)

    Task(lambda: _at_the_end(link, length), how)


@operation
def local_starts(number):
    """Start a thread in a destructor of a thread-local variable, at the end."""

    class Last:
        def __del__(self):
            threading.Thread(target=say, args=(number, "late"), daemon=False).start()

    storage = threading.local()

    def body():
        storage.value = Last()
        _at_the_end(int)

    Task(body)


@operation
def callback(number, what):
    """Register a function that threading calls when it shuts down.

    Parameters:
        what: "raise", "start" and join, or "leave" a thread running.
    """

    def called():
        say(number, "called")
        if what == "raise":
            raise Expected(number)
        if what == "start":
            Task(int).join()
        if what == "leave":
            Task(lambda: _at_the_end(say, number, "left"))

    threading._register_atexit(called)


#: Seconds that a thread works after the exit functions have been called. If shutdown
#: does not wait for this thread, it is cut short earlier.
WORK = 0.05


@operation
def atexit(number, what):
    """Start a thread in an exit function.

    Parameters:
        what: "start" and join it, or "leave" it running.
    """

    def works():
        time.sleep(WORK)
        say(number, "left")

    def called():
        if what == "start":
            Task(int).join()
        else:
            Task(works)
        say(number, "called")

    _atexit.register(called)


class _Destructor:
    """Joins a daemon thread and starts another one when it is destroyed."""

    def __init__(self, number):
        self.number = number
        self.daemon = Task(lambda: time.sleep(3600), daemon=True)

    def __del__(self, Thread=threading.Thread, say=say, os=os):
        self.daemon.join()
        try:
            Thread(target=int).start()
        except RuntimeError:
            say(self.number, "refused")
        else:
            # This is an error: the destructor ran before the interpreter began to end.
            say(self.number, "started")


@operation
def destructor(number):
    """Have a destructor join a daemon and start a thread at the very end."""
    sys.modules["__main__"].__dict__.setdefault("kept", []).append(_Destructor(number))


def end(how, status):
    """End this process.

    Parameters:
        how: "return", "sys.exit", "raise", "os._exit", "SIGTERM", "SIGINT".
        status: the exit status, for the ways that have one.
    """
    if how == "sys.exit":
        sys.exit(status)
    if how == "raise":
        raise Expected("end")
    if how == "os._exit":
        counts.report()
        os._exit(status)
    if how == "SIGTERM":
        counts.report()
        Task(lambda: os.kill(os.getpid(), signal.SIGTERM))
        time.sleep(3600)
    if how == "SIGINT":
        signal.raise_signal(signal.SIGINT)


def ends_with(how, status):
    """Return the exit status of a process that calls end() with these arguments."""
    fixed = {"raise": 1, "SIGTERM": -signal.SIGTERM, "SIGINT": -signal.SIGINT}
    return fixed.get(how, status)
