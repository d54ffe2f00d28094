"""Run a celery worker with one of its pools, whose tasks start threads; stop it.

Usage: worker.py BEHAVIOUR, or worker.py --list
"""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

#: Seconds that one step may take.
PATIENCE = 40

#: The tasks. The broker and the results are files, so no server is needed.
TASKS = """
import os, threading
from celery import Celery

for name in ("broker", "results"):
    os.makedirs(name, exist_ok=True)

app = Celery("tasks", broker="filesystem://", backend="file://results")
app.conf.broker_transport_options = {
    "data_folder_in": "broker", "data_folder_out": "broker",
    "control_folder": "control",
}

@app.task
def square(number):
    found = []
    thread = threading.Thread(target=lambda: found.append(number * number))
    thread.start()
    thread.join()
    return found[0]
"""

POOLS = ("threads", "gevent", "eventlet", "solo", "prefork")

#: The signals that stop a worker, and the exit status that it then has to have.
SIGNALS = {"term": (signal.SIGTERM, 0), "ctrl_c": (signal.SIGINT, 1)}


def work(pool, number, expected):
    """Start a worker, give it tasks, and stop it.

    Parameters:
        pool: the name of the pool.
        number: the signal that stops the worker.
        expected: the exit status that it has to have.

    Raises AssertionError if a result or the status is wrong, or if the worker prints a
    traceback.
    """
    Path("tasks.py").write_text(textwrap.dedent(TASKS))
    sys.path.insert(0, os.getcwd())
    worker = subprocess.Popen(
        [
            *(sys.executable, "-W", "ignore", "-m", "celery", "-A", "tasks", "worker"),
            *("--pool", pool, "--concurrency", "2", "--loglevel", "INFO"),
            *("--without-gossip", "--without-mingle"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    reader = threading.Thread(target=lambda: said.extend(worker.stdout))
    reader.start()
    from tasks import square

    results = [square.delay(number) for number in range(10)]
    try:
        found = [result.get(timeout=PATIENCE) for result in results]
        worker.send_signal(number)
        status = worker.wait(PATIENCE)
    finally:
        worker.kill()
        reader.join()
        print("".join(said))
    assert found == [number * number for number in range(10)], found
    assert status == expected, status
    assert "Traceback" not in "".join(said)


def main(argv):
    behaviours = {
        f"{p}_{name}": (p, *end) for p in POOLS for name, end in SIGNALS.items()
    }
    if argv == ["--list"]:
        print("\n".join(behaviours))
    else:
        work(*behaviours[argv[0]])


if __name__ == "__main__":
    main(sys.argv[1:])
