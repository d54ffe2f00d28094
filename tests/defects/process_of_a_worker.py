"""A process started by a worker of an executor: a traceback and status 1."""

import multiprocessing
import os
import sys
import tempfile
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor


def run():
    # Until 3.9.8, a lock that submit() holds stays locked in the child of a fork:
    # another defect, gh-89184.
    submitted.wait()
    process = context.Process(target=int)
    process.start()
    process.join()
    return process.exitcode


# 3.12 and later warn of a fork in a process with several threads.
warnings.simplefilter("ignore", DeprecationWarning)
context = multiprocessing.get_context("fork")
submitted = threading.Event()
with tempfile.TemporaryFile() as err:
    os.dup2(err.fileno(), 2)
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(run)
        submitted.set()
        status = future.result()
    err.seek(0)
    complaint = err.read().decode().strip().split("\n")[-1]
print("the exit status is", status, complaint)
sys.exit(status != 0 or complaint != "")
