"""Operations on the threads of one process."""

import concurrent.futures
import concurrent.futures.thread
import ctypes
import itertools
import random
import textwrap
import threading

from .run import LONG, Failures, Task, check, counts, operation, repeated

try:
    import _xxsubinterpreters as interpreters
except ImportError:
    interpreters = None


@repeated
def batch(number, threads, how, daemon, timeout):
    """Start *threads* threads, and join each once."""
    work = itertools.count()
    tasks = [Task(work.__next__, how, daemon) for _ in range(threads)]
    for task in tasks:
        task.join(timeout)
        check(not task.alive(), "alive after join")
    check(next(work) == threads, "work is missing")


@repeated
def crowd(number, threads, joiners, how, timeout, seed):
    """Have *joiners* threads join the same *threads* threads, each in its own order."""
    order = random.Random(seed)
    gate = threading.Semaphore(0)
    failures = Failures()
    work = itertools.count()
    tasks = [Task(lambda: (gate.acquire(), next(work)), how) for _ in range(threads)]

    def joins(mine):
        for task in mine:
            task.join(timeout)
            check(not task.alive(), "alive after join")

    crowded = [
        Task(failures.watched(joins, order.sample(tasks, threads)), how)
        for _ in range(joiners)
    ]
    gate.release(threads)
    for task in crowded:
        task.join()
    failures.check()
    check(next(work) == threads, "work is missing")


@repeated
def handles(number, threads, joiners):
    """Wait for threads by acquiring Thread._tstate_lock, in several threads at once."""
    gate = threading.Semaphore(0)
    failures = Failures()
    tasks = []
    for _ in range(threads):
        thread = threading.Thread(target=gate.acquire)
        thread.start()
        counts.threads()
        tasks.append(thread)

    def acquires(tasks=tasks):
        for thread in tasks:
            lock = thread._tstate_lock
            # On stock it is a lock, which another thread may hold, or None.
            if hasattr(lock, "is_done"):
                counts.joins()
                check(lock.acquire(), "not acquired")
                check(not thread.is_alive(), "acquired, and still alive")
                lock.release()

    crowded = [Task(failures.watched(acquires)) for _ in range(joiners)]
    gate.release(threads)
    for task in crowded:
        task.join()
    for thread in tasks:
        thread.join()
    failures.check()


@repeated
def timeouts(number, threads, how, timeout):
    """Join running threads with a timeout that passes; then join them again."""
    gate = threading.Semaphore(0)
    tasks = [Task(gate.acquire, how) for _ in range(threads)]
    for task in tasks:
        task.join(timeout)
        check(task.alive(), "dead, and still runs")
    gate.release(threads)
    for task in tasks:
        task.join(LONG)
        check(not task.alive(), "alive after join")


#: Bytes of a stack that is larger than any address space.
TOO_MUCH = 2**60


@repeated
def refused(number, threads, how):
    """Start threads that the system refuses, and then some that it does not.

    Shutdown would wait for a thread that a refused start left behind.
    """
    # Threads that called current_thread() while they ended are still in the list.
    listed = threading.enumerate()
    before = threading.stack_size(TOO_MUCH)
    try:
        for _ in range(threads):
            try:
                Task(int, how)
            except RuntimeError:
                continue
            check(False, "started, with no room for a stack")
    finally:
        threading.stack_size(before)
    check(threading.enumerate() == listed, threading.enumerate())
    for task in [Task(int, how) for _ in range(threads)]:
        task.join()


@operation
def parallel(number, body):
    """Run each operation of the body in a thread of its own."""
    failures = Failures()
    tasks = [Task(failures.watched(one)) for one in body]
    for task in tasks:
        task.join()
    failures.check()


class Last:
    """An object whose destructor calls a function."""

    def __init__(self, function):
        self.function = function

    def __del__(self):
        self.function()


