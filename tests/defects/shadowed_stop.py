"""A subclass has an attribute _stop: join() fails with a TypeError."""

import sys
import threading


class Stoppable(threading.Thread):
    def __init__(self):
        super().__init__()
        self._stop = threading.Event()

    def run(self):
        self._stop.wait()


thread = Stoppable()
thread.start()
thread._stop.set()
try:
    thread.join()
except TypeError as exc:
    print("TypeError:", exc)
    sys.exit(1)
print("join() returned")
