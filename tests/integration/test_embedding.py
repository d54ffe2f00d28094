"""Programs that start and end interpreters over and over."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import HANG, HERE, compile_c, run, run_command

#: Threads that are alive, just finishing or gone when the interpreter ends.
SCRIPT = """
import threading
for _ in range(3):
    threading.Thread(target=int).start()
"""

ROUNDS = {"loop": 300, "subs": 1000, "other": 30}

#: Bytes that a round may add to what malloc() has in use, in the second half
#: of the rounds. Anything lost in each round is more than that.
SLACK = 15


@pytest.fixture(scope="session")
def embed(tmp_path_factory):
    """Return a function that runs embed.c, linked with the interpreter's library."""
    programs = {}
    compiling = threading.Lock()

    def compiled(python):
        # Two threads may get here at once, and a half-linked program cannot run.
        with compiling:
            if python not in programs:
                config = python.sysconfig()
                program = tmp_path_factory.mktemp("embed") / python.name
                compile_c(
                    config["CC"],
                    config["CFLAGS"],
                    "-pthread",
                    f"-I{config['include']} -I{config['platinclude']}",
                    HERE / "embed.c",
                    os.path.join(config["projectbase"], config["LIBRARY"]),
                    config["LIBS"],
                    config["SYSLIBS"],
                    config["LINKFORSHARED"],
                    "-o",
                    program,
                )
                programs[python] = program
            return programs[python]

    def embed(python, mode, script=SCRIPT, rounds=None, timeout=300):
        # With one arena and malloc() alone, all memory is counted.
        limits = ["env", "MALLOC_ARENA_MAX=1", "PYTHONMALLOC=malloc"]
        rounds = rounds or ROUNDS[mode]
        words = [compiled(python), python.path, mode, rounds, script]
        return run_command(python, [*limits, *map(str, words)], timeout)

    return embed


@pytest.mark.slow
def test_nothing_is_lost_in_many_rounds(patched, embed):
    # At the same time, for both take long.
    with ThreadPoolExecutor() as executor:
        results = executor.map(lambda mode: embed(patched, mode), ("loop", "subs"))
    for mode, result in zip(("loop", "subs"), results):
        assert (result.status, result.err) == (0, "")
        after_half, after_all = map(int, result.lines)
        assert after_all - after_half < SLACK * ROUNDS[mode] / 2, mode


def test_threads_that_finish_slowly(patched, embed):
    # Finalization begins when each is at another point: before its thread state is
    # cleared, while it is cleared, and while its OS thread lingers.
    script = """
import _thread, threading
class Slow:
    def __init__(self, count):
        self.count = count
    def __del__(self):
        for _ in range(self.count):
            gate.acquire(timeout=0)     # releases the GIL
def body(count):
    local.value = Slow(count)
gate = threading.Lock()
gate.acquire()
local = threading.local()
for count in (0, 1, 5, 50):
    threading.Thread(target=body, args=(count,)).start()
"""
    result = embed(patched, "subs", script, rounds=50)
    assert (result.status, result.err) == (0, "")


def test_os_threads_that_outlive_their_interpreter(patched, embed):
    # They linger in C, and exit while later interpreters run.
    script = """
import osthread, threading
for _ in range(3):
    threading.Thread(target=osthread.linger).start()
kept = threading.Thread(target=osthread.linger)
kept.start()
osthread.await_lingering(4)
"""
    for mode in ("loop", "subs"):
        result = embed(patched, mode, script, rounds=20)
        assert (result.status, result.err) == (0, "")


def test_finalization_outside_the_first_thread(stock, patched, embed):
    # Stock waits for the thread that has initialized the interpreter, too.
    result = embed(patched, "other")
    assert (result.status, result.err) == (0, "")
    # The watchdog outside waits some seconds longer.
    result = embed(stock, "other", rounds=1, timeout=HANG - 10)
    assert result.hung


