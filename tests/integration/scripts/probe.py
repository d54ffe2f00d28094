"""Functions for the scripts that run in the interpreters under test."""

import faulthandler
import json
import os
import signal
import sys
import traceback


def say(*words):
    """Print *words* in one write, so that threads and forks do not mix them."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def outcome(function, *args, **kwargs):
    """Return what the call returns, or the name of what it raises, as text."""
    try:
        return repr(function(*args, **kwargs))
    except BaseException as exc:
        return type(exc).__name__


def run_into_c(ready, function, *args):
    """Release *ready* and call *function*; for threads cut short in there.

    Their frames are never cleared, and keep alive the globals of the module in which
    the function is. If that were __main__, none of the script's own objects would be
    destroyed when the interpreter ends.
    """
    ready.release()
    function(*args)


def fork(function, seconds=20):
    """Call *function* in a forked child, and return the child's pid.

    The child ends with status 0 when the function returns, 1 when it raises,
    and is killed by SIGALRM when it takes longer than *seconds*.
    """
    pid = os.fork()
    if pid:
        return pid
    watch(seconds)
    status = 1
    try:
        function()
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


#: The exit status of a child that made fewer allocations than the one to fail.
NONE_FAILED = 77


def each_allocation(attempt, limit=None):
    """Call *attempt* in a new child for each allocation that can fail.

    Each child gets the number of its allocation, counted from 1, and ends with
    NONE_FAILED when there are not that many; then no other follows. For each before
    that, a line of JSON is printed: its number, the status of the child as
    status() has it, and what the child said on stderr.

    Parameters:
        attempt: function that is called with the number.
        limit: number of the last allocation, or None for all that there are.
    """
    unwatch()
    index = 1
    while limit is None or index <= limit:
        with open(os.memfd_create("stderr"), "rb") as err:

            def child(index=index, err=err):
                os.dup2(err.fileno(), 2)
                attempt(index)

            ended = status(fork(child))
            if ended == NONE_FAILED:
                return
            err.seek(0)
            said = err.read().decode(errors="replace")
        say(json.dumps([index, ended, said]))
        index += 1


def watch(seconds):
    """Have this process killed after *seconds*; for children of fork().

    faulthandler's watchdog is a thread, which the child does not have.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)


def unwatch():
    """Stop faulthandler's watchdog; before a fork whose child finalizes.

    The watchdog is a thread. In the child it does not exist, and finalization would
    wait for it for ever.
    """
    faulthandler.cancel_dump_traceback_later()


def await_asleep(native_id):
    """Return when this thread of the process sleeps, in a wait or for the GIL.

    A signal that comes in the instant before a wait does not interrupt it.
    """
    state = None
    while state != "S":
        os.sched_yield()
        with open(f"/proc/self/task/{native_id}/stat") as stream:
            state = stream.read().rpartition(")")[2].split()[0]


def status(pid):
    """Wait for a child; return its exit status, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def tick(handler, interval=0.05):
    """Call *handler* with each interrupted frame, every *interval* seconds."""
    signal.signal(signal.SIGALRM, lambda signum, frame: handler(frame))
    signal.setitimer(signal.ITIMER_REAL, interval, interval)


def stop_ticking():
    signal.setitimer(signal.ITIMER_REAL, 0)


def interrupt(function, action, interval=0.02):
    """Call *action*, once, in a signal handler that interrupts threading's *function*.

    That has been interrupted twice before, and has gone on.
    """
    ticks = []

    def handler(frame):
        if within(frame, function):
            ticks.append(frame)
        if len(ticks) == 3:
            stop_ticking()
            action()

    tick(handler, interval)


def fail():
    """Raise an exception, from a signal handler for example."""
    raise ZeroDivisionError


def within(frame, *names):
    """Tell whether one of the functions *names* of threading.py is on the stack."""
    while frame is not None:
        code = frame.f_code
        if code.co_name in names and code.co_filename.endswith("threading.py"):
            return True
        frame = frame.f_back
    return False
