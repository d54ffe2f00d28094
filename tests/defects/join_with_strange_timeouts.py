"""join(inf), join(nan) or too large a timeout makes a running thread pass for dead."""

import sys
import threading

dead = []
for timeout in float("inf"), float("nan"), 1e30:
    finish = threading.Event()
    thread = threading.Thread(target=finish.wait)
    thread.start()
    try:
        # No wait has a timeout like that: an exception.
        thread.join(timeout)
    except (OverflowError, ValueError):
        pass
    if not thread.is_alive():
        dead.append(timeout)
    finish.set()
    thread.join()
print("running threads that pass for dead after a join() with", dead)
sys.exit(bool(dead))
