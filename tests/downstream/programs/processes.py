"""Start processes by multiprocessing while threads start and end.

Usage: processes.py BEHAVIOUR, or processes.py --list

Worker processes, which are replaced again and again, do 10,000 tasks, each in a new
thread. Meanwhile the parent starts and joins threads all the time.
"""

import concurrent.futures
import contextlib
import multiprocessing
import os
import sys
import tempfile
import threading

TASKS = 10_000
WORKERS = 4
#: A worker is replaced after so many tasks. That takes longest with spawn.
EACH = 100
#: How many processes are started for one task each.
PROCESSES = {"fork": 1000, "forkserver": 1000, "spawn": 200}
#: Threads of the parent that start and join threads.
CHURNING = 2
#: Seconds that one step may take.
PATIENCE = 100


def square(number):
    """Compute the square of *number* in a new thread; join the thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(number * number))
    thread.start()
    thread.join()
    assert not thread.is_alive()
    return found[0]


@contextlib.contextmanager
def churn():
    """Start and join threads, in CHURNING other threads, while the block runs."""
    enough = threading.Event()
    counts = [0] * CHURNING

    def work(index):
        while not enough.is_set():
            counts[index] += square(1)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(CHURNING)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    assert all(counts), counts


def pool(context):
    with churn(), context.Pool(WORKERS, maxtasksperchild=EACH) as workers:
        found = list(workers.imap(square, range(TASKS), chunksize=1))
        workers.close()
        workers.join()
    check(found, TASKS)


def executor(context):
    with churn():
        with concurrent.futures.ProcessPoolExecutor(WORKERS, context) as workers:
            found = list(workers.map(square, range(TASKS)))
    check(found, TASKS)


def put(queue, number):
    queue.put(square(number))


def processes(context):
    """Start a process for each task, WORKERS at a time."""
    total = PROCESSES[context.get_start_method()]
    queue, found = context.Queue(), []
    with churn():
        for first in range(0, total, WORKERS):
            # Only this thread starts and joins processes. If two threads waited for the
            # same process, one of them might find no child, and no exit status.
            group = [
                context.Process(target=put, args=(queue, number))
                for number in range(first, first + WORKERS)
            ]
            for process in group:
                process.start()
            found += [queue.get(timeout=PATIENCE) for _ in group]
            for process in group:
                process.join(PATIENCE)
            assert [process.exitcode for process in group] == [0] * WORKERS, first
    queue.close()
    queue.join_thread()
    check(sorted(found), total)


def check(found, total):
    """Check the results, and that no other process and no other thread is left."""
    assert found == [number * number for number in range(total)]
    assert not multiprocessing.active_children()
    assert threading.enumerate() == [threading.main_thread()], threading.enumerate()


BEHAVIOURS = {
    f"{method}_{function.__name__}": (function, method)
    for method in ("fork", "forkserver", "spawn")
    for function in (pool, executor, processes)
}


def main(argv):
    if argv == ["--list"]:
        print("\n".join(BEHAVIOURS))
    else:
        # In a deeper directory, the path of forkserver's socket may be too long.
        tempfile.tempdir = os.environ["TMPDIR"] = "/tmp"
        function, method = BEHAVIOURS[argv[0]]
        function(multiprocessing.get_context(method))


if __name__ == "__main__":
    main(sys.argv[1:])
