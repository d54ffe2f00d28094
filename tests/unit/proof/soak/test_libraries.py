"""The library that perturbs the schedule of a program."""

import ctypes
import json
import subprocess
import sys

import pytest
from threadjoin.core import process
from threadjoin.host import packages
from threadjoin.proof.soak import libraries

pytestmark = pytest.mark.skipif(
    not packages.compiler() or not sys.platform.startswith("linux"),
    reason="a library to preload, of C, for Linux: no compiler, or another system",
)

#: The calls that it delays, and their results, which it must not change.
PROGRAM = """
import ctypes, json, os, threading

library = ctypes.CDLL(None, use_errno=True)
semaphore = ctypes.create_string_buffer(64)
library.sem_init(semaphore, 0, 0)
empty = []
for _ in range(100):
    ctypes.set_errno(0)
    empty.append((library.sem_trywait(semaphore), ctypes.get_errno()))
library.sem_post(semaphore)
taken = library.sem_trywait(semaphore)

work, lock = [], threading.Lock()
def body():
    with lock:
        work.append(threading.get_ident())

threads = [threading.Thread(target=body) for _ in range(200)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(1000)
statuses = []
for number in range(5):
    pid = os.fork()
    if not pid:
        os._exit(number)
    statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
function = getattr(library, "soak_perturb_pauses", int)
print(json.dumps([empty, taken, len(work), statuses, function()]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return libraries.library(tmp_path_factory.mktemp("perturb"))


def ran(**changes):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=process.environment(**changes),
        capture_output=True,
        check=True,
    )
    assert not done.stderr
    *results, pauses = json.loads(done.stdout)
    return results, pauses


@pytest.fixture(scope="module")
def alone():
    return ran()[0]


@pytest.mark.parametrize("seed", range(8))
def test_calls_behave_as_without_the_library(library, alone, seed):
    results, pauses = ran(**libraries.environment(library, seed))
    assert results == alone
    assert pauses > 0


def test_seeds_differ(library):
    # Of a single thread, whose calls are always the same.
    once = "import ctypes; print(ctypes.CDLL(None).soak_perturb_pauses())"

    def pauses(seed):
        environment = libraries.environment(library, seed)
        return subprocess.run(
            [sys.executable, "-c", f"import threading; threading.Lock(); {once}"],
            env=process.environment(**environment),
            capture_output=True,
            check=True,
        ).stdout

    found = {seed: pauses(seed) for seed in range(12)}
    assert len(set(found.values())) > 3
    assert found == {seed: pauses(seed) for seed in found}


def test_no_pauses_without_a_seed(library, alone):
    assert ran(LD_PRELOAD=str(library)) == (alone, 0)


def test_other_libraries_stay_preloaded(monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", "one.so two.so")
    environment = libraries.environment("perturb.so", 3)
    assert environment["LD_PRELOAD"] == "one.so:two.so:perturb.so"
    monkeypatch.delenv("LD_PRELOAD")
    assert libraries.environment("perturb.so", 3)["LD_PRELOAD"] == "perturb.so"


@pytest.mark.parametrize("seed", [-1, 2**70 + 3, 10**6])
def test_any_number_is_a_seed(seed):
    given = int(libraries.environment("perturb.so", seed)["SOAK_PERTURB"])
    assert given == ctypes.c_uint64(seed).value
