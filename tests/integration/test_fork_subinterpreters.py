"""Forks of a process that has subinterpreters."""

import pytest
from harness import HANG, PATIENCE, run

#: A subinterpreter, and what is done with it before and after the fork. It ends
#: with the process, by os._exit(): the end of Python would end it in order.
SUBINTERPRETER = """
    import os, signal, sys, threading
    import _xxsubinterpreters as interpreters
    from probe import fork, say, status

    # The child of stock takes the lock for the number of a main interpreter that
    # had none, for one that is in use: a debug build then aborts.
    interpreters.list_all()

    def create():
        return interpreters.create(isolated=False)

    def started(target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        return thread

    def use(interpreter):
        interpreters.run_string(interpreter, (
            "import threading\\n"
            "thread = threading.Thread(target=int)\\n"
            "thread.start()\\n"
            "thread.join()\\n"
        ))

    def examine():
        "What has to hold in a child."
        global subinterpreter
        assert interpreters.list_all() == [interpreters.get_main()]
        try:
            use(subinterpreter)
        except RuntimeError:
            subinterpreter = None
        assert subinterpreter is None
        for _ in range(3):
            started(int).join()
        fresh = create()
        use(fresh)
        interpreters.destroy(fresh)

    subinterpreter = create()
    readable, writable = os.pipe()
"""

#: The code that runs in the subinterpreter.
DOES = {
    "nothing": "",
    "extensions": """
        import _decimal, _datetime, _json, _socket, _struct, _elementtree
        import ctypes, select, zlib
        kept = _decimal.Decimal(1), _datetime.datetime.now(), _socket.socket()
    """,
    "threads": """
        import threading
        for _ in range(3):
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        local = threading.local()
        local.value = [local]
    """,
    "destructors": """
        import os
        class Writes:
            def __del__(self, write=os.write):
                write(1, b"destroyed\\n")
        kept = Writes()
        kept.itself = kept
    """,
}


@pytest.mark.parametrize("in_thread", [False, True])
@pytest.mark.parametrize("does", DOES)
def test_child_of_a_process_with_a_subinterpreter(python, does, in_thread):
    script = f"""
    import textwrap
    interpreters.run_string(subinterpreter, textwrap.dedent({DOES[does]!r}))

    def body():
        pid = fork(examine)
        # The child cannot watch itself before it is out of os.fork().
        watchdog = threading.Timer(float(sys.argv[1]), os.kill, (pid, signal.SIGKILL))
        watchdog.start()
        say(status(pid))
        watchdog.cancel()

    if {in_thread}:
        started(body).join()
    else:
        body()
    if "{does}" != "threads":       # run_string() refuses one with threads
        use(subinterpreter)
    os._exit(0)
    """
    if python.patched:
        run(python, SUBINTERPRETER + script, PATIENCE / 2).check("0")
    else:
        # The child hangs; that of a debug build of 3.12 first says that it is wrong.
        assert run(python, SUBINTERPRETER + script, HANG).lines == ["-9"]


@pytest.mark.parametrize("what", ["waits", "computes", "writes"])
def test_fork_while_a_thread_runs_the_subinterpreter(patched, what):
    # The thread is in the middle of it, and may hold the lock of a file.
    script = f"""
    silent = os.pipe()[0]
    code = dict(
        waits=f"os.read({{silent}}, 1)",
        computes="import time\\nwhile True: time.sleep(0)",
        writes=f"open({{writable}}, 'wb', closefd=False).write(bytes(1_000_000))",
    )["{what}"]
    begins = f"import os; os.write({{writable}}, b'!')\\n"
    started(interpreters.run_string, subinterpreter, begins + code)
    os.read(readable, 1)
    say([status(fork(examine)) for _ in range(5)])
    os._exit(0)
    """
    run(patched, SUBINTERPRETER + script).check("[0, 0, 0, 0, 0]")


def test_child_of_a_process_with_a_subinterpreter_ends_by_itself(patched):
    script = """
    from probe import unwatch, watch
    unwatch()
    interpreters.run_string(subinterpreter, (
        "file = open(%d, 'w', closefd=False)\\nfile.write('once\\\\n')" % writable
    ))
    pid = os.fork()
    if pid == 0:
        watch(20)
        examine()
        sys.exit(3)
    say(status(pid))
    interpreters.destroy(subinterpreter)
    # What the subinterpreter had not written yet, it writes once.
    say(os.read(readable, 100))
    """
    run(patched, SUBINTERPRETER + script).check("3", r"b'once\n'")
