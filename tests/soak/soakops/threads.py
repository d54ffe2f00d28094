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
    """Start *threads* threads and join each once."""
    work = itertools.count()
    tasks = [Task(work.__next__, how, daemon) for _ in range(threads)]
    for task in tasks:
        task.join(timeout)
        check(not task.alive(), "alive after join")
    check(next(work) == threads, "work is missing")


@repeated
def crowd(number, threads, joiners, how, timeout, seed):
    """Have *joiners* threads join the same *threads* threads, in any order."""
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
    """Join through Thread._tstate_lock as a lock; several do so at a time."""
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
            # On stock it is a lock, which another thread may take, and then None.
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
    """Join running threads with a timeout that passes, then for good."""
    gate = threading.Semaphore(0)
    tasks = [Task(gate.acquire, how) for _ in range(threads)]
    for task in tasks:
        task.join(timeout)
        check(task.alive(), "dead, and still runs")
    gate.release(threads)
    for task in tasks:
        task.join(LONG)
        check(not task.alive(), "alive after join")


#: Bytes that no process has room for: larger than any address space.
TOO_MUCH = 2**60


@repeated
def refused(number, threads, how):
    """Start threads that the system refuses, then some that it does not.

    The end waits for anything that a refused start has left behind.
    """
    # Threads that called current_thread() as they ended are still in the list.
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
    """Calls a function when it is destroyed."""

    def __init__(self, function):
        self.function = function

    def __del__(self):
        self.function()


@repeated
def local(number, threads, what):
    """Have the destructors of thread-local variables count, start or join."""
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
    """Destructors of C: the first takes its time, the second counts.

    They are usleep(value) and sem_post(value), without Python.
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
        """Return how many of *times* destructors have run, and forget them."""
        return sum(self.library.sem_trywait(self.semaphore) == 0 for _ in range(times))


@repeated
def os_destructors(number, threads, joiners, how, microseconds):
    """Join threads whose OS threads take *microseconds* to exit, and have exited."""
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
    """Run tasks in a pool of threads, which is shut down."""
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
    """Have subinterpreters with threads, some of which are left to their ends."""
    if interpreters is None:
        return
    one = interpreters.create(isolated=False)
    code = _INSIDE.format(threads=threads, joined=min(joined, threads))
    interpreters.run_string(one, textwrap.dedent(code))
    interpreters.destroy(one)
