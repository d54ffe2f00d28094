"""Test threads in a process where a library patches or watches them.

Usage: life.py LIBRARY BEHAVIOUR, or life.py LIBRARY --list

Each behaviour runs in a process of its own. It applies the library, as a user of
the library does, and ends with status 0 if threads behave as they do on stock
CPython with this library.
"""

import _thread
import atexit
import concurrent.futures
import faulthandler
import functools
import os
import queue
import signal
import subprocess
import sys
import threading
import time

#: Seconds that one step may take.
PATIENCE = 20

#: The functions that apply the libraries, by name.
LIBRARIES = {}

#: The behaviours by name; the libraries that lack each of them; and the functions that
#: behaviours run in a child process.
BEHAVIOURS = {}
WITHOUT = {}
CHILDREN = {}

#: Libraries whose green threads go on in the child of a fork, and whose green threads
#: the interpreter does not wait for at exit.
GREEN = ("eventlet",)


def library(function):
    LIBRARIES[function.__name__] = function
    return function


def behaviour(function=None, *, without=()):
    """Register a behaviour; *without* names the libraries that lack it."""
    if function is None:
        return functools.partial(behaviour, without=without)
    BEHAVIOURS[function.__name__] = function
    WITHOUT[function.__name__] = without
    return function


def child(function):
    CHILDREN[function.__name__] = function
    return function


@library
def native():
    pass


@library
def gevent():
    from gevent import monkey

    monkey.patch_all()


@library
def eventlet():
    import eventlet

    eventlet.monkey_patch()


@library
def debugpy():
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    import debugpy

    debugpy.listen(("127.0.0.1", 0))


@library
def sentry():
    import sentry_sdk
    from sentry_sdk.integrations.threading import ThreadingIntegration

    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        transport=lambda event: None,
        integrations=[ThreadingIntegration(propagate_scope=True)],
    )


@library
def opentelemetry():
    from opentelemetry.instrumentation.threading import ThreadingInstrumentor

    ThreadingInstrumentor().instrument()


