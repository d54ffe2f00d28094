"""The one way in which a command of this project fails."""

import argparse
import errno
import re
import sys


class Problem(Exception):
    """Something the person at the keyboard can act on.

    The message is one line: what was wrong, then what to do about it.
    """


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that fails as the rest does: in one line."""

    def error(self, message):
        """Say *message* on stderr and exit with status 2."""
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def count(text):
    """Return *text* as a number of times or things, for a Parser's type=.

    Raises argparse.ArgumentTypeError, which is for the Parser, when it is not a
    whole number from 1 up.
    """
    if not re.fullmatch("[1-9][0-9]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return int(text)


def run(main, argv=None):
    """Run a command's *main* and return its exit status.

    Parameters:
        main: callable taking the list of arguments, returning a status or
            None (which counts as 0).
        argv: the arguments without the program's name; None for sys.argv[1:].

    Returns 1 after a Problem or a full disk and 130 after Ctrl-C, having said
    so on stderr in one line; otherwise what *main* returned.
    """
    try:
        return main(sys.argv[1:] if argv is None else argv) or 0
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
        if exc.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = f" at {exc.filename}" if exc.filename else ""
        print(
            f"error: the disk is full{where}; make room, then run again",
            file=sys.stderr,
        )
        return 1
