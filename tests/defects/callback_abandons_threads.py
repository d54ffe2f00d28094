"""An exception in one of threading's exit functions: threads are abandoned.

The thread waits until the exception has been raised, and then tells. concurrent.
futures registers such a function in every program that uses it.
"""

import subprocess
import sys

PROGRAM = """
import os, threading

def fail():
    failed.set()
    raise ValueError("in an exit function")

def work():
    failed.wait()
    # By now the main thread waits for this one, or does not any more.
    threading.main_thread().join()
    os.write(1, b"waited for")

failed = threading.Event()
threading.Thread(target=work).start()
threading._register_atexit(fail)
"""

if not hasattr(__import__("threading"), "_register_atexit"):
    print("this Python has no such functions")
    sys.exit(2)
# If the thread is not waited for, the process ends first: its end is one that the
# thread cannot outrun.
END = "import atexit, os; atexit.register(os._exit, 0)\n"
done = subprocess.run(
    [sys.executable, "-c", END + PROGRAM],
    stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL,
    check=False,
)
waited = done.stdout == b"waited for"
print("the thread is waited for" if waited else "the thread is abandoned")
sys.exit(not waited)
