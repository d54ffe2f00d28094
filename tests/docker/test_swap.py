"""A web application with threads works on the image as on the stock one."""

import concurrent.futures
import contextlib
import http.client
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dockerimages import Image, Images
from threadjoin.series import catalog

SWAP = Path(__file__).resolve().parent / "swap"
GUNICORN = "gunicorn==27.0.1"

CLIENTS = 8
REQUESTS = 150  # of each client; every tenth forks

#: The file system of the container is read-only.
CONFINED = ("--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp")

#: The port, which no other program uses.
LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
ANYWHERE = ("--network=host", "--env=GUNICORN_CMD_ARGS=--bind=127.0.0.1:0")


@pytest.fixture(scope="session")
def context(engine, tmp_path_factory):
    """Return the directory that the application's image is built from."""
    place = tmp_path_factory.mktemp("swap")
    shutil.copytree(SWAP, place, dirs_exist_ok=True)
    # Fetched here, with the user's configuration of pip: a build needs no index.
    wheels = engine.home / "wheels"
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
        + ["--python-version", catalog.load_series().base.version]
        + ["--dest", wheels, GUNICORN],
        check=True,
    )
    shutil.copytree(wheels, place / "wheels")
    return place


@pytest.fixture(params=["default", "patched", "stock"])
def application(request, context, engine, images):
    """Return the image of the application, on top of an image of the project."""
    base = request.getfixturevalue(request.param)
    tag = f"swap:{request.param}"
    line = Images.line(tag, {"BASE": base.name})
    images.build(f"swap, {request.param}", line, place=context)
    return images.title(base), Image(engine, tag)


@contextlib.contextmanager
def serving(image):
    """Run *image*; yield its id, and the port of this machine that it serves."""
    ask = image.engine.ask
    container = ask("run", "--detach", *CONFINED, *ANYWHERE, image.name)
    try:
        yield container, wait_until_up(image, container)
    finally:
        ask("rm", "--force", container)


def said(image, container):
    """Return the output of the *container* of *image* so far."""
    return subprocess.run(
        image.engine.command("logs", container),
        env=image.engine.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout


def wait_until_up(image, container, seconds=60):
    """Return the port of the *container* when the application listens."""
    deadline = time.monotonic() + seconds
    while True:
        words = said(image, container)
        listening = LISTENING.search(words)
        if listening:
            return int(listening.group(1))
        assert time.monotonic() < deadline, words
        time.sleep(0.1)


def fetch(port, path):
    """Return the status and the text of the answer to *path*."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def client(port, number):
    """Ask REQUESTS times; return the seconds that each took."""
    took = []
    for n in range(REQUESTS):
        kind = "fork" if n % 10 == number % 10 else "sum"
        begun = time.perf_counter()
        assert fetch(port, f"/{kind}/{n}") == (200, str(n * (n + 1) // 2))
        took.append(time.perf_counter() - begun)
    return took


def test_all_requests_are_answered(application, results):
    name, image = application
    with serving(image) as (container, port):
        begun = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            times = [
                seconds
                for each in [clients.submit(client, port, n) for n in range(CLIENTS)]
                for seconds in each.result()
            ]
        took = time.perf_counter() - begun
        image.engine.ask("stop", "--time=30", container)
        state = "{{.State.ExitCode}} {{.State.OOMKilled}}"
        ended = image.engine.ask("inspect", "--format", state, container)
        words = said(image, container)
    assert len(times) == CLIENTS * REQUESTS
    assert ended == "0 false", words
    # On the stock image a join fails now and then: the race.
    failures = words.count("Traceback")
    assert not failures or "stock" in name, words
    assert "SIGKILL" not in words
    for figure, value in {
        "requests": len(times),
        "requests a second": round(len(times) / took),
        "ms for a request, median": round(1000 * statistics.median(times), 1),
        "threads that failed": failures,
    }.items():
        results.add(f"web application: {figure}", name, value)
