"""The shutdown: what happens once the main thread has reached its end."""

import re

import pytest
from harness import HANG, run

#: lives_on(): what a thread does that tells whether the interpreter waited for
#: it. `exiting` is set by what runs after the threads were waited for.
WAITED = """
    import atexit, os, signal, sys, threading
    import osthread
    from probe import interrupt, outcome, say

    def lives_on():
        say("abandoned" if exiting.wait(float(sys.argv[1])) else "waited for")
        said.set()

    def at_exit():
        exiting.set()
        said.wait()
        say("atexit")

    exiting, said = threading.Event(), threading.Event()
    atexit.register(at_exit)
"""

#: Seconds for lives_on(): few where it is waited for, since they have to pass; many
#: where it is not, since the event comes first.
WILL_WAIT = 0.3
WILL_NOT_WAIT = 30


@pytest.mark.parametrize("raising", [[2], [3], [1], [1, 2, 3]])
def test_callback_that_raises(python, raising):
    script = f"""
    def callback(number):
        say("callback", number)
        if number in {raising}:
            raise ZeroDivisionError(f"number {{number}}")

    for number in (1, 2, 3):
        threading._register_atexit(callback, number)
    threading.Thread(target=lives_on).start()
    """
    if python.patched:
        result = run(python, WAITED + script, WILL_WAIT)
        said = ["callback 3", "callback 2", "callback 1", "waited for", "atexit"]
    else:
        result = run(python, WAITED + script, WILL_NOT_WAIT)
        said = [f"callback {number}" for number in range(3, max(raising) - 1, -1)]
        said += ["abandoned", "atexit"]
        raising = raising[-1:]
    assert result.lines == said
    assert result.status == 0
    reported = re.findall(r"^ZeroDivisionError: number (\d)$", result.err, re.M)
    assert reported == [str(number) for number in reversed(raising)]


def test_callback_that_raises_in_a_subinterpreter(python):
    # Stock ends the whole process: a thread is left that it has not waited for.
    script = """
        import _testcapi, sys
        from probe import say

        _testcapi.run_in_subinterp(f'''if True:
            import threading
            from probe import say

            def callback():
                raise ZeroDivisionError

            def body():
                threading.Event().wait({sys.argv[1]})
                say("done")

            threading._register_atexit(callback)
            threading.Thread(target=body).start()
        ''')
        say("ended")
    """
    result = run(python, script, WILL_WAIT if python.patched else WILL_NOT_WAIT)
    assert "ZeroDivisionError" in result.err
    if python.patched:
        assert result.lines == ["done", "ended"]
    else:
        assert result.status == -6
        assert "Py_EndInterpreter: not the last thread" in result.err


@pytest.mark.parametrize("signum", ["SIGALRM", "SIGINT"])
def test_ctrl_c_during_the_wait(stock, patched, signum):
    # With SIGALRM, the wait has been interrupted before, and has gone on. With SIGINT,
    # Ctrl-C itself comes at some point of it.
    script = f"""
    def once_handler(*args):
        global interrupted
        if not interrupted:
            interrupted = True
            raise KeyboardInterrupt

    def interrupts():
        threading.main_thread().join()
        # A signal that comes just before the wait does not end it: insist.
        while signal.SIGINT == signal.{signum} and not interrupted:
            os.kill(os.getpid(), signal.SIGINT)
        lives_on()

    interrupted = False
    signal.signal(signal.SIGINT, once_handler)
    threading.Thread(target=interrupts).start()
    if signal.SIGALRM == signal.{signum}:
        interrupt("_shutdown", once_handler)
    """
    reports = []
    for python in (stock, patched):
        result = run(python, WAITED + script, WILL_NOT_WAIT)
        assert result.status == 0
        assert result.lines == ["abandoned", "atexit"]
        lines = [line for line in result.err.splitlines() if "handler" not in line]
        lines = [re.sub(r"'\S+threading.py'", "'threading.py'", each) for each in lines]
        assert any("in _shutdown" in line for line in lines)
        reports.append([lines[0], lines[1], lines[-1].strip()])
    assert reports[0] == reports[1]


def test_signal_handlers_run_during_the_wait(python):
    script = """
    def act():
        say("handled")
        handled.set()

    def body():
        handled.wait()
        lives_on()

    handled = threading.Event()
    threading.Thread(target=body).start()
    interrupt("_shutdown", act)
    """
    run(python, WAITED + script, WILL_WAIT).check("handled", "waited for", "atexit")


def test_signal_handler_that_uses_threads_during_the_wait(python):
    script = """
    def act():
        thread.join(0)
        thread.join(0.01)
        threading.Thread(target=lives_on).start()
        fresh = threading.Thread(target=int)
        fresh.start()
        fresh.join()
        handled.set()
        thread.join()
        say("handled", thread.is_alive())

    handled = threading.Event()
    thread = threading.Thread(target=handled.wait)
    thread.start()
    interrupt("_shutdown", act)
    """
    run(python, WAITED + script, WILL_WAIT).check(
        "handled False", "waited for", "atexit"
    )


