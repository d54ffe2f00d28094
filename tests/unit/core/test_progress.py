"""Stages with their elapsed time."""

import io
import threading

import pytest
from threadjoin.core import progress
from threadjoin.core.progress import Progress, duration


class Terminal(io.StringIO):
    def isatty(self):
        return True


def ticking(*times):
    """Return a clock that shows *times*, and then the last of them for ever."""
    left = list(times)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 s"),
        (0.6, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
    ],
)
def test_durations_are_readable(seconds, text):
    assert duration(seconds) == text


def test_without_a_terminal_stages_are_plain_lines():
    stream = io.StringIO()
    progress = Progress(stream, clock=ticking(100, 112))
    with progress.stage("compile"):
        assert stream.getvalue() == "==> compile\n"
    progress.note("built")
    assert stream.getvalue() == "==> compile\n    done in 12 s\nbuilt\n"


def test_a_stage_that_fails_says_so_and_keeps_the_exception():
    stream = io.StringIO()
    progress = Progress(stream, clock=ticking(0, 3))
    with pytest.raises(ZeroDivisionError), progress.stage("compile"):
        1 / 0  # noqa: B018
    assert stream.getvalue() == "==> compile\n    failed after 3 s\n"


def test_on_a_terminal_one_line_is_redrawn(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    with Progress(stream, clock=ticking(0, 5)).stage("compile"):
        pass
    lines = stream.getvalue().split("\n")
    assert lines[1:] == [""]
    drawings = lines[0].split("\r\x1b[K")
    assert drawings[0] == ""
    assert drawings[1].startswith("==> compile: ")
    assert drawings[-1].startswith("==> compile: done in ")
    assert len(drawings) >= 3


def test_the_line_is_cut_to_the_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    with Progress(stream, clock=ticking(0)).stage("a name that is far too long"):
        pass
    drawings = stream.getvalue().strip("\n").split("\r\x1b[K")[1:]
    assert {len(drawing) for drawing in drawings} == {19}


def test_a_dumb_terminal_gets_plain_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with Progress(stream, clock=ticking(0)).stage("compile"):
        pass
    assert "\r" not in stream.getvalue()


def test_a_terminal_that_goes_away_does_not_stop_the_work(monkeypatch):
    class Gone(Terminal):
        def write(self, text):
            raise OSError(5, "Input/output error")

    progress = Progress(Gone(), live=True, clock=ticking(0))
    work = []
    with pytest.raises(OSError, match="Input/output error"), progress.stage("compile"):
        work.append("done")
    assert work == ["done"]


@pytest.mark.parametrize("live", [False, True])
def test_the_progress_of_a_stage(monkeypatch, live):
    told = threading.Event()

    def tell():
        told.set()
        return "3 of 7"

    monkeypatch.setattr(progress, "PLAIN_INTERVAL", 0.001)
    stream = io.StringIO()
    with Progress(stream, live=live).stage("soak", tell):
        assert told.wait(60)
    assert ("==> soak: 3 of 7" if live else "    3 of 7\n") in stream.getvalue()
