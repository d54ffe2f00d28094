"""Show stages with their elapsed time: one line that changes, or plain lines."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

#: Seconds between two drawings of the line on a terminal.
INTERVAL = 0.5

#: Seconds between two lines about how a stage gets on, where no line is redrawn.
PLAIN_INTERVAL = 30


def duration(seconds: float) -> str:
    """Return *seconds* for people: "7 s" or "2 min 05 s"."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


class Progress:
    """Tells on a stream which stage runs, and for how long.

    On a terminal the stage's line is redrawn in place; anywhere else each
    stage is a plain line when it starts and another when it ends.

    Parameters:
        stream: where to write; None for stdout.
        live: whether to redraw; None to see whether *stream* is a terminal.
        clock: a function that returns seconds.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = sys.stdout if stream is None else stream
        if live is None:
            live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._live = live
        self._clock = clock

    def note(self, text: str) -> None:
        """Write the line *text*; between stages, not within one."""
        print(text, file=self._stream, flush=True)

    @contextmanager
    def stage(self, name: str, tell: Callable[[], str] | None = None) -> Iterator[None]:
        """Show *name* as running for as long as the `with` block runs.

        Parameters:
            tell: a function that returns words about how it gets on; None for
                nothing to tell but the time.
        """
        begun = self._clock()

        def show(words: str) -> None:
            if self._live:
                self._redraw(f"==> {name}: {words}")
            else:
                self.note(f"    {words}")

        def tick() -> None:
            show(tell() if tell else duration(self._clock() - begun))

        stop = None
        if self._live:
            stop = _every(INTERVAL, tick, at_once=True)
        else:
            self.note(f"==> {name}")
            if tell:
                stop = _every(PLAIN_INTERVAL, tick)
        ending = "failed after"
        try:
            yield
            ending = "done in"
        finally:
            if stop:
                stop()
            show(f"{ending} {duration(self._clock() - begun)}")
            if self._live:
                self.note("")

    def _redraw(self, text: str) -> None:
        columns = shutil.get_terminal_size().columns
        self._stream.write(f"\r\x1b[K{text[: columns - 1]}")
        self._stream.flush()


def _every(
    seconds: float, function: Callable[[], None], at_once: bool = False
) -> Callable[[], None]:
    """Call *function* every so many *seconds*, in a thread of its own.

    Parameters:
        at_once: whether it is called at the beginning as well.

    Returns a function that ends it.
    """
    done = threading.Event()

    def work() -> None:
        try:
            if at_once:
                function()
            while not done.wait(seconds):
                function()
        except (OSError, ValueError):
            # The terminal is gone; the stage itself goes on.
            return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def end() -> None:
        done.set()
        thread.join()

    return end
