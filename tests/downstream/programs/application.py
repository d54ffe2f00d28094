"""The application of the servers: an answer comes out of a thread of its own.

SERVED_BACKGROUND in the environment asks for a thread that is there before the
server forks, SERVED_GEVENT for threads of gevent's.
"""

import _thread
import json
import os
import sys
import threading

#: Tells one load of this file from the next.
GENERATION = os.urandom(8).hex()

#: What the name of a thread begins with that an answer comes out of.
PREFIX = "answer-"

if "SERVED_BACKGROUND" in os.environ:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def in_a_thread(function, argument):
    """Call *function* in a thread; return that thread when it was joined."""
    thread = threading.Thread(target=function, args=(argument,))
    thread.name = f"{PREFIX}{argument}"
    thread.start()
    thread.join()
    return thread


def in_a_greenlet(function, argument):
    """Call *function* in a thread of gevent's pool, as in_a_thread() does."""
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
