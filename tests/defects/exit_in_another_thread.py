"""C code calls exit in a thread that is not the main one: it waits for itself."""

import ctypes
import faulthandler
import os
import subprocess
import sys

if sys.argv[1:] == ["exit"]:
    import threading

    # Exits with status 1.
    faulthandler.dump_traceback_later(2, exit=True, file=open(os.devnull, "w"))
    threading.Thread(target=ctypes.pythonapi.Py_Exit, args=(0,)).start()
    threading.Event().wait()

hangs = subprocess.run([sys.executable, __file__, "exit"], check=False).returncode
print("the exit hangs" if hangs else "the process exits")
sys.exit(hangs)
