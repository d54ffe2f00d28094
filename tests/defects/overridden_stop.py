"""A subclass has a method _stop: its threads are alive for ever."""

import sys
import threading


class Stoppable(threading.Thread):
    def _stop(self):
        self.stopping = True


thread = Stoppable()
thread.start()
thread.join()
print("is_alive() after join():", thread.is_alive())
sys.exit(thread.is_alive())
