"""Operations during which signals arrive."""

import os
import signal
import sys
import threading
import time

from .processes import forked, wait
from .run import Interrupted, Task, check, join_handle, operation, repeated, run

#: The largest number of signals. Signals without end would make a process that hangs
#: look busy.
TICKS = 1000


#: The code of functions that wait for threads and hold no lock.
JOINS = (
    threading.Thread.join.__code__,
    threading.Thread._wait_for_tstate_lock.__code__,
    join_handle.__code__,
)


def _within_join(frame):
    # Compare identities: the code of another interpreter may be equal.
    return any(frame.f_code is code for code in JOINS)


def _called_by_a_task(frame):
    while _within_join(frame):
        frame = frame.f_back
    return frame.f_code is Task.join.__code__


class _Ticker:
    """A context in which a signal handler calls a function again and again.

    Parameters:
        function: called with the frame that was interrupted.
        interval: seconds between two signals.
    """

    def __init__(self, function, interval):
        self.function = function
        self.interval = interval
        self.left = TICKS
        self.busy = False
        self.pid = os.getpid()

    def __enter__(self):
        self.before = signal.signal(signal.SIGALRM, self.handle)
        signal.setitimer(signal.ITIMER_REAL, self.interval, self.interval)

    def __exit__(self, *exc_info):
        if os.getpid() == self.pid:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self.before)

    def handle(self, signum, frame):
        # The child of a fork ignores these signals.
        if self.busy or os.getpid() != self.pid:
            return
        self.left -= 1
        if self.left <= 0:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self.busy = True
        try:
            self.function(frame)
        finally:
            self.busy = False


@operation
def signals(number, body, action, interval):
    """Run the body while signals arrive.

    Parameters:
        action: what the signal handler does: "nothing"; or, if it interrupts join():
            "join" another thread that runs, "start" and join one, "fork", or "raise".
        interval: milliseconds between two signals.
    """
    gate = threading.Semaphore(0)
    other = Task(gate.acquire)

    def handle(frame):
        if action == "nothing" or not _within_join(frame):
            return
        if action == "raise":
            if _called_by_a_task(frame):
                raise Interrupted
            return
        if action == "join":
            other.join(0.0001)
            check(other.alive(), "dead, and still runs")
        elif action == "start":
            Task(int).join()
        else:
            wait(forked(Task(int).join), 0)

    with _Ticker(handle, interval / 1000):
        run(body)
    gate.release()
    other.join()


@repeated
def interrupted(number, timeout):
    """Raise KeyboardInterrupt in join(), and check that the thread is still alive."""
    gate = threading.Lock()
    gate.acquire()
    raised = []
    main = threading.get_ident()

    def handle(signum, frame):
        if _within_join(frame) and not raised:
            raised.append(True)
            raise KeyboardInterrupt

    def body():
        # Send the signal again and again: if it arrives just before the wait begins,
        # Python does not call the handler until the wait ends.
        while not gate.acquire(timeout=0.01):
            signal.pthread_kill(main, signal.SIGINT)

    before = signal.signal(signal.SIGINT, handle)
    task = Task(body)
    try:
        task.join(timeout)
    except KeyboardInterrupt:
        pass
    check(raised, "no KeyboardInterrupt")
    check(task.alive(), "dead, and still runs")
    gate.release()
    task.join()
    signal.signal(signal.SIGINT, before)


@operation
def terminated(number, times, how, milliseconds):
    """End children at a random moment of their work with threads.

    Parameters:
        how: "signal", which ends the process; a "thread" that does; or a signal
            "handler" that raises SystemExit.
        milliseconds: time from the fork to the end.
    """
    pause = milliseconds / 1000

    def leave(signum, frame):
        # An exception cannot get through the callback of a weak reference, and could
        # leave a lock of threading held. Wait for the next signal instead.
        ours = frame.f_code.co_filename == __file__
        if ours or _within_join(frame):
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            sys.exit(3)

    def child():
        if how == "handler":
            signal.signal(signal.SIGALRM, leave)
            signal.setitimer(signal.ITIMER_REAL, pause, 0.0005)
        if how == "thread":
            Task(lambda: (time.sleep(pause), os._exit(3)))
        while True:
            tasks = [Task(int, daemon=daemon) for daemon in (True, False)]
            Task(tasks[0].join).join()
            tasks[1].join()

    for _ in range(times):
        pid = forked(child)
        if how == "signal":
            time.sleep(pause)
            os.kill(pid, signal.SIGTERM)
        wait(pid, -signal.SIGTERM if how == "signal" else 3)
