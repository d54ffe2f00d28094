"""A small web application that works with threads, as many do.

Each request is handled by some threads, several of which join another one; a
request for /fork forks as soon as they are joined. The answer is known in advance.
"""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

_pool = ThreadPoolExecutor(4)


def _sum_in_threads(number):
    """Return the sum of the numbers up to *number*, computed by some threads."""
    parts = []
    adder = threading.Thread(target=lambda: parts.append(sum(range(number + 1))))
    waiting = [threading.Thread(target=adder.join) for _ in range(3)]
    adder.start()
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    return parts[0]


def _in_a_fork(number):
    """Return the result of _sum_in_threads() in a child process."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, str(_sum_in_threads(number)).encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        result = answer.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"the child ended with {status}")
    return result


def application(environ, start_response):
    """Answer /sum/N and /fork/N with the sum of the numbers up to N."""
    _, kind, number = environ["PATH_INFO"].split("/")
    work = {"sum": _sum_in_threads, "fork": _in_a_fork}[kind]
    if kind == "sum":
        result = _pool.submit(work, int(number)).result()
    else:
        result = work(int(number))
    start_response("200 OK", [("X-Python", sys.version.split()[0])])
    return [str(result).encode()]
