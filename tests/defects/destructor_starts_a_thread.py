"""A destructor starts a thread in finalization: a deadlock."""

import faulthandler
import os
import sys
import threading


class Starts:
    def __del__(self, Thread=threading.Thread, exit=os._exit):
        try:
            Thread(target=int).start()
        except RuntimeError as exc:
            print("RuntimeError:", exc, flush=True)
            exit(0)


starts = Starts()
faulthandler.dump_traceback_later(2, exit=True, file=open(os.devnull, "w"))
print("starts a thread")
sys.stdout.flush()