def test_fork_in_a_handler_during_the_wait(python):
    # In the child, the handler returns into a wait for threads that are gone.
    script = """
    from probe import status, unwatch, watch

    def act():
        pid = os.fork()
        if pid == 0:
            watch(10)
            atexit.unregister(at_exit)
            atexit.register(say, "atexit of the child")
        else:
            say("child ended with", status(pid))
            handled.set()

    def body():
        handled.wait()
        lives_on()

    unwatch()
    handled = threading.Event()
    threading.Thread(target=body).start()
    interrupt("_shutdown", act)
    """
    run(python, WAITED + script, WILL_WAIT).check(
        "atexit of the child", "child ended with 0", "waited for", "atexit"
    )


@pytest.mark.parametrize(
    "start, waited",
    [
        ("threading.Thread(target=lives_on).start()", True),
        ("threading.Thread(target=lives_on, daemon=True).start()", False),
        ("_thread.start_new_thread(lives_on, ())", False),
        ("osthread.foreign(lives_on)", False),
        ("threading.Timer(0, lives_on).start()", True),
    ],
)
def test_who_is_waited_for(python, start, waited):
    script = f"""
    import _thread
    {start}
    """
    seconds = WILL_WAIT if waited else WILL_NOT_WAIT
    run(python, WAITED + script, seconds).check(
        "waited for" if waited else "abandoned", "atexit"
    )


@pytest.mark.parametrize(
    "starter",
    [
        "threading.Thread(target=starts).start()",
        "threading.Thread(target=starts, daemon=True).start()",
        "_thread.start_new_thread(starts, ())",
        "osthread.foreign(starts)",
        "threading._register_atexit(start_one)",
    ],
)
def test_who_is_started_during_the_wait(python, starter):
    script = f"""
    import _thread

    def start_one():
        threading.Thread(target=lives_on, daemon=False).start()
        started.set()

    def starts():
        threading.main_thread().join()
        start_one()

    started = threading.Event()
    # Keeps the interpreter waiting until the other is there.
    threading.Thread(target=started.wait).start()
    {starter}
    """
    run(python, WAITED + script, WILL_WAIT).check("waited for", "atexit")


def test_threads_that_start_threads_during_the_wait(python):
    script = """
        import atexit, threading
        from probe import say

        def body(depth):
            threading.main_thread().join()
            if depth:
                for _ in range(2):
                    threading.Thread(target=body, args=(depth - 1,)).start()
            with lock:
                counts[depth] = counts.get(depth, 0) + 1

        lock, counts = threading.Lock(), {}
        atexit.register(lambda: say(sorted(counts.items())))
        threading.Thread(target=body, args=(6,)).start()
    """
    run(python, script).check(
        "[(0, 64), (1, 32), (2, 16), (3, 8), (4, 4), (5, 2), (6, 1)]"
    )


def test_long_chain_of_threads_during_the_wait(python):
    script = """
        import atexit, threading
        from probe import say

        def body(left):
            threading.main_thread().join()
            if left:
                threading.Thread(target=body, args=(left - 1,)).start()
            else:
                say("last")

        atexit.register(say, "atexit")
        threading.Thread(target=body, args=(500,)).start()
    """
    run(python, script).check("last", "atexit")


def test_wait_covers_what_a_thread_does_while_its_state_is_cleared(python):
    script = """
    class Last:
        def __del__(self):
            # The current thread is a dummy by now, and those are daemons.
            threading.Thread(target=lives_on, daemon=False).start()

    def body():
        threading.main_thread().join()
        local.value = Last()

    local = threading.local()
    threading.Thread(target=body).start()
    """
    run(python, WAITED + script, WILL_WAIT).check("waited for", "atexit")


STARTED_BY_ATEXIT = """
    import atexit, os, signal, sys, threading
    from probe import say

    def work():
        go_on.acquire()
        threading.Thread(target=say, args=("waited for",)).start()

    def start():
        threading.Thread(target=work).start()
        say("started")

    go_on = threading.Lock()
    go_on.acquire()
    # From here on, the main thread keeps the GIL unless it waits.
    sys.setswitchinterval(1000)
    atexit.register(go_on.release)
    atexit.register(start)
"""


def test_thread_started_by_atexit_is_waited_for(python):
    said = ["started", "waited for"] if python.patched else ["started"]
    run(python, STARTED_BY_ATEXIT).check(*said)


def test_thread_started_by_atexit_when_nobody_wants_to_wait(python):
    # A user who has ended the wait with Ctrl-C does not want to wait again.
    script = """
    def interrupted():
        raise KeyboardInterrupt

    atexit.unregister(go_on.release)
    threading._register_atexit(interrupted)
    threading.Thread(target=os.read, args=(os.pipe()[0], 1)).start()
    """
    result = run(python, STARTED_BY_ATEXIT + script)
    assert (result.status, result.hung, result.lines) == (0, False, ["started"])
    assert "KeyboardInterrupt" in result.err


