"""Answer each request of a server from a new thread: a WSGI application.

If the environment has SERVED_BACKGROUND, loading this module starts a thread, which
then exists when the server forks. If it has SERVED_GEVENT, the answers come from
threads of gevent's pool.
"""

import _thread
import json
import os
import sys
import threading

#: A name for this load of the module, which differs from that of every other load.
GENERATION = os.urandom(8).hex()

#: The beginning of the name of each thread that computes an answer.
PREFIX = "answer-"

if "SERVED_BACKGROUND" in os.environ:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def in_a_thread(function, argument):
    """Call *function* with *argument* in a new thread; join and return the thread."""
    thread = threading.Thread(target=function, args=(argument,))
    thread.name = f"{PREFIX}{argument}"
    thread.start()
    thread.join()
    return thread


def in_a_greenlet(function, argument):
    """Call *function* with *argument* in a thread of gevent's pool.

    Returns a threading.Thread that has been joined, as in_a_thread() does.
    """
    import gevent

    gevent.get_hub().threadpool.apply(function, (argument,))
    return in_a_thread(lambda number: None, argument)


call = in_a_greenlet if "SERVED_GEVENT" in os.environ else in_a_thread


def application(environ, start_response):
    found = []
    thread = call(found.append, environ["QUERY_STRING"])
    answer = {
        "number": found[0],
        "alive": thread.is_alive() or thread in threading.enumerate(),
        "generation": GENERATION,
        "process": os.getpid(),
        "patched": hasattr(_thread, "_ThreadHandle"),
        "prefix": sys.base_prefix,
    }
    if found[0] == "threads":
        names = [thread.name for thread in threading.enumerate()]
        answer["threads"] = [name for name in names if name.startswith(PREFIX)]
    body = json.dumps(answer).encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
