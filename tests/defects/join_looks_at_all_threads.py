"""The join of one thread looks at all that are alive, and so does its start.

Counted, not timed: the calls of C functions in one join().
"""

import sys
import threading


def calls():
    count = 0

    def profile(frame, event, arg):
        nonlocal count
        count += event == "c_call"

    thread = threading.Thread(target=int)
    thread.start()
    sys.setprofile(profile)
    thread.join()
    sys.setprofile(None)
    return count


calls()
alone = calls()
finish = threading.Event()
others = [threading.Thread(target=finish.wait) for _ in range(200)]
for other in others:
    other.start()
crowded = calls()
finish.set()
print(f"{alone} calls alone, {crowded} calls with 200 others")
sys.exit(crowded > alone)
