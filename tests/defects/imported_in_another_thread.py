"""threading is first imported in another thread: the main thread is a daemon."""

import subprocess
import sys

PROGRAM = """
import _thread, sys

def import_threading():
    import threading
    imported.release()

assert "threading" not in sys.modules
imported = _thread.allocate_lock()
imported.acquire()
_thread.start_new_thread(import_threading, ())
imported.acquire()
import threading
main = threading.main_thread() is threading.current_thread()
sys.exit(not main or threading.Thread().daemon)
"""

status = subprocess.run([sys.executable, "-S", "-c", PROGRAM], check=False).returncode
print("the main thread is taken for", "a daemon" if status else "what it is")
sys.exit(status)
