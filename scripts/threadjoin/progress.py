"""Stages with their elapsed time: one line that changes, or plain lines."""

import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager

#: Seconds between two drawings of the line on a terminal.
INTERVAL = 0.5


def duration(seconds):
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

    def __init__(self, stream=None, live=None, clock=time.monotonic):
        self._stream = sys.stdout if stream is None else stream
        if live is None:
            live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._live = live
        self._clock = clock

    def note(self, text):
        """Write the line *text*; between stages, not within one."""
        print(text, file=self._stream, flush=True)

    @contextmanager
    def stage(self, name):
        """Show *name* as running for as long as the `with` block runs."""
        begun = self._clock()
        end = self._redrawn(name, begun) if self._live else self._plain(name)
        ending = "failed after"
        try:
            yield
            ending = "done in"
        finally:
            end(f"{ending} {duration(self._clock() - begun)}")

    def _plain(self, name):
        self.note(f"==> {name}")
        return lambda words: self.note(f"    {words}")

    def _redrawn(self, name, begun):
        done = threading.Event()
        drawer = threading.Thread(
            target=self._draw_until, args=(done, name, begun), daemon=True
        )
        drawer.start()

        def end(words):
            done.set()
            drawer.join()
            self._redraw(f"==> {name}: {words}")
            self.note("")

        return end

    def _draw_until(self, done, name, begun):
        try:
            while True:
                self._redraw(f"==> {name}: {duration(self._clock() - begun)}")
                if done.wait(INTERVAL):
                    return
        except (OSError, ValueError):
            # The terminal is gone; the stage itself goes on.
            return

    def _redraw(self, text):
        columns = shutil.get_terminal_size().columns
        self._stream.write(f"\r\x1b[K{text[: columns - 1]}")
        self._stream.flush()
