"""A process forks while another thread is at the list of thread states: a hang.

sys._current_exceptions() goes through the list with its lock held, and makes
a tuple for each thread, which can start a garbage collection: its callback holds
the thread there until the process has forked, or cannot while the lock is held.
From 3.12 on no collection starts there.
"""

import gc
import os
import select
import sys
import threading

#: Seconds after which a child is taken to hang, and a fork to be kept waiting.
PATIENCE = 2

inside = False
asked, forked = threading.Event(), threading.Event()


def hold(phase, info):
    if inside and phase == "start":
        asked.set()
        forked.wait(PATIENCE)


def look():
    global inside
    # All tuples of that size that are kept for later use are in use.
    kept = [(n, n, n) for n in range(10_000)]
    gc.set_threshold(1)
    inside = True
    sys._current_exceptions()
    inside = False
    gc.set_threshold(0)
    del kept
    asked.set()


def child_hangs():
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, b"!")
        os._exit(0)
    forked.set()
    lives = select.select([reader], [], [], PATIENCE)[0]
    if not lives:
        os.kill(pid, 9)
    os.waitpid(pid, 0)
    return not lives


if not hasattr(sys, "_current_exceptions"):
    print("this Python has nothing to hold the lock with")
    sys.exit(2)
gc.callbacks.append(hold)
# Threads to make tuples for. None may end meanwhile: it would want the lock.
for _ in range(10):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
threading.Thread(target=look, daemon=True).start()
forks, hangs = 0, False
while not hangs:
    asked.wait()
    asked.clear()
    if not inside:
        break
    forked.clear()
    forks += 1
    hangs = child_hangs()
if not forks:
    print("this Python collects no garbage there")
    sys.exit(2)
print("the child hangs" if hangs else "the child lives")
os._exit(hangs)
