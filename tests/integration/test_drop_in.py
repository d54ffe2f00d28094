"""Programs can rely on everything that they could rely on before the series."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from harness import compile_c, run

#: At most so many OS threads are still exiting when the last thread joins those that
#: have exited, however many there were; and each has so many lines of /proc/self/maps.
LEFT_ALONE = 32
MAPS = 2


def test_stacks_of_finished_threads_are_unmapped(stock, patched):
    # Joinable threads keep their stacks until somebody joins or detaches them.
    script = """
        import threading
        import osthread
        from probe import say

        threads = []
        for _ in range(2000):
            thread = threading.Thread(target=int)
            thread.start()
            threads.append(thread)
        while any(thread.is_alive() for thread in threads):
            pass
        for _ in range(10):
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
        with open("/proc/self/maps") as maps:
            say(len(maps.readlines()))
        say(osthread.unclaimed())
    """
    maps = []
    for python in (stock, patched):
        result = run(python, script)
        assert (result.status, result.err) == (0, "")
        maps.append(int(result.lines[0]))
        assert int(result.lines[1]) <= LEFT_ALONE
    assert maps[1] <= maps[0] + MAPS * LEFT_ALONE


@pytest.mark.parametrize("later", [0, 1500])
def test_stacks_of_threads_that_finish_together_are_unmapped(stock, patched, later):
    # All are alive at once and end at once; then others start and end.
    script = f"""
        import threading
        import osthread
        from probe import say

        finish = threading.Event()
        threads = [threading.Thread(target=finish.wait) for _ in range(1500)]
        for thread in threads:
            thread.start()
        finish.set()
        while any(thread.is_alive() for thread in threads):
            pass
        for _ in range({later}):
            thread = threading.Thread(target=int)
            thread.start()
            threads.append(thread)
        while any(thread.is_alive() for thread in threads):
            pass
        with open("/proc/self/maps") as maps:
            say(len(maps.readlines()))
    """
    maps = [int(run(python, script).lines[0]) for python in (stock, patched)]
    assert maps[1] <= maps[0] + MAPS * LEFT_ALONE, maps


def test_join_does_not_look_at_the_other_threads(python):
    # Counted rather than timed: calls of C functions while one is joined.
    script = """
        import sys, threading
        from probe import say

        def calls_to_join_one():
            count = 0
            def profile(frame, event, arg):
                nonlocal count
                count += event == "c_call"
            thread = threading.Thread(target=int)
            thread.start()
            sys.setprofile(profile)
            thread.join()
            sys.setprofile(None)
            return count

        finish = threading.Event()
        calls_to_join_one()
        before = calls_to_join_one()
        others = [threading.Thread(target=finish.wait) for _ in range(200)]
        for thread in others:
            thread.start()
        say(calls_to_join_one() - before >= 200, calls_to_join_one() == before)
        finish.set()
    """
    patched = python.patched
    run(python, script).check(f"{not patched} {patched}")


LIVES = {
    "joined": "start().join()",
    "dropped": "start(); drain()",
    "dropped while it runs": "release = hold(); start(held.acquire); release()",
    "foreign": "osthread.foreign(done.release); done.acquire(); drain()",
    "started without Thread": (
        "_thread.start_new_thread(done.release, ()); done.acquire(); drain()"
    ),
    "thread state": "osthread.churn_thread_states(5)",
    "timed out": (
        "release = hold(); t = start(held.acquire); t.join(0); release(); t.join()"
    ),
    "waited for": (
        "release = hold(); t = start(held.acquire); t.join(1e-6); release(); t.join()"
    ),
    "lingering": "start(osthread.linger).join()",
}


@pytest.mark.parametrize("life", sorted(LIVES))
def test_no_memory_is_lost_with_a_thread(patched, life):
    script = f"""
        import _thread, os, threading
        import osthread

        def start(function=int):
            thread = threading.Thread(target=function)
            thread.start()
            return thread

        def hold():
            held.acquire()
            return lambda: (held.release(), drain(), held.release())

        def drain():
            while osthread.thread_states() > 1:
                os.sched_yield()

        held, done = threading.Lock(), threading.Semaphore(0)
        osthread.release()
        for round in range(2000):
            {LIVES[life]}
            if round == 1000:
                begin = osthread.malloced()
        drain()
        start().join()
        lost = osthread.malloced() - begin
        # Less than what the smallest allocation takes, for each of the rounds.
        assert lost < 16 * 1000, lost
    """
    limits = (("PYTHONMALLOC", "malloc"), ("MALLOC_ARENA_MAX", "1"))
    alone = replace(patched, environment=patched.environment + limits)
    run(alone, script).check()


def test_no_field_of_the_thread_state_has_moved(stock, patched, tmp_path):
    # Extensions that were compiled for stock read the fields.
    includes = [python.sysconfig()["include"] for python in (stock, patched)]
    header = Path(includes[0], "cpython", "pystate.h").read_text()
    body = re.search(r"^struct _ts \{$(.*?)^\};$", header, re.M | re.S).group(1)
    body = re.sub(r"/\*.*?\*/|//[^\n]*", "", body, flags=re.S)
    body = re.sub(r":\d+;", "", body)  # bit fields have no offset
    fields = re.findall(r"(?:\(\*(\w+)\)\([^)]*\)|(\w+));", body)
    fields = [pointer or name for pointer, name in fields]
    assert {"next", "on_delete", "id"} <= set(fields)
    # The last one, from 3.10 on.
    assert ("root_cframe" in fields) == ("root_cframe;" in header)
    prints = [f'printf("{f} %zu\\n", offsetof(PyThreadState, {f}));' for f in fields]
    source = tmp_path / "offsets.c"
    head = ["#include <Python.h>", "#include <stddef.h>", "int main(void) {"]
    source.write_text("\n".join([*head, *prints, "}\n"]))
    offsets = []
    for python, include in zip((stock, patched), includes):
        config = python.sysconfig()
        program = tmp_path / python.name
        flags = f"-I{include} -I{config['platinclude']}"
        compile_c(config["CC"], config["CFLAGS"], flags, source, "-o", program)
        offsets.append(subprocess.check_output([program]))
    assert offsets[0] == offsets[1]


def test_extension_compiled_for_stock(stock, patched):
    # It is the extension of these tests, compiled with the headers of stock.
    script = """
        import threading
        import osthread
        from probe import say

        thread = threading.Thread(target=osthread.linger)
        thread.start()
        osthread.await_lingering()
        osthread.release()
        thread.join()
        osthread.churn_thread_states(3)
        say(osthread.finished(), osthread.thread_states())
    """
    run(replace(patched, environment=stock.environment), script).check("1 1")


def test_thread_objects_do_not_keep_each_other_alive(python):
    script = """
        import gc, threading, weakref
        from probe import say

        gc.disable()
        refs = []
        for daemon in (False, True):
            for join in (False, True):
                thread = threading.Thread(target=int, daemon=daemon)
                refs.append(weakref.ref(thread))
                thread.start()
                if join:
                    thread.join()
                while thread.is_alive():
                    pass
                del thread
        refs.append(weakref.ref(threading.Thread(target=int)))
        say([ref() for ref in refs])
    """
    run(python, script).check("[None, None, None, None, None]")


def test_last_reference_is_dropped_by_the_thread_itself(python):
    script = """
        import threading, weakref
        from probe import say

        def body():
            may_end.wait()

        may_end = threading.Event()
        thread = threading.Thread(target=body)
        thread.start()
        collected = threading.Event()
        weakref.finalize(thread, collected.set)
        del thread
        may_end.set()
        say(collected.wait(30))
    """
    run(python, script).check("True")


def test_repr_tells_the_state(python):
    script = """
        import re, threading
        from probe import say

        def show(thread):
            say(re.sub(" [0-9]+", " N", repr(thread)))

        finish = threading.Event()
        for daemon in (False, True):
            thread = threading.Thread(target=finish.wait, name="T", daemon=daemon)
            show(thread)
            thread.start()
            show(thread)
            finish.set()
            thread.join()
            show(thread)
            finish.clear()
        show(threading.main_thread())
    """
    run(python, script).check(
        "<Thread(T, initial)>",
        "<Thread(T, started N)>",
        "<Thread(T, stopped N)>",
        "<Thread(T, initial daemon)>",
        "<Thread(T, started daemon N)>",
        "<Thread(T, stopped daemon N)>",
        "<_MainThread(MainThread, started N)>",
    )


def test_finished_thread_is_not_alive_before_it_is_joined(python):
    script = """
        import threading
        from probe import outcome, say

        thread = threading.Thread(target=int)
        say(thread.is_alive())
        thread.start()
        while thread.is_alive():
            pass
        say(thread in threading.enumerate(), outcome(thread.start), thread.join())
    """
    run(python, script).check("False", "False RuntimeError None")


def test_uninitialized_thread(python):
    script = """
        import threading
        from probe import outcome, say

        class Forgets(threading.Thread):
            def __init__(self):
                pass

        thread = Forgets()
        say(outcome(thread.start), outcome(thread.join), outcome(thread.is_alive))
        say(outcome(repr, thread))
    """
    run(python, script).check(
        "RuntimeError RuntimeError AssertionError", "AssertionError"
    )


def test_initialized_again_before_the_start(python):
    script = """
        import threading
        from probe import say

        thread = threading.Thread(target=int)
        thread.__init__(target=say, args=("runs",))
        thread.start()
        thread.join()
        thread.__init__(target=say, args=("runs again",))
        say(thread.is_alive())
        thread.start()
        thread.join()
        say(thread.is_alive())
    """
    run(python, script).check("runs", "False", "runs again", "False")


def test_bootstrap_called_by_others(python):
    # Green threads and some debuggers start a thread in their own way.
    script = """
        import _thread, threading
        from probe import outcome, say

        started = []
        def start(function, args):
            started.append(function)
            return _thread.start_new_thread(function, args)

        threading._start_new_thread = start
        finish = threading.Event()
        thread = threading.Thread(target=finish.wait)
        thread.start()
        say(len(started), thread.is_alive(), outcome(thread.join, 0.01))
        finish.set()
        thread.join()
        say(thread.is_alive())
        waited = threading.Thread(
            target=lambda: (threading.main_thread().join(), say("waited for"))
        )
        waited.start()
    """
    run(python, script).check("1 True None", "False", "waited for")


def test_threads_are_started_by_a_builtin_function_of_others(python):
    script = """
        import _thread, queue, threading
        from probe import say

        def pool():
            idents.append(threading.get_ident())
            work.get()()

        def target():
            say(threading.get_ident() == idents[0])
            done.release()

        work, idents, done = queue.SimpleQueue(), [], threading.Semaphore(0)
        threading._start_new_thread = work.put
        _thread.start_new_thread(pool, ())
        threading.Thread(target=target, daemon=True).start()
        done.acquire()
    """
    run(python, script).check("True")


def test_executor_and_pools(python):
    script = """
        import concurrent.futures, multiprocessing.pool, threading
        from probe import say

        executor = concurrent.futures.ThreadPoolExecutor(8)
        pool = multiprocessing.pool.ThreadPool(8)
        say(sum(executor.map(abs, range(-100, 0))), sum(pool.map(abs, range(100))))
        pool.close()
        pool.join()
        work = executor.submit(threading.Event().wait, 0.2)
        work.add_done_callback(lambda work: say("waited for"))
    """
    run(python, script).check("5050 4950", "waited for")
