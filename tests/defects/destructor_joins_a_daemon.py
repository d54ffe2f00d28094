"""A destructor joins a daemon thread that finalization has cut short: a hang.

The daemon never runs again. Not a defect of all versions: 3.13 has it.
"""

import faulthandler
import os
import sys
import threading
import time


class Joins:
    def __del__(self, exit=os._exit):
        self.thread.join()
        print("join() returned", flush=True)
        exit(0)


joins = Joins()
joins.thread = threading.Thread(target=time.sleep, args=(3600,), daemon=True)
joins.thread.start()
faulthandler.dump_traceback_later(2, exit=True, file=open(os.devnull, "w"))
sys.stdout.flush()