def test_thread_started_by_atexit_when_shutdown_is_replaced(python):
    script = """
    atexit.unregister(go_on.release)
    threading._shutdown = lambda: None
    threading.Thread(target=os.read, args=(os.pipe()[0], 1)).start()
    """
    run(python, STARTED_BY_ATEXIT + script).check("started")


def test_ctrl_c_during_the_wait_after_atexit(patched):
    script = """
        import atexit, signal, threading
        from probe import say

        def work():
            main = threading.main_thread()
            # Again and again, so that one comes while the main thread waits.
            while not finish.wait(0.01):
                signal.pthread_kill(main.ident, signal.SIGINT)

        @atexit.register
        def start():
            signal.signal(signal.SIGINT, handler)
            threading.Thread(target=work).start()

        def handler(signum, frame):
            if frame is None:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                say("interrupted")
                raise KeyboardInterrupt

        finish = threading.Event()
    """
    result = run(patched, script)
    assert (result.status, result.hung, result.lines) == (0, False, ["interrupted"])
    assert "KeyboardInterrupt" in result.err


def test_thread_started_by_atexit_in_a_subinterpreter(patched):
    script = f"""
    import _testcapi
    _testcapi.run_in_subinterp({f"if True:{STARTED_BY_ATEXIT}"!r})
    """
    run(patched, script).check("started", "waited for")


@pytest.mark.parametrize("timeout", ["", "1000"])
def test_main_thread_is_joined_during_the_wait(python, timeout):
    script = f"""
        import atexit, threading
        from probe import outcome, say

        def body():
            main = threading.main_thread()
            say(outcome(main.join, 0), outcome(main.join, 0.01), main.is_alive())
            ready.release()
            say(outcome(main.join, {timeout}), main.is_alive())

        ready = threading.Semaphore(0)
        atexit.register(say, "atexit")
        for _ in range(4):
            threading.Thread(target=body).start()
            ready.acquire()
        say("ends")
    """
    run(python, script).check(
        *4 * ["None None True"], "ends", *4 * ["None False"], "atexit"
    )


def test_main_thread_is_joined_by_a_daemon(python):
    script = """
        import threading
        from probe import say

        def body():
            threading.main_thread().join()
            say("joined")
            joined.set()

        joined = threading.Event()
        threading.Thread(target=body, daemon=True).start()
        threading.Thread(target=joined.wait).start()
    """
    run(python, script).check("joined")


@pytest.mark.parametrize("importer", ["ends", "is asked", "goes on"])
@pytest.mark.parametrize("start", ["start_new_thread", "foreign"])
def test_threading_is_imported_outside_the_main_thread(python, importer, start):
    script = f"""
        import _thread, atexit, os, sys
        import osthread
        assert "threading" not in sys.modules

        def imports():
            import threading
            def body():
                released.wait(0.3)
                os.write(1, b"waited for\\n")
            released = threading.Event()
            thread = threading.Thread(target=body)
            thread.start()
            other = threading.Thread(target=int)
            other.start()
            other.join()
            assert not other.is_alive() and thread.is_alive()
            assert threading.current_thread().is_alive()
            if "{importer}" == "is asked":
                ask.append(threading.current_thread())
            os.write(ready_to_write, b"x")
            if "{importer}" == "goes on":
                os.read(never_to_read, 1)

        ask = []
        ready_to_read, ready_to_write = os.pipe()
        never_to_read, never_to_write = os.pipe()
        atexit.register(lambda: os.write(1, b"atexit\\n"))
        if "{start}" == "foreign":
            osthread.foreign(imports)
        else:
            _thread.start_new_thread(imports, ())
        os.read(ready_to_read, 1)
        import threading
        own = threading.current_thread()
        assert own.is_alive()
        fresh = threading.Thread(target=int)
        fresh.start()
        fresh.join()
        while "{importer}" != "goes on" and osthread.thread_states() > 2:
            os.sched_yield()
        if ask:
            # Asking is enough; the patched one is a dummy.
            ask[0].is_alive()
    """
    if python.patched or importer == "ends":
        run(python, script).check("waited for", "atexit")
    elif importer == "is asked":
        # Stock takes a main thread that has ended for a shutdown that is over.
        run(python, script).check("atexit")
    else:
        # Stock waits for the thread that it takes for the main one.
        result = run(python, script, timeout=HANG)
        assert result.hung
        assert result.lines == ["waited for"]


def test_thread_that_imported_threading_has_ended(python):
    script = """
        import _thread, os, sys
        assert "threading" not in sys.modules

        class AtEnd:
            def __del__(self):
                os.write(ready_to_write, b"x")

        def imports():
            import threading
            local.value = AtEnd()

        local = _thread._local()
        ready_to_read, ready_to_write = os.pipe()
        _thread.start_new_thread(imports, ())
        os.read(ready_to_read, 1)
        import threading
        while _thread._count():
            os.sched_yield()
        repr(threading.main_thread())
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        # A fork makes this thread the main one, whoever imported the module.
        pid = os.fork()
        if pid == 0:
            main = threading.main_thread()
            assert main is threading.current_thread() and main.is_alive()
            os._exit(7)
        os.write(1, b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    run(python, script).check("7")
