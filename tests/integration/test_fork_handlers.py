"""Forks with fork handlers in C, and C code that changes thread states."""

import os
import signal
from dataclasses import replace

import pytest
from harness import HANG, HERE, PATIENCE, compile_c, run, run_command


@pytest.fixture(scope="session")
def hooked(tmp_path_factory):
    """Return a function that returns an Interpreter which can import `forkhooks`."""
    known = {}

    def hooked(python):
        if python not in known:
            config = python.sysconfig()
            directory = tmp_path_factory.mktemp("forkhooks")
            compile_c(
                config["CC"],
                config["CFLAGS"],
                config["CCSHARED"],
                "-Wall -Werror -shared -pthread",
                f"-I{config['include']} -I{config['platinclude']}",
                HERE / "forkhooks.c",
                "-o",
                directory / f"forkhooks{config['EXT_SUFFIX']}",
            )
            environment = dict(python.environment)
            path = f"{environment['PYTHONPATH']}{os.pathsep}{directory}"
            environment["PYTHONPATH"] = path
            known[python] = replace(python, environment=tuple(environment.items()))
        return known[python]

    return hooked


@pytest.fixture(scope="session")
def holding(tmp_path_factory):
    """Return a function that returns an Interpreter with forkfaults.c preloaded."""
    library = tmp_path_factory.mktemp("forkfaults") / "forkfaults.so"
    compile_c(
        os.environ.get("CC", "cc"),
        "-Wall -Werror -O1 -g -shared -fPIC -pthread",
        HERE / "forkfaults.c",
        "-o",
        library,
        "-ldl",
    )
    preload = ("LD_PRELOAD", str(library))
    return lambda python: replace(python, environment=(*python.environment, preload))


@pytest.fixture(scope="session")
def forkembed(tmp_path_factory):
    """Return a function that runs forkembed.c, linked with libpython."""
    programs = {}

    def forkembed(python, mode):
        if python not in programs:
            config = python.sysconfig()
            programs[python] = tmp_path_factory.mktemp("forkembed") / python.name
            compile_c(
                config["CC"],
                config["CFLAGS"],
                "-pthread",
                f"-I{config['include']} -I{config['platinclude']}",
                HERE / "forkembed.c",
                os.path.join(config["projectbase"], config["LIBRARY"]),
                config["LIBS"],
                config["SYSLIBS"],
                config["LINKFORSHARED"],
                "-o",
                programs[python],
            )
        return run_command(python, [str(programs[python]), python.path, mode])

    return forkembed


#: Handlers that run Python code, while other threads start and end.
HANDLERS = """
    import ctypes, os, sys, threading
    import forkhooks, osthread
    from probe import say, status, watch

    def make():
        osthread.churn_thread_states(3)

    def start():
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()

    def wait():
        called = threading.Event()
        osthread.foreign(called.set)
        called.wait()

    def nothing():
        pass

    def churn():
        while not stop:
            start()

    def fork(how):
        return dict(
            os=os.fork, raw=osthread.raw_fork, bare=ctypes.PyDLL(None).fork
        )[how]()

    stop = []
    churners = [threading.Thread(target=churn) for _ in range(2)]
"""


@pytest.mark.parametrize("how", ["os", "raw", "bare"])
@pytest.mark.parametrize("does", ["make", "start", "wait"])
def test_handlers_that_run_python(python, hooked, does, how):
    # They take the GIL, and wait for threads that need thread states. In the
    # child, they run before Python knows of it: there they only take the GIL.
    # If Python is not told of the fork, locks of Python code may stay held there.
    # On stock, a fork while another thread makes its state may hang the child.
    script = f"""
    assert forkhooks.atfork({does}, {does}, nothing) == 0
    churners = churners if {python.patched} else []
    for churner in churners:
        churner.start()
    statuses = []
    for _ in range(20):
        pid = fork("{how}")
        if pid == 0:
            watch(20)
            if "{how}" != "bare":
                start()
            os._exit(5 if sys._current_frames() else 1)
        statuses.append(status(pid))
    stop.append(True)
    for churner in churners:
        churner.join()
    say(set(statuses))
    """
    run(hooked(python), HANDLERS + script).check("{5}")


