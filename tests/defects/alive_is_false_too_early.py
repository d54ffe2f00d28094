"""is_alive() is False while the OS thread is still there.

The destructor of a C thread-local variable waits for a semaphore. By then, the Python
code of the thread is done, and its thread-local objects are gone.
"""

import ctypes
import os
import sys
import threading
import time
import weakref


class Object:
    pass


def work():
    local.object = Object()
    gone.append(weakref.ref(local.object))
    libc.pthread_setspecific(key, semaphore)


libc = ctypes.CDLL(None)
semaphore = ctypes.create_string_buffer(64)
libc.sem_init(semaphore, 0, 0)
key = ctypes.c_uint()
destructor = ctypes.cast(libc.sem_wait, ctypes.c_void_p)
libc.pthread_key_create(ctypes.byref(key), destructor)
local = threading.local()
gone = []
thread = threading.Thread(target=work)
thread.start()
while not gone or gone[0]() is not None:
    time.sleep(0.001)
# It takes a moment until a thread whose objects are gone counts as dead.
end = time.monotonic() + 1
while thread.is_alive() and time.monotonic() < end:
    thread.join(0.01)
alive = thread.is_alive()
print("is_alive() of a thread that the system has:", alive)
sys.stdout.flush()
libc.sem_post(semaphore)
thread.join()
os._exit(not alive)
