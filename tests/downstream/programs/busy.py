"""Start and join threads all the time, for tools that inspect a process.

The program prints a line when it has begun. It goes on until 10,000 threads have
been joined and its standard input has ended. Then it prints the number of threads.
"""

import sys
import threading

TOTAL = 10_000
STARTERS = 4


def short_lived(found):
    found.append(1)


def keep_starting(counts, index, enough):
    while counts[index] < TOTAL // STARTERS or not enough.is_set():
        found = []
        thread = threading.Thread(target=short_lived, args=(found,))
        thread.start()
        thread.join()
        assert not thread.is_alive()
        counts[index] += len(found)


def main_of_busy():
    """Run STARTERS threads that start and join threads, until the input ends."""
    counts, enough = [0] * STARTERS, threading.Event()
    starters = [
        threading.Thread(
            target=keep_starting, args=(counts, n, enough), name=f"starter-{n}"
        )
        for n in range(STARTERS)
    ]
    for starter in starters:
        starter.start()
    print("busy", flush=True)
    sys.stdin.read()
    enough.set()
    for starter in starters:
        starter.join()
    assert threading.enumerate() == [threading.main_thread()]
    print(sum(counts))


if __name__ == "__main__":
    main_of_busy()