def test_finalization_twice_with_daemons_left(python, embed):
    # What is left of them must not disturb the next interpreter.
    script = """
import threading, time
for _ in range(3):
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
threading.Thread(target=int).start()
"""
    result = embed(python, "loop", script, rounds=10)
    assert (result.status, result.err) == (0, "")


def test_daemons_that_are_cut_short_are_let_go(python, embed):
    # No thread can join them any more: undetached, they would keep their stacks.
    script = """
import _thread, threading
import osthread
assert osthread.unclaimed() == 0, osthread.unclaimed()
gate = _thread.allocate_lock()
gate.acquire()
kept = [threading.Thread(target=gate.acquire, daemon=True) for _ in range(3)]
for thread in kept:
    thread.start()
"""
    result = embed(python, "loop", script, rounds=3)
    assert (result.status, result.err) == (0, "")


#: Threads that are done and that no thread joins, and a reference that keeps their
#: objects until after finalization.
KEPT = """
import _thread, threading
import osthread
assert osthread.unclaimed() == 0, osthread.unclaimed()
kept = [threading.Thread(target=int) for _ in range(3)]
for thread in kept:
    thread.start()
"""
KEEPERS = {
    "a daemon": """
gate = _thread.allocate_lock()
gate.acquire()
threading.Thread(target=lambda kept: gate.acquire(), args=(kept,),
                 daemon=True).start()
""",
    "a lost reference": """
osthread.lose(kept)
""",
}


@pytest.mark.parametrize(
    ("mode", "keeper"),
    [
        ("loop", "a daemon"),
        ("loop", "a lost reference"),
        ("subs", "a lost reference"),
    ],
)
def test_os_threads_that_nobody_joined_are_let_go(python, embed, mode, keeper):
    # Their objects are not freed, and so cannot detach them.
    result = embed(python, mode, KEPT + KEEPERS[keeper], rounds=3)
    assert (result.status, result.err) == (0, "")


def test_os_thread_that_a_daemon_gives_up_to_join_is_let_go(python, embed):
    # While the daemon waits in the join, no other thread can detach the OS thread; and
    # once the interpreter has ended, the daemon does not return to Python to do it.
    script = """
import _thread, sys, threading
import osthread
thread = threading.Thread(target=osthread.linger)
thread.start()
osthread.await_lingering()
waits = _thread.allocate_lock()
waits.acquire()
def give_up():
    waits.release()
    thread.join(3)      # longer than finalization takes
sys.setswitchinterval(1000)     # give_up() keeps the GIL until it waits
threading.Thread(target=give_up, daemon=True).start()
waits.acquire()
"""
    result = embed(python, "loop", script, rounds=1, timeout=20)
    assert (result.status, result.err) == (0, "")


def test_subinterpreter_waits_for_its_own_threads_only(python):
    script = """
        import _testcapi, threading
        from probe import say

        finish = threading.Event()
        thread = threading.Thread(target=finish.wait)
        thread.start()
        say(_testcapi.run_in_subinterp('''if True:
            import threading
            from probe import say
            def body():
                threading.main_thread().join()
                threading.Thread(target=say, args=("second",)).start()
                say("first")
            threading.Thread(target=body).start()
        '''))
        say(thread.is_alive())
        finish.set()
        thread.join()
    """
    result = run(python, script)
    assert (result.status, result.err) == (0, "")
    assert sorted(result.lines[:2]) == ["first", "second"]
    assert result.lines[2:] == ["0", "True"]


def test_subinterpreters_in_threads(patched):
    # Each thread has its own, which it ends while its threads just finish.
    script = """
        import _xxsubinterpreters, threading
        from probe import outcome, say

        def body():
            for _ in range(5):
                interp = _xxsubinterpreters.create(isolated=False)
                _xxsubinterpreters.run_string(interp, '''if True:
                    import threading
                    threads = [threading.Thread(target=int) for _ in range(4)]
                    for thread in threads:
                        thread.start()
                    threads[0].join()
                ''')
                _xxsubinterpreters.destroy(interp)

        threads = [threading.Thread(target=body) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        say(len(_xxsubinterpreters.list_all()))
    """
    run(patched, script).check("1")
