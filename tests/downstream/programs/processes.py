"""multiprocessing under load: processes start while threads start and end.

Usage: processes.py BEHAVIOUR, or processes.py --list

10,000 tasks, each done in a thread of its own, in processes that come and go,
while the parent starts and joins threads all the time.
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
#: After so many tasks a worker is replaced; with spawn that takes longest.
EACH = 100
#: How many processes are started for one task each.
PROCESSES = {"fork": 1000, "forkserver": 1000, "spawn": 200}
CHURNING = 2
PATIENCE = 100


def square(number):
    """Return the square of *number*, which a thread finds."""
    found = []
    thread = threading.Thread(target=lambda: found.append(number * number))
    thread.start()
    thread.join()
    assert not thread.is_alive()
    return found[0]


@contextlib.contextmanager
def churn():
    """While the block runs, start and join threads, from several of them."""
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
    """A process for each task, some at a time."""
    total = PROCESSES[context.get_start_method()]
    queue, found = context.Queue(), []
    with churn():
        for first in range(0, total, WORKERS):
            # From this thread alone: of two that wait for a process, multiprocessing
            # may have one find no child, and no exit status.
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
    """Check the results, and that nothing is left."""
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
        # Else the path of a socket of forkserver's may be too long.
        tempfile.tempdir = os.environ["TMPDIR"] = "/tmp"
        function, method = BEHAVIOURS[argv[0]]
        function(multiprocessing.get_context(method))


if __name__ == "__main__":
    main(sys.argv[1:])
