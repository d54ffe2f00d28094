"""Inspect a Python process while its threads start and end.

Usage: observed.py LIBRARY BEHAVIOUR, or observed.py LIBRARY --list

A tool inspects busy.py, or this process inspects itself: either starts and joins
10,000 threads.
"""

import ctypes
import faulthandler
import os
import queue
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import traceback
from pathlib import Path

import busy

BUSY = busy.__file__
MAIN = busy.main_of_busy.__name__
STARTER = busy.keep_starting.__name__

#: How often a tool inspects the process.
LOOKS = 100
#: How often gdb does, which takes long to begin.
GDB_LOOKS = 10
#: Seconds that one step may take.
PATIENCE = 100

#: Seconds until faulthandler writes the tracebacks.
OFTEN = 0.001

#: This process inspects itself each time that so many threads have been joined.
EACH = 10


class Busy:
    """A context in which busy.py runs; it checks the result of busy.py at its end."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, BUSY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "busy\n"
        return self.process

    def __exit__(self, kind, *_):
        if kind:
            self.process.kill()
        out, _ = self.process.communicate(timeout=PATIENCE)
        if not kind:
            assert self.process.returncode == 0, self.process.returncode
            assert int(out) >= busy.TOTAL, out
            print(f"{out.strip()} threads")


def look(*command):
    """Run a tool; return its subprocess.CompletedProcess."""
    return subprocess.run(
        command, text=True, capture_output=True, timeout=PATIENCE, check=False
    )


def run(*command):
    """Run a tool; return its stdout. Raises AssertionError if its status is not 0."""
    found = look(*command)
    assert found.returncode == 0, (found.returncode, found.stdout, found.stderr)
    return found.stdout


def tool(name):
    return str(Path(sys.executable).with_name(name))


def dump():
    """Check that py-spy dump shows the lasting threads of busy.py and their frames."""
    good, said = 0, ""
    with Busy() as process:
        for _ in range(LOOKS):
            done = look(tool("py-spy"), "dump", "--pid", str(process.pid))
            good += done.returncode == 0 and complete(done.stdout)
            said = said if complete(done.stdout) else done.stdout + done.stderr
    print(f"{good} of {LOOKS} dumps are complete")
    # py-spy stops all threads at any instruction, even while one is being put into the
    # list of thread states: such a dump is not complete.
    assert good >= LOOKS * 9 // 10, said


def complete(said):
    """Return whether py-spy's output *said* has all lasting threads of busy.py."""
    names = set(re.findall(r'"(starter-\d|MainThread)"', said))
    frames = said.count(f"{STARTER} ("), said.count(f"{MAIN} (")
    return len(names) == busy.STARTERS + 1 and frames == (busy.STARTERS, 1)


def record():
    """Check that py-spy record takes samples of busy.py for 5 seconds."""
    with Busy() as process:
        run(
            *(tool("py-spy"), "record", "--pid", str(process.pid), "-d", "5"),
            *("-r", "500", "-f", "raw", "-o", "samples", "--threads", "--idle"),
        )
    said = Path("samples").read_text()
    assert MAIN in said and STARTER in said


def attach():
    """Check that austin attaches to busy.py and takes samples of it."""
    with Busy() as process:
        run(
            *(tool("austin"), "-i", "2ms", "-x", "5", "-o", "samples"),
            *("-p", str(process.pid)),
        )
    said = Path("samples").read_bytes()
    assert MAIN.encode() in said and STARTER.encode() in said


