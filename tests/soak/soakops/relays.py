"""An operation in which new threads join threads that were started before them."""

import random
import time

from .processes import forked, wait
from .run import LONG, Failures, Task, check, repeated


class _Relay:
    """Threads, each of which joins some of those that were started just before it.

    Parameters:
        chance: a random.Random.
        joined: number of threads that each thread joins.
        how: as in Task.
        timeout: seconds that each of these joins waits; None for no limit.
    """

    #: The number of threads started last, of which a new thread joins some. These are
    #: about to end or have ended, and others join them, too.
    RECENT = 12

    def __init__(self, chance, joined, how, timeout):
        self.chance = chance
        self.joined = joined
        self.how = how
        self.timeout = timeout
        self.tasks = []
        self.failures = Failures()

    def start(self, count):
        """Start *count* threads. Several threads may call this at the same time."""
        for _ in range(count):
            recent = self.tasks[-self.RECENT :]
            chosen = self.chance.sample(recent, min(self.joined, len(recent)))
            join = self.failures.watched(self._join, chosen)
            self.tasks.append(Task(join, self.how))
            # Release the GIL, so that earlier threads end while new ones start.
            time.sleep(0)

    def _join(self, chosen):
        for task in chosen:
            task.join(self.timeout)
            certain = self.timeout is None or self.timeout >= LONG
            check(not (certain and task.alive()), "alive after join")

    def finish(self):
        """Join all threads.

        Raises the first exception of a thread.
        """
        for task in self.tasks:
            task.join()
            check(not task.alive(), "alive after join")
        self.failures.check()


@repeated
def relay(number, threads, starters, joined, how, timeout, forks, seed):
    """Have new threads join threads that were started shortly before them.

    The system gives the identifier of a joined OS thread to a new one, which may join
    the same thread.

    Parameters:
        threads: number of threads that each starter starts.
        starters: number of threads that start threads.
        joined, how, timeout: as in _Relay.
        forks: number of forks meanwhile. In each child, new threads join those of the
            parent.
        seed: of the random numbers.
    """
    chance = random.Random(seed)
    one = _Relay(chance, joined, how, timeout)

    def child():
        one.start(threads)
        one.finish()

    crowd = [Task(one.failures.watched(one.start, threads)) for _ in range(starters)]
    children = [forked(child) for _ in range(forks)]
    for pid in children:
        wait(pid, 0)
    for task in crowd:
        task.join()
    one.finish()
