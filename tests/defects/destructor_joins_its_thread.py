"""A destructor that runs at the very end of a thread joins it: a deadlock."""

import faulthandler
import os
import sys
import threading


class Joins:
    def __del__(self):
        try:
            thread.join()
        except RuntimeError as exc:
            print("RuntimeError:", exc)
            os._exit(0)


def work():
    local.value = Joins()


local = threading.local()
thread = threading.Thread(target=work)
# Exits with status 1.
faulthandler.dump_traceback_later(2, exit=True, file=open(os.devnull, "w"))
print("joins itself")
sys.stdout.flush()
thread.start()
thread.join()
