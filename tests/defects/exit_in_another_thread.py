"""C code calls exit in a thread that is not the main one: it waits for itself."""

import subprocess
import sys

PROGRAM = """
import ctypes, faulthandler, os, threading

# Exits with status 1.
faulthandler.dump_traceback_later(2, exit=True, file=open(os.devnull, "w"))
threading.Thread(target=ctypes.pythonapi.Py_Exit, args=(0,)).start()
threading.Event().wait()
"""

hangs = subprocess.run([sys.executable, "-c", PROGRAM], check=False).returncode
print("the exit hangs" if hangs else "the process exits")
sys.exit(hangs)