def test_handler_in_the_child_when_another_thread_wants_the_gil(python, hooked):
    # In the child, that thread does not exist: a thread that drops the GIL for it would
    # wait for ever for it to take it. Stock does, in any Python code of a handler.
    script = """
        import os, signal, sys, threading
        import forkhooks
        from probe import say, status

        def count():
            for _ in range(1000):
                pass

        def want():
            while not stop:
                pass

        assert forkhooks.atfork(None, None, count) == 0
        stop = []
        thread = threading.Thread(target=want)
        thread.start()
        pid = forkhooks.fork_when_asked()
        if pid == 0:
            os._exit(5)
        stop.append(True)
        thread.join()
        hangs = threading.Timer(int(sys.argv[1]), os.kill, (pid, signal.SIGKILL))
        hangs.start()
        say(status(pid))
        hangs.cancel()
    """
    if python.patched:
        run(hooked(python), script, PATIENCE // 2).check("5")
    else:
        run(hooked(python), script, HANG).check("-9")


def test_fork_waits_for_who_is_at_the_thread_states(python, holding):
    # A thread makes its state without the GIL, and the fork waits until it is done.
    script = """
        import ctypes, os, signal
        import osthread
        from probe import say

        preloaded = ctypes.CDLL(None)
        preloaded.hold_state()
        osthread.foreign(int)
        preloaded.await_state()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        say("overtaken" if preloaded.release_state() else "waited")
        # On stock it hangs.
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    """
    run(holding(python), script).check("waited" if python.patched else "overtaken")


def test_fork_by_a_thread_that_is_at_the_thread_states(patched, holding):
    # A signal handler in C forks, or an allocator. Other forks work as usual.
    script = """
        import ctypes, os
        import osthread
        from probe import say, status

        def fork():
            pid = os.fork()
            if pid == 0:
                osthread.churn_thread_states(3)
                os._exit(8)
            return pid

        preloaded = ctypes.CDLL(None)
        say(status(fork()))
        preloaded.fork_inside()
        osthread.foreign(int)
        say(os.waitstatus_to_exitcode(preloaded.await_child()))
        preloaded.hold_state()
        osthread.foreign(int)
        preloaded.await_state()
        pid = fork()
        say("overtaken" if preloaded.release_state() else "waited", status(pid))
    """
    run(holding(patched), script).check("8", "9", "waited 8")


def test_fork_whenever_a_thread_takes_or_releases_the_thread_states(python, holding):
    # A signal handler in C forks. A thread-local object is cleared, and a thread
    # state made and deleted.
    script = """
        import ctypes, threading
        from probe import say

        fork_at_locks = ctypes.PyDLL(None).fork_at_locks
        api = ctypes.pythonapi
        api.PyInterpreterState_Get.restype = ctypes.c_void_p
        api.PyThreadState_New.restype = ctypes.c_void_p
        interpreter = ctypes.c_void_p(api.PyInterpreterState_Get())
        local = threading.local()

        forks = [fork_at_locks(1)]
        del local
        forks.append(fork_at_locks(1))
        state = ctypes.c_void_p(api.PyThreadState_New(interpreter))
        forks.append(fork_at_locks(1))
        api.PyThreadState_Clear(state)
        api.PyThreadState_Delete(state)
        forks.append(fork_at_locks(0))
        # Not every release takes the lock to clear the object.
        say(*(after - before >= 4 for before, after in zip(forks[1:], forks[2:])))
    """
    run(holding(python), script).check("True True")


def test_extension_that_locks_the_thread_states(python, hooked):
    # By macros of a private header of 3.12, as guppy3 does. Then it forks.
    script = """
        import os
        import forkhooks
        from probe import say, status

        forkhooks.lock_states()
        pid = os.fork()
        if pid == 0:
            os._exit(5)
        say(status(pid))
    """
    run(hooked(python), script).check("5")


def test_fork_by_c_code_while_a_thread_makes_its_state(python, holding):
    # It does so without the GIL, which the forking thread has. Python is not told of
    # the fork, and the child reads the states of all threads.
    script = """
        import ctypes, faulthandler, os, threading
        import osthread
        from probe import say, status

        preloaded = ctypes.CDLL(None)
        preloaded.hold_state()
        made = threading.Event()
        osthread.foreign(made.set)
        preloaded.await_state()
        pid = ctypes.PyDLL(None).fork()
        if pid == 0:
            with open(os.devnull, "w") as null:
                faulthandler.dump_traceback(null)
            os._exit(7)
        preloaded.release_state()
        say(status(pid))
        # 3.12 does not let a thread make its state while the interpreter ends.
        made.wait()
    """
    sound = python.is_without("thread_state_listed_half_made")
    run(holding(python), script).check("7" if sound else "-11")


@pytest.mark.parametrize("how", ["os.fork()", "ctypes.PyDLL(None).fork()"])
def test_garbage_is_collected_after_a_fork(python, how):
    # No collection runs while the thread has the list of thread states locked, as it
    # has for the fork.
    script = f"""
        import ctypes, gc, os
        from probe import say, status

        def collections():
            return sum(generation["collections"] for generation in gc.get_stats())

        def collects():
            before = collections()
            kept = [[] for _ in range(10_000)]
            return collections() > before

        pid = {how}
        if pid == 0:
            os._exit(collects())
        say(collects(), status(pid))
    """
    run(python, script).check("True 1")


@pytest.mark.parametrize("where", ["the context", "a thread-local"])
def test_destructor_that_forks_while_the_interpreter_is_cleared(python, where):
    # PyInterpreterState_Clear() of old releases has the list of thread states
    # locked.
    script = f"""
        import codecs, contextvars, os, sys, threading
        from probe import unwatch, watch

        class Forks:
            # The modules are gone when this is called.
            def __del__(self, fork=os.fork, wait=os.waitpid, exit=os._exit,
                        write=os.write):
                pid = fork()
                if pid == 0:
                    exit(6)
                write(1, b"%d" % (wait(pid, 0)[1] >> 8))

        unwatch()
        watch(int(sys.argv[1]))
        if "{where}" == "the context":
            contextvars.ContextVar("forks").set(Forks())
        else:
            local = threading.local()
            local.forks = Forks()
            # Cleared after the thread states.
            codecs.register(lambda name, local=local: None)
    """
    if python.is_without("fork_while_the_interpreter_is_cleared"):
        run(python, script, PATIENCE).check("6")
    else:
        assert run(python, script, HANG).status == -signal.SIGALRM


def test_import_in_a_destructor_when_a_daemon_was_about_to_fork(patched, hooked):
    # Another thread has the list of thread states locked for a while. The daemon waits
    # for it, and meanwhile the main thread ends, if it can.
    script = """
        import os, sys, threading
        import forkhooks
        from probe import say, unwatch

        class Imports:
            def __del__(self):
                import colorsys
                say("imported")

        def body():
            go.wait()
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
            threading.Event().wait()

        unwatch()
        kept = Imports()
        kept.itself = kept
        go = threading.Event()
        threading.Thread(target=body, daemon=True).start()
        forkhooks.hold_lists(500)
        go.set()
        threading.Event().wait(0.2)     # the daemon is in fork(), or was kept out
        del kept
    """
    run(hooked(patched), script).check("imported")


def test_python_calls_of_handlers_registered_before_python(python, forkembed):
    forkembed(python, "early").check("3")


def test_forks_before_and_after_and_during_the_end_of_python(python, forkembed):
    forkembed(python, "ends").check("3", "3")


def test_child_that_does_not_tell_python_of_the_fork(python, forkembed):
    forkembed(python, "parent").check("4", "4")


def test_no_memory_for_the_handlers_of_the_runtime(patched, holding):
    python = holding(patched)
    refused = replace(python, environment=(*python.environment, ("REFUSE_ATFORK", "1")))
    result = run_command(refused, [refused.path, "-c", "print('ran')"])
    assert (result.status, result.out) == (1, "")
    assert "memory allocation failed" in result.err


def test_fork_in_a_collection_of_garbage_inside_current_frames(python):
    # The list of thread states is locked there. With stock of old releases, a
    # collection may start, and run what needs the lock. 3.9 has only the function
    # that makes nothing that is collected.
    script = """
        import gc, os, sys, threading
        from probe import outcome, say

        def collect(phase, info):
            if inside:
                say("collected inside")
                os._exit(0)

        inside = False
        for _ in range(10):
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        gc.callbacks.append(collect)
        kept = [(n, n, n) for n in range(10_000)]
        gc.set_threshold(1)
        current = getattr(sys, "_current_exceptions", sys._current_frames)
        inside = True
        current()
        inside = False
        say("went through")
        os._exit(0)
    """
    result = run(python, script)
    mended = python.is_without("collection_inside_current_frames")
    result.check("went through" if mended else "collected inside")


def test_thread_state_that_is_cleared_by_another_thread(python, hooked):
    # Its own thread clears it again, at its end. On stock, that reads freed memory.
    script = """
        import threading
        import forkhooks
        from probe import say

        def body():
            begun.set()
            go_on.wait()
            say("goes on")

        begun, go_on = threading.Event(), threading.Event()
        thread = threading.Thread(target=body)
        thread.start()
        begun.wait()
        forkhooks.clear(thread.ident)
        assert not thread.is_alive()
        for _ in range(2):
            forkhooks.clear(thread.ident)
        go_on.set()
        thread.join()
        fresh = threading.Thread(target=int)
        fresh.start()
        fresh.join()
        forkhooks.clear(threading.get_ident())
        forkhooks.clear(threading.get_ident())
        say("ends")
    """
    result = run(hooked(python), script)
    if python.patched:
        assert not result.hung and result.status == 0, result.err
        # Its OS thread is not waited for: it is cut short.
        assert sorted(result.lines) == ["ends", "goes on"]


@pytest.mark.parametrize("thread", ["foreign", "Thread"])
def test_destructor_at_the_end_of_a_thread_calls_back_through_c(python, thread):
    # On stock, that deletes the state of a foreign thread a second time.
    script = f"""
        import ctypes, os, threading
        import osthread
        from probe import say

        class CallsBack:
            def __del__(self):
                # Releases the GIL, and takes it to call the function.
                items = (ctypes.c_int * 2)(1, 2)
                ctypes.CDLL(None).qsort(items, 2, 4, compare)
                done.release()

        def body():
            local.value = CallsBack()

        prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        compare = prototype(lambda one, other: 0)
        local, done = threading.local(), threading.Semaphore(0)
        for _ in range(10):
            if "{thread}" == "foreign":
                osthread.foreign(body)
            else:
                threading.Thread(target=body).start()
            done.acquire()
        while osthread.thread_states() > 1:
            os.sched_yield()
        say("done")
    """
    result = run(python, script)
    defect = "destructor_calls_back_at_the_end"
    if python.is_without(defect) or thread == "Thread":
        result.check("done")
    else:
        assert result.status < 0
