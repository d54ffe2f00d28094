"""The private names that libraries use, used in the way that they do.

The same programs run on stock and on patched, and print the same.
"""

import pytest
from harness import run

NAMES = """
    import _thread, threading
    from probe import say

    def kind(thing):
        "Return the name of its type, or what that type is a private one of."
        names = [each.__name__ for each in type(thing).__mro__]
        return next(name for name in names if not name.startswith("_"))

    thread = threading.Thread(target=int)
    say([kind(getattr(threading, name)) for name in (
        "_shutdown", "_shutdown_locks", "_shutdown_locks_lock",
        "_maintain_shutdown_locks", "_start_new_thread", "_set_sentinel",
        "_allocate_lock", "_active", "_limbo", "_active_limbo_lock", "_dangling",
        "_main_thread", "_register_atexit", "_after_fork")])
    say([kind(getattr(_thread, name)) for name in (
        "start_new_thread", "start_new", "_set_sentinel", "allocate_lock")])
    say([kind(getattr(thread, name)) for name in (
        "_tstate_lock", "_is_stopped", "_started", "_set_tstate_lock", "_stop",
        "_wait_for_tstate_lock", "_bootstrap", "_bootstrap_inner", "_delete",
        "_reset_internal_locks", "_ident", "_native_id", "_target", "_args")])
    thread.start()
    thread.join()
    say(thread._is_stopped)
"""


def test_names_are_there_and_of_the_same_types(stock, patched):
    results = [run(python, NAMES) for python in (stock, patched)]
    assert [r.status for r in results] == [0, 0]
    assert results[0].out == results[1].out
    # Libraries that find these names on a thread take it for one of 3.13 or later, and
    # expect everything else of 3.13, too.
    script = """
        import threading
        from probe import say
        say(*(hasattr(threading.main_thread(), name)
              for name in ("_handle", "_os_thread_handle")))
    """
    for python in (stock, patched):
        run(python, script).check("False False")


def test_lock_of_the_main_thread_replaced_and_restored(python):
    # What gevent's monkey patching does, and undoes in its _shutdown().
    script = """
        import threading
        from probe import say

        main = threading.main_thread()
        original = main._tstate_lock
        assert original is not None and original.locked()
        main._tstate_lock = threading.Lock()
        main._tstate_lock.acquire()
        shutdown = threading._shutdown

        def patched_shutdown():
            main._tstate_lock.release()
            joiner.join()
            say(main.is_alive(), main._tstate_lock)
            main._is_stopped = False
            main._tstate_lock = original
            shutdown()
            say(main.is_alive(), original.locked())

        threading._shutdown = patched_shutdown
        joiner = threading.Thread(target=main.join)
        joiner.start()
        say(main.is_alive(), joiner.is_alive())
    """
    run(python, script).check("True True", "False None", "False False")


def test_lock_assigned_to_the_main_thread(python):
    # What debugpy does when it attaches from another thread, which was the
    # first to import the module.
    script = """
        import _thread
        from probe import say

        def attach():
            import threading
            main = threading.main_thread()
            main._tstate_lock = threading._allocate_lock()
            main._tstate_lock.acquire()
            threading._active.pop(main._ident, None)
            main._ident = ident
            threading._active[ident] = main
            done.release()

        ident = _thread.get_ident()
        done = _thread.allocate_lock()
        done.acquire()
        _thread.start_new_thread(attach, ())
        done.acquire()
        import threading
        say(threading.current_thread() is threading.main_thread())
        say(threading.main_thread().is_alive())
        worker = threading.Thread(target=lambda: threading.main_thread().join())
        worker.start()
    """
    run(python, script).check("True", "True")


@pytest.mark.parametrize("handler", ["raise Interrupted", "pass"])
def test_lock_of_a_running_thread_acquired(python, handler):
    script = f"""
        import signal, threading
        from probe import say

        class Interrupted(Exception):
            pass

        def handler(signum, frame):
            finish.set()
            {handler}

        finish = threading.Event()
        worker = threading.Thread(target=finish.wait)
        worker.start()
        lock = worker._tstate_lock
        say(lock.locked(), lock.acquire(False), lock.acquire(timeout=0.01))
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            say("acquired", lock.acquire())
            lock.release()
        except Interrupted:
            say("interrupted")
        worker.join()
        say(worker.is_alive())
    """
    said = "interrupted" if handler.startswith("raise") else "acquired True"
    run(python, script).check("True False False", said, "False")


