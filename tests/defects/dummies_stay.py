"""Threads not of threading that have ended stay in enumerate(), alive."""

import _thread
import sys
import threading
import time


def work():
    threading.current_thread()
    called.release()


called = _thread.allocate_lock()
called.acquire()
_thread.start_new_thread(work, ())
called.acquire()
# Nothing tells when the thread has ended, if enumerate() does not.
end = time.monotonic() + 2
while threading.active_count() > 1 and time.monotonic() < end:
    time.sleep(0.001)
stays = threading.enumerate()[1:]
print("of threads that have ended, enumerate() has", stays)
sys.exit(bool(stays))
