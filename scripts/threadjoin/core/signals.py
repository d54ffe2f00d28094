"""Stop a command that runs others, once: then it cleans up."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

#: The signals by which a closed terminal, a cluster or GNU parallel ends a job.
ENDS = (signal.SIGTERM, signal.SIGHUP)


def once() -> None:
    """Have Ctrl-C and the signals that end a job raise an exception, once.

    Ctrl-C raises KeyboardInterrupt, also where a shell has it ignored for what is
    in the background; the others SystemExit with the status that a shell has for
    them, unless they are ignored. After the first, all are ignored: another exception
    would interrupt the cleanup, which takes a limited time.
    """
    signal.signal(signal.SIGINT, _leave)
    for number in ENDS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _leave)


@contextlib.contextmanager
def held() -> Iterator[Callable[[], None]]:
    """Have the signals that raise an exception wait while the `with` block runs.

    Gives a function that ends the waiting before: it raises what has come.
    """
    came: list[tuple[Callable[..., Any], int]] = []
    before: dict[signal.Signals, Callable[..., Any]] = {}

    def let() -> None:
        while before:
            signal.signal(*before.popitem())
        while came:
            handler, number = came.pop()
            came.clear()
            handler(number, None)

    def noting(handler: Callable[..., Any]) -> Callable[[int, Any], None]:
        return lambda number, _frame: came.append((handler, number))

    # Only the main thread gets signals, and may set their handlers.
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, *ENDS):
            handler = signal.getsignal(number)
            if callable(handler):
                before[number] = handler
                signal.signal(number, noting(handler))
    try:
        yield let
    finally:
        let()


def _leave(number: int, _frame: Any) -> NoReturn:
    for each in (signal.SIGINT, *ENDS):
        signal.signal(each, signal.SIG_IGN)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
