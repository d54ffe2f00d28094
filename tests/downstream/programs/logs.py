"""Write to one file from threads and processes, with concurrent-log-handler.

Usage: logs.py BEHAVIOUR, or logs.py --list
"""

import logging
import multiprocessing
import queue
import sys
import threading
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path

from concurrent_log_handler import ConcurrentRotatingFileHandler

LINES = 200
WRITERS = 4


def handler():
    return ConcurrentRotatingFileHandler("log", maxBytes=4096, backupCount=100)


def write(name, target=None):
    """Log LINES lines as *name* to the handler *target*, by default to a new one."""
    logger = logging.Logger(name)
    logger.addHandler(target or handler())
    for number in range(LINES):
        logger.info("%s %d", name, number)


def check():
    """Check that the files have each line exactly once."""
    lines = [line for path in Path().glob("log*") for line in read(path)]
    expected = [f"w{w} {n}" for w in range(WRITERS) for n in range(LINES)]
    assert sorted(lines) == sorted(expected), len(lines)


def read(path):
    return path.read_text().splitlines() if path.suffix != ".lock" else []


def join(workers):
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert not worker.is_alive()


def threads():
    target = handler()
    join(
        [threading.Thread(target=write, args=(f"w{n}", target)) for n in range(WRITERS)]
    )
    check()


def processes():
    context = multiprocessing.get_context("fork")
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
    workers = [context.Process(target=write, args=(f"w{n}",)) for n in range(WRITERS)]
    join(workers)
    assert [worker.exitcode for worker in workers] == [0] * WRITERS
    check()


def a_listener():
    records = queue.Queue()
    listener = QueueListener(records, handler())
    listener.start()
    join(
        [
            threading.Thread(target=write, args=(f"w{n}", QueueHandler(records)))
            for n in range(WRITERS)
        ]
    )
    listener.stop()
    check()


BEHAVIOURS = {f.__name__: f for f in (threads, processes, a_listener)}


def main(argv):
    if argv == ["--list"]:
        print("\n".join(BEHAVIOURS))
    else:
        for path in Path().glob("*log*"):
            path.unlink()
        BEHAVIOURS[argv[0]]()


if __name__ == "__main__":
    main(sys.argv[1:])
