"""An atexit function starts a thread: it is cut off in the middle of its work."""

import subprocess
import sys

PROGRAM = """
import atexit, os, sys, threading

def work():
    go_on.acquire()
    os.write(1, b"worked")

def start():
    threading.Thread(target=work).start()

go_on = threading.Lock()
go_on.acquire()
# From here on, the main thread keeps the GIL unless it waits.
sys.setswitchinterval(1000)
atexit.register(go_on.release)
atexit.register(start)
"""

done = subprocess.run(
    [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, check=True
)
worked = done.stdout == b"worked"
print("the thread works to its end" if worked else "the thread is cut off")
sys.exit(not worked)
