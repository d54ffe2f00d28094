"""Comparing images with and without the series, and of both builders."""

import hashlib
import statistics
import time

import pytest
from dockerimages import MARKER
from threadjoin.building import selftest

#: Bytes that the series may add to an image.
GROWTH = 0.03

#: How often each interpreter and each container is started.
STARTS = 20
CONTAINERS = 7

#: Prints how many seconds the interpreter takes to start and end, on average.
START = """\
import subprocess, sys, time
begun = time.perf_counter()
for _ in range({}):
    subprocess.run([sys.executable, "-c", "pass"], check=True)
print((time.perf_counter() - begun) / {})
"""


@pytest.mark.parametrize("kind, verdict", [("stock", "race"), ("patched", "no race")])
def test_the_series_is_the_difference(request, kind, verdict):
    image = request.getfixturevalue(kind)
    done = image.start("-", input=selftest.REPRODUCER.read_text())
    assert selftest.VERDICTS.get(done.returncode) == verdict, done.stdout + done.stderr
    assert "1 test OK." in image.run("-m", "test", "test_threading")


def test_the_series_adds_next_to_nothing_to_the_size(patched, stock, results):
    for kind, image in (("stock", stock), ("patched", patched)):
        results.add("MB", f"release, {kind}", round(image.size() / 1e6, 2))
    assert patched.size() <= stock.size() * (1 + GROWTH)


def test_how_long_it_takes_to_start_is_measured(patched, stock, results):
    both = {"stock": stock, "patched": patched}
    script = START.format(STARTS, STARTS)
    interpreter = {kind: [] for kind in both}
    container = {kind: [] for kind in both}
    for _ in range(CONTAINERS):
        for kind, image in both.items():
            interpreter[kind].append(float(image.run("-c", script)))
            begun = time.perf_counter()
            image.run("-c", "pass")
            container[kind].append(time.perf_counter() - begun)
    for name, measured in (("python3", interpreter), ("docker run", container)):
        for kind, seconds in measured.items():
            median = round(1000 * statistics.median(seconds), 1)
            results.add(f"ms to start, {name}", f"release, {kind}", median)


def contents(archive):
    """Return the contents of a tarfile, a dict of names to all that matters."""
    return {
        member.name: (
            member.type,
            member.mode,
            member.uid,
            member.gid,
            member.mtime,
            member.linkname,
            hashlib.sha256(archive.extractfile(member).read()).hexdigest()
            if member.isreg()
            else "",
        )
        for member in archive
    }


@pytest.mark.long
def test_two_builds_give_the_same(patched, images):
    again = images.release("patched", buildkit=True)
    one, other = (i.files("/usr/local", contents) for i in (patched, again))
    assert len(one) > 2000
    assert {n for n in one | other if one.get(n) != other.get(n)} == set()


@pytest.mark.parametrize(
    "buildkit",
    [False, pytest.param(True, marks=pytest.mark.long)],
    ids=["classic", "BuildKit"],
)
def test_what_only_the_build_is_told_is_not_in_the_image(images, authority, buildkit):
    image = images.release("patched", buildkit)
    secret = authority.certificate.splitlines()[1]
    history = image.engine.ask("history", "--no-trunc", image.name)
    told = history + image.inspect("{{json .}}")
    assert secret not in told and MARKER not in told
    # grep's status 1: not found.
    script = 'grep -rqF -e "$1" -e "$2" /etc /opt /root /tmp /usr /var'
    done = image.start("sh", "-c", script, "sh", secret, MARKER)
    assert done.returncode == 1, done.stderr


@pytest.mark.long
def test_a_debug_image_has_the_assertions(images):
    image = images.debug()
    script = "import sys; sys.gettotalrefcount(); import _thread; _thread._ThreadHandle"
    image.run("-c", script)
    assert "1 test OK." in image.run("-m", "test", "test_threading")
