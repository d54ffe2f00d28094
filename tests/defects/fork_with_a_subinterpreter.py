"""A process forks while it has a subinterpreter: the child hangs.

Before it returns from os.fork(), the child deletes all interpreters except the main
one, and holds a lock that the deletion takes.
"""

import os
import select
import sys

try:
    import _interpreters as interpreters  # 3.13
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        print("this Python has no module for subinterpreters")
        sys.exit(2)

#: Seconds after which a child is taken to hang.
PATIENCE = 5

one = interpreters.create()
reader, writer = os.pipe()
pid = os.fork()
if pid == 0:
    os.write(writer, b"!")
    os._exit(0)
os.close(writer)
lives = select.select([reader], [], [], PATIENCE)[0] and os.read(reader, 1)
if not lives:
    os.kill(pid, 9)
status = os.waitpid(pid, 0)[1]
ended = "lives" if lives else "hangs" if os.WTERMSIG(status) == 9 else "crashes"
print("the child", ended)
sys.exit(not lives)
