"""Have two threads join a third, again and again, and count the failures.

Run by the interpreter under test, with the directory of the threading.py that
it is to use and the number of rounds: python -I -S loop.py LIB ROUNDS
"""

import collections
import sys


def join_by_two(threading, queue):
    """Have two threads join one; return what each join() raised, or None."""
    gate = threading.Lock()
    gate.acquire()
    thread = threading.Thread(target=gate.acquire)
    thread.start()
    ready, results = queue.SimpleQueue(), queue.SimpleQueue()

    def join():
        ready.put(True)
        try:
            thread.join()
        except Exception as exc:
            results.put(exc)
        else:
            results.put(None)

    for _ in range(2):
        threading.Thread(target=join).start()
    for _ in range(2):
        ready.get()
    gate.release()
    return [results.get() for _ in range(2)]


def main(library, rounds):
    """Print how many of *rounds* failed; return 1 if any did."""
    sys.path.insert(0, library)
    import queue
    import threading

    if not threading.__file__.startswith(library):
        print("threading was imported before its copy could be", file=sys.stderr)
        return 2
    failed = 0
    raised = collections.Counter()
    for _ in range(rounds):
        errors = [exc for exc in join_by_two(threading, queue) if exc is not None]
        failed += bool(errors)
        raised.update(type(exc).__name__ for exc in errors)
    detail = "".join(f", {n} {name}" for name, n in sorted(raised.items()))
    version = sys.version.split()[0]
    print(f"Python {version}: join() failed in {failed} of {rounds} rounds{detail}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
