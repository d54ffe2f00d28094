"""Threads that threading has not started, and which thread is the main one."""

import pytest
from harness import run

SETUP = """
    import _thread, os, sys, threading
    import osthread
    from probe import fork, outcome, say, status

    def until(condition):
        while not condition():
            os.sched_yield()

    START = {
        "start_new_thread": lambda function: _thread.start_new_thread(function, ()),
        "foreign": osthread.foreign,
    }
"""

STARTS = pytest.mark.parametrize("start", ["start_new_thread", "foreign"])


@STARTS
@pytest.mark.parametrize("how", ["os.fork", "osthread.bare_fork"])
def test_fork_from_a_dummy(patched, start, how):
    script = f"""
    def work():
        main_ends.wait()
        main.join()
        say("waited for")

    def in_child():
        global main
        main = threading.main_thread()
        say(type(main).__name__, main is dummy is threading.current_thread(),
            main.daemon, main.is_alive(), threading.enumerate() == [main],
            main.native_id == threading.get_native_id(), outcome(main.join))
        threading._register_atexit(main_ends.set)
        threading.Thread(target=work).start()
        threading._shutdown()

    def forks():
        global dummy
        dummy = threading.current_thread()
        say(status(fork(in_child)))
        done.set()

    main_ends, done = threading.Event(), threading.Event()
    os.fork = {how}
    START["{start}"](forks)
    done.wait()
    """
    said = "_MainThread True False True True True RuntimeError"
    run(patched, SETUP + script).check(said, "waited for", "0")


def test_native_id_of_the_child(patched):
    script = """
    def same():
        thread = threading.current_thread()
        say(thread.native_id == threading.get_native_id())

    def forks():
        say(status(fork(same)))

    forks()
    thread = threading.Thread(target=forks)
    thread.start()
    thread.join()
    """
    run(patched, SETUP + script).check("True", "0", "True", "0")


IMPORTED = """
    import _thread, os, sys
    import osthread
    assert "threading" not in sys.modules

    def imports():
        global threading, importer
        import threading
        importer = threading.current_thread()
        done.release()
        finish.acquire()

    done, finish = _thread.allocate_lock(), _thread.allocate_lock()
    done.acquire()
    finish.acquire()
    if "{start}" == "foreign":
        osthread.foreign(imports)
    else:
        _thread.start_new_thread(imports, ())
    done.acquire()
    from probe import fork, outcome, say, status
    main = threading.main_thread()
"""


@STARTS
def test_module_imported_outside_the_main_thread(patched, start):
    script = (
        IMPORTED.format(start=start)
        + """
    say(main is threading.current_thread(), main.ident == threading.get_ident(),
        main.native_id == threading.get_native_id(), main.is_alive(), main.daemon)
    say(importer is main, importer in threading.enumerate(), importer.daemon)

    def work():
        main.join()
        say("waited for", main.is_alive())

    threading.Thread(target=work).start()
    """
    )
    run(patched, script).check(
        "True True True True False", "False True False", "waited for False"
    )


def test_fork_by_the_thread_that_imported_the_module(patched):
    script = (
        IMPORTED.format(start="start_new_thread").replace(
            "done.release()", "forks()\n        done.release()"
        )
        + """
    say(main.is_alive())
    """
    ).replace(
        "def imports():",
        """def forks():
        from probe import fork, say, status
        main = threading.main_thread()

        def in_child():
            main.join()
            say(main.is_alive(), threading.main_thread() is importer,
                type(importer).__name__, importer.is_alive())

        say(status(fork(in_child)))

    def imports():""",
    )
    run(patched, script).check("False True _MainThread True", "0", "True")


def test_thread_that_imports_in_a_subinterpreter(python):
    # There, the runtime's main thread need not be.
    script = """
    import _testcapi

    def run():
        _testcapi.run_in_subinterp('''if True:
            import os, threading
            main = threading.main_thread()
            os.write(1, b"%d %d %d\\\\n" % (
                main is threading.current_thread(), main.is_alive(), main.daemon))
            go_on = threading.Event()
            threading.Thread(
                target=lambda: go_on.wait() and os.write(1, b"waited for\\\\n")
            ).start()
            threading._register_atexit(go_on.set)
        ''')

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    """
    run(python, SETUP + script).check("1 1 0", "waited for")


@pytest.mark.parametrize("by", ["worker", "manager"])
def test_process_started_by_a_thread_of_an_executor(patched, by):
    script = f"""
    import multiprocessing
    from concurrent import futures

    context = multiprocessing.get_context("fork")

    def run(future=None):
        process = context.Process(target=say, args=("runs",))
        process.start()
        process.join()
        say(process.exitcode)

    if "{by}" == "worker":
        with futures.ThreadPoolExecutor(1) as executor:
            executor.submit(run).result()
    else:
        read, write = os.pipe()
        with futures.ProcessPoolExecutor(1, context) as executor:
            executor.submit(os.read, read, 1).add_done_callback(run)
            os.write(write, b".")
    """
    run(patched, SETUP + script).check("runs", "0")
