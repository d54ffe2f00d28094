"""A signal handler that raises during join() makes a running thread pass for dead."""

import signal
import sys
import threading


class Interrupted(Exception):
    pass


def handler(signum, frame):
    while frame is not None:
        if frame.f_code.co_name == "join":
            raise Interrupted
        frame = frame.f_back


finish = threading.Event()
thread = threading.Thread(target=finish.wait)
thread.start()
signal.signal(signal.SIGALRM, handler)
# Again and again, so that one comes while join() waits.
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
try:
    thread.join()
except Interrupted:
    signal.setitimer(signal.ITIMER_REAL, 0)
alive = thread.is_alive()
finish.set()
thread.join()
print("is_alive() of the running thread:", alive)
sys.exit(not alive)
