"""The part of the benchmark that the interpreters under test run.

Run as `python -I -S worker.py ROW LOOPS SAMPLES [LIBRARY]`; prints one line
of JSON: {"values": [seconds of one operation, SAMPLES times], "switches": voluntary
context switches of one operation}, and where join() raised, {"failed": how many
times} in it. LOOPS is the number of operations in a sample. LIBRARY is
gilstate.c, compiled, for the row that needs it. ROW is a name in rows.json, which is
that of a function here.

The row "shutdown_2000" is measured from outside: its last act is to print
{"ends": time.monotonic()}. The row "kept" keeps LOOPS finished Thread objects, and
prints {"space": bytes of address space}.

It imports the standard library alone, and nothing of this project.
"""

import functools
import itertools
import json
import os
import resource
import sys
import threading
import time

#: The numbers of idle threads and of joiners, as in the titles of the rows.
ALIVE = 2000
JOINERS = 200

#: Seconds between two checks whether threads have exited.
LOOK = 0.001

_clock = time.perf_counter
_failed = []  # exceptions of join()


def _nothing():
    pass


def _parked():
    """Start a thread that waits; return it and the function that ends it."""
    gate = threading.Lock()
    gate.acquire()
    thread = threading.Thread(target=gate.acquire)
    thread.start()

    def end():
        gate.release()
        thread.join()

    return thread, end


def _per_call(function, loops):
    """Return the seconds that a call of *function* takes, over *loops* calls."""
    start = _clock()
    for _ in itertools.repeat(None, loops):
        function()
    return (_clock() - start) / loops


def start_join(loops):
    """Yield samples: start a thread and join it."""

    def once():
        thread = threading.Thread(target=_nothing)
        thread.start()
        thread.join()

    while True:
        yield _per_call(once, loops)


def start_join_timeout(loops):
    """Yield samples: start a thread and join it with a timeout."""

    def once():
        thread = threading.Thread(target=_nothing)
        thread.start()
        thread.join(60)

    while True:
        yield _per_call(once, loops)


def constructor(loops):
    """Yield samples: make a Thread object."""
    make = functools.partial(threading.Thread, target=_nothing)
    while True:
        yield _per_call(make, loops)


def is_alive_running(loops):
    """Yield samples: ask a thread that runs."""
    thread, end = _parked()
    try:
        while True:
            yield _per_call(thread.is_alive, loops)
    finally:
        end()


def is_alive_finished(loops):
    """Yield samples: ask a thread that was joined."""
    thread, end = _parked()
    end()
    while True:
        yield _per_call(thread.is_alive, loops)


def join_finished(loops):
    """Yield samples: join a thread that was joined before."""
    thread, end = _parked()
    end()
    while True:
        yield _per_call(thread.join, loops)


def join_zero(loops):
    """Yield samples: join(0) of a thread that runs."""
    thread, end = _parked()
    try:
        while True:
            yield _per_call(functools.partial(thread.join, 0), loops)
    finally:
        end()


def start_0(loops):
    """Yield samples: start a thread, no other one there."""
    while True:
        yield _starts(loops)


def start_2000(loops):
    """Yield samples: start a thread, 2,000 others there."""
    with _crowd():
        while True:
            yield _starts(loops)


def _starts(loops):
    """Return the seconds that start() takes; the thread's end is not in it."""
    total = 0.0
    for _ in itertools.repeat(None, loops):
        thread = threading.Thread(target=_nothing)
        start = _clock()
        thread.start()
        total += _clock() - start
        thread.join()
    return total / loops


def _crowd():
    """Start the idle threads; return the held lock that they wait for.

    When it is released, each of them takes it and hands it on.
    """
    gate = threading.Lock()
    gate.acquire()

    def wait():
        with gate:
            pass

    for _ in range(ALIVE):
        threading.Thread(target=wait).start()
    return _Releasing(gate)


class _Releasing:
    """Releases a held lock when the `with` block is left."""

    def __init__(self, lock):
        self._lock = lock

    def __enter__(self):
        pass

    def __exit__(self, *exc_info):
        self._lock.release()


def joiners_200(loops):
    """Yield samples: from a thread's end to its last joiner's, per joiner."""
    while True:
        yield sum(_joined_by_many() for _ in range(loops)) / loops / JOINERS


def _joined_by_many():
    gate = threading.Lock()
    gate.acquire()
    thread = threading.Thread(target=gate.acquire)
    thread.start()
    all_here, all_done = threading.Lock(), threading.Lock()
    all_here.acquire()
    all_done.acquire()
    arrivals, departures = itertools.count(1), itertools.count(1)

    def join():
        if next(arrivals) == JOINERS:
            all_here.release()
        try:
            thread.join()
        except Exception as exc:
            _failed.append(repr(exc))
        if next(departures) == JOINERS:
            all_done.release()

    joiners = [threading.Thread(target=join) for _ in range(JOINERS)]
    for joiner in joiners:
        joiner.start()
    all_here.acquire()
    start = _clock()
    gate.release()
    all_done.acquire()
    elapsed = _clock() - start
    for joiner in joiners:
        joiner.join()
    return elapsed


def gilstate(loops, library):
    """Yield samples: PyGILState_Ensure() and _Release() of a foreign thread.

    Parameters:
        library: path of gilstate.c, compiled.
    """
    # Not every row needs it, and an interpreter may lack it.
    import ctypes

    # It releases the GIL while the function runs.
    function = ctypes.CDLL(library).ensure_release
    function.restype = ctypes.c_double
    while True:
        seconds = function(ctypes.c_long(loops))
        if seconds < 0:
            raise RuntimeError("a thread cannot be started")
        yield seconds


def kept(number):
    """Return the address space, in bytes, with *number* finished threads kept.

    No thread joins them, and their OS threads have exited.
    """
    threads = [threading.Thread(target=_nothing) for _ in range(number)]
    for thread in threads:
        thread.start()
    while len(os.listdir("/proc/self/task")) > 1:
        time.sleep(LOOK)
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[0]) * resource.getpagesize()


def shutdown_2000():
    """Leave 2,000 threads that finish to the interpreter's exit."""
    with _crowd():
        print(json.dumps({"ends": time.monotonic()}), flush=True)


def _switches():
    """Return the number of voluntary context switches of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


def main(row, loops, samples, *library):
    """Measure *row*; print the result."""
    if row == "shutdown_2000":
        shutdown_2000()
        return
    if row == "kept":
        print(json.dumps({"space": kept(loops)}))
        return
    measuring = globals()[row](loops, *library)
    # To warm up.
    next(measuring)
    before = _switches()
    values = list(itertools.islice(measuring, samples))
    switches = (_switches() - before) / loops / samples
    measuring.close()
    result = {"values": values, "switches": switches}
    if _failed:
        result["failed"] = len(_failed)
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