def run_child(name, expected, *, interrupt=False):
    """Run the child *name* with the same library; check its status and output.

    Parameters:
        expected: tuple of its exit status and the words that it prints on stdout.
        interrupt: whether to send it SIGINT, when it has printed a line and its main
            thread waits.

    Returns its stderr. Raises AssertionError if its status or its output differ.
    """
    process = subprocess.Popen(
        [sys.executable, __file__, sys.argv[1], name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    first = process.stdout.readline() if interrupt else ""
    if interrupt:
        wait_until_asleep(process.pid)
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    found = (process.returncode, *(first + out).split())
    assert found == expected, (found, err)
    assert interrupt or expected[0] == 1 or "Traceback" not in err, err
    return err


def wait_until_asleep(pid):
    """Wait until the main thread of *pid* has been asleep for 0.2 seconds."""
    seen = 0
    while seen < 20:
        with open(f"/proc/{pid}/stat") as stream:
            state = stream.read().rpartition(")")[2].split()[0]
        seen = seen + 1 if state == "S" else 0
        time.sleep(0.01)


def wait_in_child(pid):
    """Wait for the forked child *pid*; return its exit status."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def forked(function):
    """Run *function* in a forked child; return its exit status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            function()
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(status)
    return wait_in_child(pid)


def waiter():
    """Start a thread that waits for an event; return the thread and the event."""
    event = threading.Event()
    thread = threading.Thread(target=event.wait)
    thread.start()
    return thread, event


def ended(thread):
    """Join *thread*; check by all public and private means that it has ended."""
    thread.join(PATIENCE)
    assert not thread.is_alive(), thread
    assert thread._is_stopped is True
    assert thread not in threading.enumerate()
    assert "stopped" in repr(thread), thread
    thread.join()
    thread.join(0)


@behaviour
def start_and_join():
    found = []
    threads = [threading.Thread(target=found.append, args=(n,)) for n in range(50)]
    for thread in threads:
        assert not thread.is_alive()
        thread.start()
    for thread in threads:
        thread.join()
        ended(thread)
    assert sorted(found) == list(range(50))


@behaviour
def join_with_a_timeout():
    thread, event = waiter()
    thread.join(0)
    thread.join(0.05)
    thread.join(-1)
    assert thread.is_alive() and not thread._is_stopped
    event.set()
    ended(thread)


@behaviour
def many_joiners_of_one():
    thread, event = waiter()
    returned = []

    def join():
        thread.join()
        returned.append(thread.is_alive())

    joiners = [threading.Thread(target=join) for _ in range(20)]
    for joiner in joiners:
        joiner.start()
    event.set()
    for joiner in joiners:
        ended(joiner)
    assert returned == [False] * 20
    ended(thread)


@behaviour
def joins_that_are_refused():
    refused = []

    def attempt(function):
        try:
            function()
        except RuntimeError as exc:
            refused.append(str(exc))

    thread = threading.Thread(target=lambda: attempt(threading.current_thread().join))
    attempt(thread.join)
    thread.start()
    thread.join()
    attempt(thread.start)
    assert len(refused) == 3, refused


@behaviour
def a_subclass_and_its_name():
    class Worker(threading.Thread):
        def __init__(self):
            super().__init__(name="worker", daemon=True)
            self.seen = None

        def run(self):
            current = threading.current_thread()
            self.seen = current is self and current.name, threading.get_ident()

    worker = Worker()
    worker.start()
    worker.join()
    assert worker.seen == ("worker", worker.ident), worker.seen
    assert worker.daemon
    ended(worker)


@behaviour
def an_exception_in_a_thread():
    seen = []
    threading.excepthook = lambda args: seen.append(args.exc_type)
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    ended(thread)
    assert seen == [ZeroDivisionError]


@behaviour
def locks_events_and_queues():
    work, results = queue.Queue(), queue.Queue()
    local = threading.local()
    barrier = threading.Barrier(4)
    guard = threading.RLock()

    def serve():
        local.count = 0
        barrier.wait(PATIENCE)
        for item in iter(work.get, None):
            with guard, guard:
                local.count += 1
                results.put(item * item)
        results.put(local.count * 0)

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for item in [*range(100), *[None] * 4]:
        work.put(item)
    for thread in threads:
        ended(thread)
    found = sorted(results.get() for _ in range(104))
    assert found == sorted([n * n for n in range(100)] + [0] * 4)


@behaviour
def a_timer():
    fired = []
    timer = threading.Timer(0.02, fired.append, ["fired"])
    timer.start()
    ended(timer)
    cancelled = threading.Timer(PATIENCE, fired.append, ["cancelled"])
    cancelled.start()
    cancelled.cancel()
    ended(cancelled)
    assert fired == ["fired"]


@behaviour
def an_executor():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(abs, range(-50, 0))) == list(range(50, 0, -1))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = pool.submit(int, "x")
        assert isinstance(future.exception(PATIENCE), ValueError)


@behaviour
def a_thread_without_an_object():
    done = threading.Event()
    seen = []

    def body():
        seen.append(threading.current_thread())
        done.set()

    _thread.start_new_thread(body, ())
    assert done.wait(PATIENCE)
    assert seen[0] is not threading.main_thread()


@behaviour
def a_process_from_a_thread():
    found = []

    def body():
        command = [sys.executable, "-c", "print(40 + 2)"]
        found.append(subprocess.check_output(command, text=True))

    thread = threading.Thread(target=body)
    thread.start()
    ended(thread)
    assert found == ["42\n"]


@behaviour(without=GREEN)
def fork_beside_a_thread():
    thread, event = waiter()

    def in_child():
        assert not thread.is_alive()
        thread.join(1)
        assert threading.current_thread() is threading.main_thread()
        start_and_join()

    assert forked(in_child) == 0
    assert thread.is_alive()
    event.set()
    ended(thread)


@behaviour
def fork_after_a_join():
    thread, event = waiter()
    event.set()
    thread.join()

    def in_child():
        ended(thread)
        start_and_join()

    assert forked(in_child) == 0


@behaviour(without=GREEN)
def fork_in_a_thread():
    statuses = []

    def in_child():
        assert threading.main_thread() is threading.current_thread()
        assert threading.active_count() == 1, threading.enumerate()
        start_and_join()

    thread = threading.Thread(target=lambda: statuses.append(forked(in_child)))
    thread.start()
    ended(thread)
    assert statuses == [0]


@behaviour
def fork_and_leave_by_the_door():
    run_child("forks_and_exits", (0, "child", "parent"))


@child
def forks_and_exits():
    thread, event = waiter()
    pid = os.fork()
    if pid == 0:
        thread = threading.Thread(target=print, args=("child",))
        thread.start()
        thread.join()
        return
    assert wait_in_child(pid) == 0
    event.set()
    thread.join()
    print("parent")


@behaviour
def exit_with_a_daemon():
    run_child("leaves_a_daemon", (0, "end"))


@child
def leaves_a_daemon():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    print("end")


@behaviour(without=GREEN)
def exit_waits_for_a_thread():
    run_child("leaves_a_thread", (3, "main", "thread", "atexit"))


@child
def leaves_a_thread():
    def body():
        threading.main_thread().join()
        print("thread")

    atexit.register(print, "atexit")
    threading.Thread(target=body).start()
    print("main")
    sys.exit(3)


@behaviour(without=GREEN)
def the_main_thread_is_joined():
    run_child("joins_the_main_thread", (0, "main", "joined", "False"))


@child
def joins_the_main_thread():
    def body():
        threading.main_thread().join()
        print("joined", threading.main_thread().is_alive())

    threading.Thread(target=body).start()
    print("main")


@behaviour
def ctrl_c_in_a_join():
    expected = (0, "ready", "interrupted", "ended")
    run_child("is_interrupted_in_a_join", expected, interrupt=True)


@child
def is_interrupted_in_a_join():
    thread, event = waiter()
    print("ready", flush=True)
    try:
        thread.join(PATIENCE)
    except KeyboardInterrupt:
        print("interrupted")
    event.set()
    thread.join(PATIENCE)
    print("ended")


# gh-90882: on stock, an interrupted join() marks a running thread dead.
@behaviour(without=("gevent", *GREEN))
def alive_after_ctrl_c():
    expected = (0, "ready", "True", "False")
    run_child("looks_after_an_interrupt", expected, interrupt=True)


@child
def looks_after_an_interrupt():
    thread, event = waiter()
    print("ready", flush=True)
    try:
        thread.join(PATIENCE)
    except KeyboardInterrupt:
        print(thread.is_alive())
    event.set()
    thread.join(PATIENCE)
    print(thread.is_alive())


@behaviour(without=GREEN)
def ctrl_c_at_the_end():
    err = run_child("is_interrupted_at_the_end", (0, "ready"), interrupt=True)
    assert "KeyboardInterrupt" in err, err


@child
def is_interrupted_at_the_end():
    # The end of the interpreter waits for this thread until Ctrl-C interrupts it.
    def body():
        print("ready", flush=True)
        time.sleep(PATIENCE)

    threading.Thread(target=body).start()


@behaviour(without=GREEN)
def an_error_in_the_main_thread():
    err = run_child("fails_beside_a_thread", (1, "thread"))
    assert "ZeroDivisionError" in err, err


@child
def fails_beside_a_thread():
    def body():
        threading.main_thread().join()
        print("thread", flush=True)

    threading.Thread(target=body).start()
    raise ZeroDivisionError


def main(argv):
    name, action = argv
    if action == "--list":
        print("\n".join(b for b in BEHAVIOURS if name not in WITHOUT[b]))
        return
    body = {**BEHAVIOURS, **CHILDREN}[action]
    if action in BEHAVIOURS:
        # Not in the functions that run in a child process: those may fork, and the
        # child of the fork would wait for this watchdog.
        faulthandler.dump_traceback_later(2 * PATIENCE, exit=True)
    if "run_child" not in body.__code__.co_names:
        LIBRARIES[name]()
    body()


if __name__ == "__main__":
    main(sys.argv[1:])