def test_lock_of_a_running_thread_released(python):
    # Programs give up on a thread in this way. On patched, shutdown still waits for the
    # thread, so it is a daemon here.
    script = """
        import threading, time
        from probe import say

        worker = threading.Thread(target=time.sleep, args=(3600,), daemon=True)
        worker.start()
        worker._tstate_lock.release()
        worker._stop()
        say(worker.is_alive(), worker._is_stopped)
        worker.join()
    """
    run(python, script).check("False True")


def test_overridden_methods_are_called(python):
    script = """
        import threading
        from probe import say

        class Thread(threading.Thread):
            def _set_tstate_lock(self):
                super()._set_tstate_lock()
                calls.append("set")
            def _stop(self):
                super()._stop()
                calls.append("stop")
            def _wait_for_tstate_lock(self, *args, **kwargs):
                calls.append("wait")
                super()._wait_for_tstate_lock(*args, **kwargs)

        calls = []
        finish = threading.Event()
        thread = Thread(target=finish.wait)
        thread.start()
        say(calls)
        say(thread.is_alive(), calls[1:])
        finish.set()
        thread.join()
        say(thread.is_alive(), calls[2:])
    """
    run(python, script).check("['set']", "True ['wait']", "False ['wait', 'stop']")


def test_shutdown_called_by_hand(python):
    script = """
        import threading
        from probe import say

        finish = threading.Event()
        threading._register_atexit(finish.set)
        worker = threading.Thread(target=lambda: finish.wait() and say("waited for"))
        worker.start()
        threading._shutdown()
        say(worker.is_alive(), threading.main_thread().is_alive())
        threading._shutdown()
    """
    run(python, script).check("waited for", "False False")


def test_alive_at_shutdown(python):
    # Shutdown waits for threads, and not for OS threads: a thread that it has waited
    # for is not alive.
    script = """
        import atexit, threading
        import osthread
        from probe import say

        def look():
            osthread.await_lingering()
            say(thread.is_alive())
            thread.join(0.001)
            say(thread.is_alive())
            osthread.release()

        thread = threading.Thread(target=osthread.linger)
        thread.start()
        atexit.register(look)
    """
    run(python, script).check("False", "False")


GREEN = """
    import _thread, threading
    from probe import say

    native_started = _thread.allocate_lock()
    finish_native = _thread.allocate_lock()
    native_started.acquire(); finish_native.acquire()
    native = threading.Thread(
        target=lambda: (native_started.release(), finish_native.acquire()))
    native.start()
    native_started.acquire()

    held = []

    def start_green(function, args):
        # Runs it like a green thread: in the thread that is there.
        threading.get_ident = lambda: 1
        function(*args)
        threading.get_ident = _thread.get_ident
        held.append(function.__self__._tstate_lock)
        return 1

    threading._start_new_thread = start_green
    threading._set_sentinel = lambda: _thread.allocate_lock()
    green = threading.Thread(target=say, args=("green runs",))
    green.start()
"""


def test_green_threads_and_native_ones(python):
    script = """
    say(held[0] in threading._shutdown_locks, len(threading._shutdown_locks))
    green.join(0.001)
    say(green._tstate_lock is held[0], green._is_stopped, green.is_alive())
    held.pop().release()
    green.join()
    say(green._tstate_lock, green._is_stopped, native.is_alive())
    joiners = []
    for _ in range(5):
        joiner = _thread.allocate_lock()
        joiner.acquire()
        joiners.append(joiner)
        _thread.start_new_thread(lambda j: (native.join(), j.release()), (joiner,))
    finish_native.release()
    for joiner in joiners:
        joiner.acquire()
    native.join()
    say(native.is_alive())
    """
    result = run(python, GREEN + script)
    assert (result.status, result.hung) == (0, False), result
    # Stock has the locks of the two native threads in the set, too.
    locks = 1 if python.patched else 3
    assert result.lines[:2] == ["green runs", f"True {locks}"]
    assert result.lines[2:4] == ["True False True", "None True True"]
    if python.patched:
        assert (result.lines[4:], result.err) == (["False"], "")


def test_end_waits_for_green_threads(python):
    script = """
    def release():
        say("released")
        held.pop().release()

    _thread.start_new_thread(
        lambda: (main_ends.acquire(), release(), finish_native.release()), ())
    main_ends = _thread.allocate_lock()
    main_ends.acquire()
    threading._register_atexit(main_ends.release)
    """
    run(python, GREEN + script).check("green runs", "released")


def test_is_stopped_before_anybody_has_looked(patched):
    script = """
        import threading
        thread = threading.Thread(target=int)
        thread.start()
        # What waits for the thread without the Thread's knowing.
        thread._tstate_lock.join()
        print(thread._is_stopped)
    """
    run(patched, script).check("True")
