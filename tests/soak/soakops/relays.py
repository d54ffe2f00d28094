"""Operations in which threads that are new join those before them."""

import random
import time

from .processes import forked, wait
from .run import LONG, Failures, Task, check, repeated


class _Relay:
    """Threads, each of which joins some of those that were started just before it.

    Parameters:
        chance: a random.Random.
        joined: how many each thread joins.
        how: as Task has it.
        timeout: of these joins, None or seconds.
    """

    #: A thread joins some of so many that came before it: they are about to end,
    #: or have, and are joined by others.
    RECENT = 12

    def __init__(self, chance, joined, how, timeout):
        self.chance = chance
        self.joined = joined
        self.how = how
        self.timeout = timeout
        self.tasks = []
        self.failures = Failures()

    def start(self, count):
        """Start *count* threads; others may do so at the same time."""
        for _ in range(count):
            recent = self.tasks[-self.RECENT :]
            chosen = self.chance.sample(recent, min(self.joined, len(recent)))
            join = self.failures.watched(self._join, chosen)
            self.tasks.append(Task(join, self.how))
            # Release the GIL: earlier threads are to end while new ones start.
            time.sleep(0)

    def _join(self, chosen):
        for task in chosen:
            task.join(self.timeout)
            certain = self.timeout is None or self.timeout >= LONG
            check(not (certain and task.alive()), "alive after join")

    def finish(self):
        """Join all threads; raise an exception that one of them raised."""
        for task in self.tasks:
            task.join()
            check(not task.alive(), "alive after join")
        self.failures.check()


@repeated
def relay(number, threads, starters, joined, how, timeout, forks, seed):
    """Have new threads join those before them, which others join and start.

    A joined thread leaves the identifier of its OS thread to the next one, which may be
    one that joins it.

    Parameters:
        threads: how many each of the *starters* starts.
        forks: how often the process forks meanwhile; in the child, new threads
            join those of the parent.
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
