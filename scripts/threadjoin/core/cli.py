"""Parse the command line, and fail in the one way of this project's commands."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from typing import NoReturn

from . import disk
from .errors import Problem


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, as all others here."""

    def error(self, message: str) -> NoReturn:
        """Say *message* on stderr and exit with status 2."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def count(text: str) -> int:
    """Return *text* as a number of times or things, for a Parser's type=.

    Raises argparse.ArgumentTypeError, which is for the Parser, when it is not a
    whole number from 1 up.
    """
    if not re.fullmatch("[1-9][0-9]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return int(text)


def run(main: Callable[[list[str]], int | None], argv: list[str] | None = None) -> int:
    """Run a command's *main* and return its exit status.

    Parameters:
        main: callable taking the list of arguments, returning a status or
            None (which counts as 0).
        argv: the arguments without the program's name; None for sys.argv[1:].

    Returns 1 after a Problem, or where a file system is full or cannot be
    written, and 130 after Ctrl-C, having said so on stderr in one line;
    otherwise what *main* returned.
    """
    try:
        status = main(sys.argv[1:] if argv is None else argv) or 0
        # Here, and not at exit: this may fail, too.
        sys.stdout.flush()
        return status
    except Problem as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away (`scripts/series list | head`): nothing to say,
        # and nothing more may be written, not even by the exit's flush.
        sys.stderr.close()
        return 141
    except OSError as exc:
        words = disk.explain(exc)
        if words is None:
            raise
        print(f"error: {words}", file=sys.stderr)
        _drop_output()
        return 1


def _drop_output() -> None:
    """Drop what stdout still holds if it cannot be written: exit would fail."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
