"""A thread ends before it has begun: start() waits for it for ever."""

import faulthandler
import os
import sys
import threading


class Fails(threading.Thread):
    def _bootstrap(self):
        # The exception when there is no memory to call it.
        raise MemoryError


# The exception is reported in the new thread.
sys.unraisablehook = lambda args: os.write(1, b"a MemoryError in the new thread\n")
faulthandler.dump_traceback_later(2, exit=True, file=open(os.devnull, "w"))
try:
    Fails().start()
except RuntimeError as exc:
    print("RuntimeError:", exc)
