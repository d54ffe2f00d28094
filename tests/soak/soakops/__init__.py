"""The operations of scripts/soak, run by the interpreter under test.

An operation uses threads and processes, checks the result, and prints `done NUMBER` on
stdout. A program is a few calls of operations.
"""

from .ccode import (
    detached,
    foreign,
    fork_handlers,
    fork_subinterpreters,
    limited,
)
from .ends import atexit, callback, chain, destructor, end, leave, local_starts
from .interrupts import interrupted, signals, terminated
from .processes import execute, fork, fork_loop, process
from .relays import relay
from .run import begin
from .threads import (
    batch,
    crowd,
    futures,
    handles,
    local,
    os_destructors,
    parallel,
    refused,
    subinterpreters,
    timeouts,
)

__all__ = [
    "atexit",
    "batch",
    "begin",
    "callback",
    "chain",
    "crowd",
    "destructor",
    "detached",
    "end",
    "execute",
    "foreign",
    "fork",
    "fork_handlers",
    "fork_loop",
    "fork_subinterpreters",
    "futures",
    "handles",
    "interrupted",
    "leave",
    "limited",
    "local",
    "local_starts",
    "os_destructors",
    "parallel",
    "process",
    "refused",
    "relay",
    "signals",
    "subinterpreters",
    "terminated",
    "timeouts",
]
