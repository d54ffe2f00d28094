"""After join(), the thread of the operating system is still there.

The destructor of a C thread-local variable waits for a semaphore. It is posted
when join() has returned; or, should join() wait for the thread, a while later.
"""

import ctypes
import sys
import threading

libc = ctypes.CDLL(None)
semaphore = ctypes.create_string_buffer(64)
libc.sem_init(semaphore, 0, 0)
key = ctypes.c_uint()
destructor = ctypes.cast(libc.sem_wait, ctypes.c_void_p)
libc.pthread_key_create(ctypes.byref(key), destructor)
posted = threading.Event()
returned = threading.Event()


def post():
    returned.wait(1)
    posted.set()
    libc.sem_post(semaphore)


thread = threading.Thread(target=libc.pthread_setspecific, args=(key, semaphore))
poster = threading.Thread(target=post)
thread.start()
poster.start()
thread.join()
too_early = not posted.is_set()
returned.set()
poster.join()
print("the thread is still there" if too_early else "the thread has exited")
sys.exit(too_early)
