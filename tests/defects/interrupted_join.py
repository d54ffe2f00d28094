"""A signal handler that raises during join() makes a running thread pass for dead."""

import signal
import sys
import threading


class Interrupted(Exception):
    pass


def handler(signum, frame):
    global waiting
    if waiting:
        waiting = False
        raise Interrupted


def profile(frame, event, function):
    # The functions that join() calls to wait, in all versions.
    global waiting
    if event == "c_call" and function.__name__ in ("acquire", "join"):
        waiting = frame.f_code.co_name in ("join", "_wait_for_tstate_lock")


if sys.thread_info.lock == "mutex+cond":
    print("no signal interrupts the locks of this platform")
    sys.exit(2)
waiting = False
finish = threading.Event()
thread = threading.Thread(target=finish.wait)
thread.start()
signal.signal(signal.SIGALRM, handler)
# Signals come again and again, so that one comes while join() waits.
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
sys.setprofile(profile)
try:
    thread.join()
except Interrupted:
    pass
sys.setprofile(None)
signal.setitimer(signal.ITIMER_REAL, 0)
alive = thread.is_alive()
finish.set()
thread.join()
print("is_alive() of the running thread:", alive)
sys.exit(not alive)
