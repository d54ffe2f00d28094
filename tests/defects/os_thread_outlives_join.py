"""After join(), the OS thread is still there.

The destructor of a C thread-local variable waits for a semaphore. Another process
posts it when join() has returned or, if join() waits for the thread, a while later.
There is no other thread, so a fork() after join() ought to be safe.
"""

import ctypes
import mmap
import os
import select
import threading

libc = ctypes.CDLL(None)
shared = mmap.mmap(-1, mmap.PAGESIZE)
semaphore = ctypes.byref((ctypes.c_char * 64).from_buffer(shared))
posted = ctypes.c_char.from_buffer(shared, 64)
libc.sem_init(semaphore, 1, 0)
key = ctypes.c_uint()
destructor = ctypes.cast(libc.sem_wait, ctypes.c_void_p)
libc.pthread_key_create(ctypes.byref(key), destructor)

returned, return_ = os.pipe()
poster = os.fork()
if poster == 0:
    select.select([returned], [], [], 1)
    posted.value = b"1"
    libc.sem_post(semaphore)
    os._exit(0)

thread = threading.Thread(target=libc.pthread_setspecific, args=(key, semaphore))
thread.start()
thread.join()
too_early = posted.value != b"1"
os.write(return_, b"!")
os.waitpid(poster, 0)
print("the thread is still there" if too_early else "the thread has exited", flush=True)
# Without a wait: the thread may not have returned from the semaphore yet.
os._exit(too_early)
