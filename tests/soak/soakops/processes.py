"""Operations that fork and that execute other programs."""

import contextlib
import os
import subprocess
import sys
import threading
import traceback

from .ends import end, ends_with
from .run import Failures, Task, check, counts, operation, repeated, run


def wait(pid, *expected):
    """Wait for the child *pid*.

    Parameters:
        expected: the exit statuses that it may have; negative numbers for signals.

    Raises AssertionError if it has another one.
    """
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    check(status in expected, "a child ended with", status, "and not", *expected)


def forked(function):
    """Fork, and call *function* in the child; return the child's pid.

    The child ends with status 0 when the function returns, with 1 when it raises, and
    with the status of a SystemExit.
    """
    counts.forks()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        examine()
        function()
        status = 0
    except SystemExit:
        # SystemExit goes on to the end of the program and of the interpreter.
        status = None
        raise
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        if status is not None:
            counts.report()
            os._exit(status)


def examine():
    """Check that the forking thread is the main thread and the only one, in a child."""
    check(threading.active_count() == 1, threading.enumerate())
    check(threading.current_thread() is threading.main_thread(), "not main")
    check(threading.main_thread().is_alive(), "the main thread is dead")


@operation
def fork(number, body, running):
    """Fork while *running* threads run, and run the body in the child.

    In the child, check that the threads of the parent are done, and join them.
    """
    stop = threading.Event()
    failures = Failures()
    tasks = [Task(stop.wait) for _ in range(running)]
    tasks += [Task(failures.watched(task.join)) for task in tasks]

    def child():
        for task in tasks:
            check(not task.alive(), "alive in the child")
            task.join()
        run(body)

    pid = forked(child)
    wait(pid, 0)
    stop.set()
    for task in tasks:
        task.join()
    failures.check()


@operation
def process(number, body, how, status):
    """Fork. The child runs the body, and then ends as a program does: see end()."""
    counts.forks()
    pid = os.fork()
    if not pid:
        examine()
        run(body)
        # This raises an exception or ends the process, and so leaves all callers.
        end("sys.exit" if how == "return" else how, status)
    wait(pid, ends_with(how, status))


@repeated
def fork_loop(number, threads, how):
    """Join threads, and then fork; the child starts and joins threads, too."""
    tasks = [Task(int, how) for _ in range(threads)]
    for task in tasks:
        task.join()

    def child(tasks=tasks):
        for task in tasks:
            check(not task.alive(), "alive in the child")
            task.join(0)
        for task in [Task(int, how) for _ in tasks]:
            task.join()

    wait(forked(child), 0)


@operation
def execute(number, threads, how):
    """Execute another program in a child, while *threads* threads run.

    Parameters:
        how: "fork", and exec in a child in which threads run; or "spawn", by the
            subprocess module, in a parent in which they run.
    """
    code = (
        "import threading as t; a = [t.Thread(target=int) for _ in range(5)];"
        "[x.start() for x in a]; [x.join() for x in a * 2]"
    )
    command = [sys.executable, "-c", code]

    def child():
        stop = threading.Event()
        for _ in range(threads):
            Task(stop.wait)
        counts.report()
        os.execv(command[0], command)

    if how == "fork":
        wait(forked(child), 0)
    else:
        stop = threading.Event()
        tasks = [Task(stop.wait) for _ in range(threads)]
        with contextlib.ExitStack() as stack:
            stack.callback(stop.set)
            done = subprocess.run(command, check=False)
        for task in tasks:
            task.join()
        check(done.returncode == 0, "a program ended with", done.returncode)