@repeated
def local(number, threads, what):
    """Run destructors of thread-local variables at the end of threads.

    Parameters:
        what: what the destructors do: "count", "start" and join a thread, "join"
            another thread, or "join itself".
    """
    storage = threading.local()
    failures = Failures()
    work = itertools.count()
    gate = threading.Semaphore(0)
    other = Task(gate.acquire)

    def starts():
        Task(work.__next__).join()

    def joins():
        other.join()
        next(work)

    def joins_itself():
        current = threading.current_thread()
        try:
            current.join()
        except RuntimeError:
            next(work)

    last = {
        "count": work.__next__,
        "start": starts,
        "join": joins,
        "join itself": joins_itself,
    }[what]

    def body():
        storage.value = Last(failures.watched(last))

    tasks = [Task(body) for _ in range(threads)]
    gate.release()
    for task in tasks:
        task.join()
    other.join()
    failures.check()
    # A thread is done when its thread-local variables are destroyed.
    check(next(work) == threads, "a destructor did not run before join")


class _Keys:
    """Two thread-local variables in C, with destructors that do not need Python.

    One destructor is usleep(), which delays the exit of the OS thread; the other is
    sem_post(), which counts.
    """

    def __init__(self):
        library = ctypes.CDLL(None)
        self.semaphore = ctypes.create_string_buffer(64)
        library.sem_init(self.semaphore, 0, 0)
        self.library = library
        self.values = {}
        for name, value in (
            ("usleep", None),
            ("sem_post", ctypes.addressof(self.semaphore)),
        ):
            key = ctypes.c_uint()
            status = library.pthread_key_create(
                ctypes.byref(key), ctypes.cast(library[name], ctypes.c_void_p)
            )
            check(status == 0, "pthread_key_create:", status)
            self.values[name] = key, value

    def set(self, microseconds):
        specific = self.library.pthread_setspecific
        key, _ = self.values["usleep"]
        specific(key, ctypes.c_void_p(microseconds))
        key, address = self.values["sem_post"]
        specific(key, ctypes.c_void_p(address))

    def take(self, times):
        """Return how many of *times* destructors have run; set their count to 0."""
        return sum(self.library.sem_trywait(self.semaphore) == 0 for _ in range(times))


@repeated
def os_destructors(number, threads, joiners, how, microseconds):
    """Join threads whose OS threads exit late; check that these have exited.

    Parameters:
        microseconds: time that the exit of each OS thread takes.
    """
    # Other threads may run this operation at the same time, each with its own keys.
    keys = _Keys()
    failures = Failures()
    gate = threading.Semaphore(0)

    def body(keys=keys, gate=gate):
        keys.set(microseconds)
        gate.acquire()

    tasks = [Task(body, how) for _ in range(threads)]

    def joins(tasks=tasks):
        for task in tasks:
            task.join()

    crowded = [Task(failures.watched(joins)) for _ in range(joiners)]
    gate.release(threads)
    joins()
    gone = keys.take(threads)
    for task in crowded:
        task.join()
    failures.check()
    for key, _ in keys.values.values():
        keys.library.pthread_key_delete(key)
    check(gone == threads, gone, "of", threads, "OS threads were gone")


@repeated
def futures(number, workers, tasks):
    """Run *tasks* tasks in a pool of *workers* threads, and shut the pool down."""
    with concurrent.futures.ThreadPoolExecutor(workers) as executor:
        results = list(executor.map(abs, range(-tasks, 0)))
    check(sum(results) == tasks * (tasks + 1) // 2, results)


_INSIDE = """
import itertools, threading
work = itertools.count()
threads = [threading.Thread(target=work.__next__) for _ in range({threads})]
for thread in threads:
    thread.start()
for thread in threads[:{joined}]:
    for other in threads:
        other.join()
assert not {joined} or next(work) == {threads}
"""


@repeated
def subinterpreters(number, threads, joined):
    """Start threads in a subinterpreter, and end it.

    Parameters:
        joined: how often each thread is joined; if 0, only Py_EndInterpreter() waits.
    """
    if interpreters is None:
        return
    one = interpreters.create(isolated=False)
    code = _INSIDE.format(threads=threads, joined=min(joined, threads))
    interpreters.run_string(one, textwrap.dedent(code))
    interpreters.destroy(one)
