"""Test debugpy's view of threads, through its protocol and by its own functions.

Usage: debugger.py BEHAVIOUR, or debugger.py --list
"""

import importlib
import json
import os
import queue
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"

#: Seconds that one step may take.
PATIENCE = 20

BEHAVIOURS = {}

#: A program to debug. It prints the port on which debugpy listens, and waits until a
#: client connects.
DEBUGGEE = """
import debugpy, threading

host, port = debugpy.listen(("127.0.0.1", 0))
print(port, flush=True)
debugpy.wait_for_client()

def body(number):
    doubled = 2 * number  # stop here
    found.append(doubled)

found = []
threads = [threading.Thread(target=body, args=(n,), name=f"worker-{n}") for n in (1, 2)]
for thread in threads:
    thread.start()
    thread.join()
    assert not thread.is_alive()
print(found)
"""

#: A program in which another thread than the main thread imports `threading`, as when
#: a debugger attaches to a process.
ATTACHED = """
import _thread, os, sys

# The debugger does this first, before it imports a module of its own.
sys.path += [os.path.join(p, "debugpy/_vendored/pydevd/pydevd_attach_to_process")
             for p in sys.path]

def attach():
    import attach_script

    def fail(message):
        print(message, file=sys.stderr)

    attach_script.fix_main_thread_id(on_exception=fail, on_critical=fail)
    done.release()

done = _thread.allocate_lock()
done.acquire()
sys.modules.pop("threading", None)
_thread.start_new_thread(attach, ())
done.acquire()
import threading
assert threading.main_thread().ident == threading.get_ident()
assert threading.current_thread() is threading.main_thread()
assert threading.main_thread().is_alive()
assert threading.main_thread()._tstate_lock.locked()
thread = threading.Thread(target=print, args=("thread",))
thread.start()
thread.join()
threading.Thread(target=lambda: (threading.main_thread().join(), print("end"))).start()
"""


def behaviour(function):
    BEHAVIOURS[function.__name__] = function
    return function


class Client:
    """A client of the Debug Adapter Protocol, connected to *port* of this machine."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._stream = self._socket.makefile("rwb")
        self._events = queue.Queue()
        self._sequence = 0

    def send(self, command, **arguments):
        """Send a request; return its number."""
        self._sequence += 1
        content = json.dumps(
            {
                "seq": self._sequence,
                "type": "request",
                "command": command,
                "arguments": arguments,
            }
        ).encode()
        self._stream.write(b"Content-Length: %d\r\n\r\n" % len(content) + content)
        self._stream.flush()
        return self._sequence

    def ask(self, command, **arguments):
        """Send a request and return the body of its response."""
        number = self.send(command, **arguments)
        while True:
            message = self._receive()
            if message["type"] == "event":
                self._events.put(message)
            elif message["request_seq"] == number:
                assert message["success"], message
                return message.get("body")

    def event(self, name):
        """Return the body of the next event called *name*."""
        while True:
            waiting = not self._events.empty()
            message = self._events.get() if waiting else self._receive()
            if message["type"] == "event" and message["event"] == name:
                return message.get("body")

    def _receive(self):
        length = None
        while line := self._stream.readline().strip():
            length = int(line.partition(b":")[2])
        return json.loads(self._stream.read(length))


def start(source):
    """Start the program *source*.

    Returns its subprocess.Popen and the Path of its file.
    """
    path = Path("debuggee.py").absolute()
    path.write_text(textwrap.dedent(source))
    process = subprocess.Popen(
        [sys.executable, "-Xfrozen_modules=off", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, path


@behaviour
def a_breakpoint_in_threads():
    process, path = start(DEBUGGEE)
    client = Client(int(process.stdout.readline()))
    client.ask("initialize", adapterID="test", clientID="test")
    client.send("attach", justMyCode=False)
    client.event("initialized")
    line = path.read_text().split("# stop here")[0].count("\n") + 1
    client.ask(
        "setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": line}]
    )
    client.ask("configurationDone")
    for number in (1, 2):
        stopped = client.event("stopped")
        names = {t["id"]: t["name"] for t in client.ask("threads")["threads"]}
        assert names[stopped["threadId"]] == f"worker-{number}", (stopped, names)
        assert set(names.values()) == {"MainThread", f"worker-{number}"}, names
        frames = client.ask("stackTrace", threadId=stopped["threadId"])["stackFrames"]
        assert frames[0]["name"] == "body", frames
        client.ask("next", threadId=stopped["threadId"])
        assert client.event("stopped")["reason"] == "step"
        client.ask("continue", threadId=stopped["threadId"])
    client.event("terminated")
    client.ask("disconnect")
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "[2, 4]\n", ""), (out, err)


@behaviour
def an_attach_that_imports_threading():
    process, _ = start(ATTACHED)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out.split(), err) == (0, ["thread", "end"], ""), err


def pydevd_view():
    """Return the function by which debugpy tells whether a thread is alive."""
    importlib.import_module("debugpy._vendored.force_pydevd")
    return importlib.import_module(
        "_pydev_bundle.pydev_is_thread_alive"
    ).is_thread_alive


@behaviour
def who_is_alive():
    is_thread_alive = pydevd_view()
    event = threading.Event()
    thread = threading.Thread(target=event.wait)
    thread.start()
    assert is_thread_alive(thread)
    assert is_thread_alive(threading.main_thread())
    event.set()
    thread.join()
    assert not is_thread_alive(thread)


@behaviour
def who_has_ended_without_a_join():
    is_thread_alive = pydevd_view()
    thread = threading.Thread(target=int)
    thread.start()
    while thread.is_alive():
        pass
    assert not is_thread_alive(thread)


@behaviour
def threads_are_hidden_and_patching_is_undone():
    import debugpy

    before = [threading._start_new_thread, threading.active_count()]
    debugpy.listen(("127.0.0.1", 0))
    from _pydev_bundle import pydev_monkey

    assert threading._start_new_thread is not before[0]
    assert threading.active_count() == before[1], threading.enumerate()
    pydev_monkey.undo_patch_thread_modules()
    assert threading._start_new_thread is before[0]
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    assert not thread.is_alive()


def main(argv):
    if argv == ["--list"]:
        print("\n".join(BEHAVIOURS))
    else:
        BEHAVIOURS[argv[0]]()


if __name__ == "__main__":
    main(sys.argv[1:])
