"""A fork in a thread that threading has not started: the child abandons threads.

The thread has called current_thread(), and so is a daemon; the main thread of the
child is then one, too.
"""

import _thread
import os
import sys
import threading


def work():
    main_ends.wait()
    # By now the main thread waits for this one, or will not.
    main.join()
    os.write(write, b"worked")


def fork():
    global main
    threading.current_thread()
    pid = os.fork()
    if pid == 0:
        try:
            main = threading.main_thread()
            threading._register_atexit(main_ends.set)
            threading.Thread(target=work).start()
            # multiprocessing ends such a child in this way.
            threading._shutdown()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(write)
    done.release()


if not hasattr(threading, "_register_atexit"):
    print("this Python has no exit functions of threading")
    sys.exit(2)
read, write = os.pipe()
main_ends = threading.Event()
done = _thread.allocate_lock()
done.acquire()
# The messages of the child do not matter.
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
_thread.start_new_thread(fork, ())
done.acquire()
worked = os.read(read, 100) == b"worked"
print("the thread is waited for" if worked else "the thread is abandoned")
sys.exit(not worked)
