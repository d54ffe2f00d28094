"""Signals that stop a command."""

import signal
import subprocess
import sys

import pytest
from threadjoin.core import layout

BEGIN = f"""
import signal, sys
sys.path.insert(0, {str(layout.ROOT / "scripts")!r})
from threadjoin.core import signals
signals.once()
"""

#: Sends itself a signal, then others while it cleans up.
PROGRAM = """
try:
    signal.raise_signal({first})
finally:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.raise_signal(number)
    print("clean")
"""


def ran(code, number, action):
    """Run *code*, started with *action* for the signal *number*."""
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(number, action),
    )


@pytest.mark.parametrize(
    ("number", "status", "words"),
    [
        (signal.SIGTERM, 143, ""),
        (signal.SIGHUP, 129, ""),
        (signal.SIGINT, -signal.SIGINT, "KeyboardInterrupt"),
    ],
)
def test_the_first_raises_and_no_other(number, status, words):
    done = ran(PROGRAM.format(first=int(number)), number, signal.SIG_DFL)
    assert done.stdout == "clean\n"
    assert done.stderr.endswith(f"{words}\n" if words else "")
    assert done.returncode == status


def test_an_ignored_signal_stays_ignored():
    # nohup ignores it.
    code = "signal.raise_signal(signal.SIGHUP); print('goes on')"
    assert ran(code, signal.SIGHUP, signal.SIG_IGN).stdout == "goes on\n"


def test_ctrl_c_is_not_ignored():
    # A shell ignores it for a background job.
    code = "signal.raise_signal(signal.SIGINT)"
    assert "KeyboardInterrupt" in ran(code, signal.SIGINT, signal.SIG_IGN).stderr
