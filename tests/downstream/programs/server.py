"""Run a server that answers from threads, and stop it by a signal.

Usage: server.py LIBRARY BEHAVIOUR, or server.py LIBRARY --list
"""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

#: Seconds that one step may take.
PATIENCE = 50

#: The WSGI application. A new thread, which is joined, computes each answer.
WSGI = """
import sys, threading

def application(environ, start_response):
    found = []
    thread = threading.Thread(target=lambda: found.append(threading.active_count()))
    thread.start()
    thread.join()
    assert not thread.is_alive()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"threads: %d" % len(found)]
"""

#: The ASGI application. A thread of the event loop's executor computes each answer.
ASGI = """
import asyncio, threading

async def application(scope, receive, send):
    assert scope["type"] == "http"
    found = await asyncio.to_thread(threading.active_count)
    start = {"type": "http.response.start", "status": 200, "headers": []}
    await send(start)
    await send({"type": "http.response.body", "body": b"threads: 1"})
"""

#: By library and behaviour: the application, the command, the signal that stops the
#: server, and the exit status that the server then has to have.
BEHAVIOURS = {
    "gunicorn": {
        f"{kind}_{name}": (
            WSGI,
            ["gunicorn", "-k", kind, "--threads", "4", "-w", "2", "application"],
            number,
            0,
        )
        for kind in ("gthread", "gevent")
        for name, number in (("term", signal.SIGTERM), ("ctrl_c", signal.SIGINT))
    },
    "uvicorn": {
        name: (ASGI, ["uvicorn", "application:application", *more], number, status)
        for name, number, more, status in (
            ("term", signal.SIGTERM, [], -signal.SIGTERM),
            ("ctrl_c", signal.SIGINT, [], 0),
            ("workers_term", signal.SIGTERM, ["--workers", "2"], 0),
            ("workers_ctrl_c", signal.SIGINT, ["--workers", "2"], 0),
        )
    },
}


def ask(port, answers):
    """Send a request to the server at *port*; add the answer to the list *answers*."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connect(connection)
        connection.request("GET", "/")
        answers.append(connection.getresponse().read())


def connect(connection):
    """Connect *connection*, again until the server listens.

    The parent prints its address before its workers listen.

    Raises ConnectionRefusedError after PATIENCE seconds.
    """
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return connection.connect()
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def port_of(process, said):
    """Return the port that the server *process* prints; add its lines to *said*."""
    for line in process.stderr:
        said.append(line)
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if found:
            return int(found[1])
    raise AssertionError("".join(said))


def serve(source, command, number, expected):
    """Start a server, send it requests from 20 threads, and stop it.

    Parameters:
        source: the application.
        command: list of the module and its arguments.
        number: the signal that stops the server.
        expected: the exit status that the server has to have.

    Raises AssertionError if an answer or the status is wrong, or if the server prints
    a traceback.
    """
    Path("application.py").write_text(source)
    bind = ["-b", "127.0.0.1:0"] if command[0] == "gunicorn" else ["--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", *command, *bind],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    said, answers = [], []
    port = port_of(process, said)
    threads = [threading.Thread(target=ask, args=(port, answers)) for _ in range(20)]
    for thread in threads:
        thread.start()
    # Read stderr all the time: the server would block when the pipe is full.
    reader = threading.Thread(target=lambda: said.extend(process.stderr))
    reader.start()
    for thread in threads:
        thread.join()
    process.send_signal(number)
    status = process.wait(PATIENCE)
    reader.join()
    said = "".join(said)
    assert answers == [b"threads: 1"] * 20, (answers, said)
    assert status == expected, (status, said)
    assert "Traceback" not in said, said


def main(argv):
    behaviours = BEHAVIOURS[argv[0]]
    if argv[1] == "--list":
        print("\n".join(behaviours))
    else:
        serve(*behaviours[argv[1]])


if __name__ == "__main__":
    main(sys.argv[1:])