def start():
    """Check that austin starts busy.py and takes samples of it until it ends."""
    said = subprocess.run(
        [tool("austin"), "-i", "2ms", "-o", "samples", sys.executable, BUSY],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert said.returncode == 0, (said.returncode, said.stderr)
    assert int(said.stdout.split()[-1]) >= busy.TOTAL, said.stdout
    assert MAIN.encode() in Path("samples").read_bytes()


def py_bt():
    """Check that gdb shows the Python frames of all threads, by CPython's extension."""
    extension = Path(sysconfig.get_config_var("abs_builddir"), "python-gdb.py")
    with Busy() as process:
        for _ in range(GDB_LOOKS):
            said = run(
                *("gdb", "-nx", "-batch", "-iex", "set auto-load off"),
                *("-p", str(process.pid), "-x", str(extension)),
                *("-ex", "thread apply all py-bt", "-ex", "thread 1", "-ex", "py-bt"),
            )
            assert MAIN in said, said
            assert "Python Exception" not in said, said


class Starters:
    """A context in which threads of this process start and join threads."""

    def __enter__(self):
        self._done = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._keep_starting) for _ in range(busy.STARTERS)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind, *_):
        for thread in self._threads:
            thread.join()
        if not kind:
            assert threading.enumerate() == [threading.main_thread()]

    def _keep_starting(self):
        for _ in range(busy.TOTAL // busy.STARTERS // EACH):
            for _ in range(EACH):
                found = []
                thread = threading.Thread(target=busy.short_lived, args=(found,))
                thread.start()
                thread.join()
                assert found == [1] and not thread.is_alive()
            self._done.put(EACH)

    def looked_at(self, look):
        """Call *look* each time that EACH threads have been started and joined."""
        total = 0
        while total < busy.TOTAL:
            total += self._done.get(timeout=PATIENCE)
            look()
        print(total, "threads")


def dump_traceback_later():
    """Check the tracebacks of all threads that faulthandler's watchdog writes.

    The watchdog is a thread in C, which reads the frames without the GIL. So this
    thread holds the GIL until the watchdog has written: the frames do not change
    meanwhile. Between two dumps, threads start and end.
    """
    reader, writer = os.pipe()
    # This function keeps the GIL, unlike os.read().
    read = ctypes.PyDLL(None).read
    buffer = ctypes.create_string_buffer(65536)

    def look():
        faulthandler.dump_traceback_later(OFTEN, file=writer)
        said = b""
        while not (said.endswith(b"<module>\n") and b" in looked_at\n" in said):
            said += buffer[: read(reader, buffer, len(buffer))]
        faulthandler.cancel_dump_traceback_later()
        check_dump(said.decode())

    # Other threads get the GIL only when this thread waits, not when they ask for it.
    sys.setswitchinterval(1000)
    with Starters() as starters:
        starters.looked_at(look)


def dump_on_a_signal():
    """Check the tracebacks of all threads that faulthandler writes on a signal."""
    # This function keeps the GIL, unlike signal.raise_signal().
    send = getattr(ctypes.PyDLL(None), "raise")
    with open("dumps", "w+") as stream, Starters() as starters:
        faulthandler.register(signal.SIGUSR1, file=stream, all_threads=True)

        def look():
            stream.seek(0)
            stream.truncate()
            # The handler in C has run when raise() returns.
            assert send(signal.SIGUSR1) == 0
            stream.seek(0)
            check_dump(stream.read())

        starters.looked_at(look)


def check_dump(said):
    # faulthandler leaves out threads after the first 100; there are fewer.
    assert said.count("most recent call first") <= 2 * busy.STARTERS + 1, said
    assert " in looked_at\n" in said and "???" not in said, said


def current_frames():
    """Check the frames of all threads that sys._current_frames() returns."""
    main = threading.main_thread()

    def look():
        for ident, frame in sys._current_frames().items():
            stack = [f.name for f in traceback.extract_stack(frame)]
            assert ident != main.ident or "looked_at" in stack, stack
        assert main in threading.enumerate()

    with Starters() as starters:
        starters.looked_at(look)


BEHAVIOURS = {
    library: {function.__name__: function for function in functions}
    for library, functions in {
        "py-spy": (dump, record),
        "austin": (attach, start),
        "gdb": (py_bt,),
        "stdlib": (dump_traceback_later, dump_on_a_signal, current_frames),
    }.items()
}


def main(argv):
    behaviours = BEHAVIOURS[argv[0]]
    if argv[1] == "--list":
        print("\n".join(behaviours))
    else:
        behaviours[argv[1]]()


if __name__ == "__main__":
    main(sys.argv[1:])
