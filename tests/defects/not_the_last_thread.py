"""A thread that cannot be started: a fatal error when the subinterpreter ends."""

import subprocess
import sys

INNER = """
import threading
threading.stack_size(2**47)     # all there is of an address space
try:
    threading.Thread(target=int).start()
except RuntimeError:
    pass
"""

PROGRAM = """
# One that may start threads.
try:
    import _interpreters as interpreters            # 3.13
    one = interpreters.create("legacy")
except ImportError:
    import _xxsubinterpreters as interpreters
    one = interpreters.create(isolated=False)
(getattr(interpreters, "exec", None) or interpreters.run_string)(one, {inner!r})
interpreters.destroy(one)
"""

done = subprocess.run(
    [sys.executable, "-c", PROGRAM.format(inner=INNER)],
    stderr=subprocess.PIPE,
    text=True,
    check=False,
)
if done.returncode and "not the last thread" not in done.stderr:
    print("the program failed:", (done.stderr.splitlines() or ["?"])[-1])
    sys.exit(2)
print("fatal error" if done.returncode else "the subinterpreter has ended")
sys.exit(done.returncode != 0)
