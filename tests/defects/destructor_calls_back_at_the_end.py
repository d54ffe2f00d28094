"""The last destructor of a foreign thread calls C code that calls Python: a crash.

A thread that Python did not start gets a thread state from PyGILState_Ensure(), and
PyGILState_Release() clears and deletes it. A destructor that runs then calls back
through the same two functions, by ctypes, as C code does: they delete the state a
second time.
"""

import subprocess
import sys

PROGRAM = """
import ctypes, os, threading

libc = ctypes.CDLL(None)
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(
    lambda one, other: 0)

class CallsBack:
    def __del__(self):
        # Releases the GIL, and takes it to compare.
        libc.qsort((ctypes.c_int * 2)(1, 2), 2, 4, compare)

def body(_):
    local.value = CallsBack()
    return 0

local = threading.local()
run = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(body)
for _ in range(20):
    thread = ctypes.c_ulong()
    if libc.pthread_create(ctypes.byref(thread), None, run, None):
        os._exit(2)
    libc.pthread_join(thread, None)
os._exit(0)
"""

#: Seconds after which the program is taken to hang.
PATIENCE = 20

try:
    status = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        stderr=subprocess.DEVNULL,
        timeout=PATIENCE,
        check=False,
    ).returncode
except subprocess.TimeoutExpired:
    status = "hang"
if status in (1, 2):
    print("the program does not work here")
    sys.exit(2)
print("the process ends well" if status == 0 else "the process crashes or hangs")
sys.exit(status != 0)
