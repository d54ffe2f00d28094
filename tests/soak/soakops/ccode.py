"""Operations with C code that forks, starts threads or detaches them."""

import ctypes
import functools
import itertools
import os
import resource
import threading
import time

from .processes import forked, wait
from .run import Failures, Task, check, operation, repeated
from .threads import Last, interpreters

#: The type of a C function without parameters that takes the GIL and calls Python.
_FUNCTION = ctypes.CFUNCTYPE(None)

#: Bytes of address space that only a process with a sanitizer has.
SANITIZED = 2**40

#: Bytes of each stack, instead of the system's default.
STACK = 8 << 20


@functools.lru_cache(None)
def _helper():
    """Return the library made of helper.c, or None if it was not compiled.

    Its functions are called without the GIL.
    """
    path = os.environ.get("SOAK_HELPER")
    return path and ctypes.CDLL(path)


class _Exits:
    """A list of OS threads, whose exit it waits for without the objects of Python."""

    def __init__(self):
        self._ids = []

    def add(self):
        """Record the current thread, which is about to end."""
        self._ids.append(threading.get_native_id())

    def wait(self, number):
        """Wait until *number* threads have been recorded, and have exited."""
        while len(self._ids) < number or any(
            os.path.exists(f"/proc/self/task/{one}") for one in self._ids
        ):
            time.sleep(0)


@repeated
def fork_handlers(number, threads, prepare, parent):
    """Fork, with handlers of C that start and join threads.

    Parameters:
        threads: number of threads that run at the fork, or are started by it.
        prepare: what the handler does before the fork: "nothing", take the "GIL",
            "start" threads and join them, or "join" those that run.
        parent: likewise, after the fork in the parent.
    """
    helper = _helper()
    if not helper:
        return
    failures = Failures()
    calls = itertools.count()
    gate = threading.Semaphore(0)
    tasks = [Task(gate.acquire) for _ in range(threads)]

    def starts():
        for task in [Task(int) for _ in range(threads)]:
            task.join()

    def joins():
        gate.release(threads)
        for task in tasks:
            task.join()

    actions = {"GIL": int, "start": starts, "join": joins}
    handlers = []
    for what in (prepare, parent):
        handler = None
        if what != "nothing":
            watched = failures.watched(actions[what])
            handler = _FUNCTION(lambda watched=watched: (watched(), next(calls)))
        handlers.append(handler)
    status = helper.soak_at_fork(*handlers)
    check(status == 0, "pthread_atfork:", status)
    try:
        pid = forked(starts)
    finally:
        helper.soak_at_fork(None, None)
    wait(pid, 0)
    joins()
    failures.check()
    expected = [prepare, parent].count("nothing")
    check(next(calls) == 2 - expected, "a handler was not called")


@operation
def limited(number, threads, megabytes, how):
    """Keep finished threads and join them late, under a limit of the address space.

    Parameters:
        threads: number of threads.
        megabytes: the limit, beyond what the process has already.
        how: as in Task.
    """

    def child():
        with open("/proc/self/statm") as stream:
            pages = int(stream.read().split()[0])
        used = pages * resource.getpagesize()
        if used > SANITIZED:
            return
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + (megabytes << 20), most))
        threading.stack_size(STACK)
        tasks = []
        for _ in range(threads):
            exits = _Exits()
            tasks.append(Task(exits.add, how))
            exits.wait(1)
        for task in tasks:
            task.join()

    wait(forked(child), 0)


@repeated
def detached(number, threads, how, ask):
    """Join threads that C code has detached, when new threads have their identifiers.

    Parameters:
        ask: whether to ask, before the join, whether they are alive.
    """
    libc = ctypes.CDLL(None)
    libc.pthread_self.restype = ctypes.c_ulong
    libc.pthread_detach.argtypes = [ctypes.c_ulong]
    exits = _Exits()

    def detaches():
        libc.pthread_detach(libc.pthread_self())
        exits.add()

    tasks = [Task(detaches, how) for _ in range(threads)]
    exits.wait(threads)
    for task in tasks if ask else ():
        check(not task.alive(), "gone, and still alive")
    # The C library gives the stacks of threads that have exited, and so their
    # identifiers, to new threads.
    gate = threading.Semaphore(0)
    others = [Task(gate.acquire) for _ in range(threads)]
    for task in tasks:
        task.join()
    gate.release(threads)
    for task in others:
        task.join()


@repeated
def foreign(number, threads, local, key):
    """Run threads that C code starts, with destructors that call back into Python.

    Parameters:
        local: whether a threading.local() has an object whose destructor calls C code
            that calls back.
        key: whether a thread-local variable of C has a destructor that calls back.
    """
    helper = _helper()
    if not helper:
        return
    storage = threading.local()
    failures = Failures()
    work, calls = itertools.count(), itertools.count()
    called = _FUNCTION(failures.watched(calls.__next__))
    calls_back = failures.watched(helper.soak_call, called)

    def body():
        if local:
            storage.value = Last(calls_back)
        next(work)

    last = called if key else None
    started = helper.soak_threads(threads, _FUNCTION(failures.watched(body)), last)
    check(started == threads, "started", started, "of", threads)
    failures.check()
    check(next(work) == threads, "work is missing")
    check(next(calls) == threads * (local + key), "a destructor did not call back")


@repeated
def fork_subinterpreters(number, threads, alive):
    """Fork with *alive* subinterpreters, and start and join threads in the child."""
    if interpreters is None:
        return
    ours = [interpreters.create(isolated=False) for _ in range(alive)]

    def child():
        for task in [Task(int) for _ in range(threads)]:
            task.join()

    wait(forked(child), 0)
    for one in ours:
        interpreters.destroy(one)
