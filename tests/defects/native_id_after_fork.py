"""In the child of a fork, native_id is that of the parent's thread."""

import os
import sys
import threading

pid = os.fork()
if pid == 0:
    os._exit(threading.current_thread().native_id != threading.get_native_id())
stale = os.waitpid(pid, 0)[1] != 0
print("native_id is that of", "the parent" if stale else "the child")
sys.exit(stale)
