"""A celery worker with each of its pools: tasks from threads, then a stop.

Usage: worker.py BEHAVIOUR, or worker.py --list
"""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

#: Seconds that anything may take which is expected to happen.
PATIENCE = 40

#: The tasks. The broker and the results are files: no server is needed.
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

#: What stops a worker, and the status that it then has.
SIGNALS = {"term": (signal.SIGTERM, 0), "ctrl_c": (signal.SIGINT, 1)}


def work(pool, number, expected):
    """Start a worker, let it do tasks, stop it by signal *number*."""
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
