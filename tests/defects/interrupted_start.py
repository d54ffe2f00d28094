"""A signal handler that raises during start() kills the thread that it has started."""

import _thread
import signal
import sys
import threading


class Interrupted(Exception):
    pass


def handler(signum, frame):
    raise Interrupted


def profile(frame, event, function):
    # The function that start() calls to start the thread has returned, in any version:
    # there, a handler may run.
    if event == "c_return" and function.__name__ in STARTERS:
        sys.setprofile(None)
        # Unlike raise_signal(), it keeps the GIL.
        _thread.interrupt_main()


def run():
    global runs
    runs = True
    over.release()


STARTERS = "start_new_thread", "start_joinable_thread"
runs = False
over = _thread.allocate_lock()
over.acquire()
# The exception that kills it is reported in the new thread.
sys.unraisablehook = lambda args: over.release()
# The new thread waits until start() has been interrupted.
sys.setswitchinterval(1000)
signal.signal(signal.SIGINT, handler)
thread = threading.Thread(target=run)
sys.setprofile(profile)
try:
    thread.start()
except Interrupted:
    pass
sys.setprofile(None)
over.acquire()
print("run() of the thread that was started:", "called" if runs else "not called")
sys.exit(not runs)
