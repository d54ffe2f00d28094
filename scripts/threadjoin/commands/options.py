"""Add to parsers the options that several commands have."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ..core import cli
from ..core.errors import Problem
from ..proof import compare
from ..proof.regrtest import runner
from ..series import catalog

T = TypeVar("T")


def flag(parser: argparse._ActionsContainer, name: str, help: str, **more: Any) -> None:
    """Give *parser* the option *name*, which is on where it is given."""
    parser.add_argument(name, action="store_true", help=help, **more)


def number(
    parser: argparse._ActionsContainer,
    name: str,
    help: str,
    default: int | None = None,
    metavar: str = "N",
) -> None:
    """Give *parser* the option *name*, a number from 1 up."""
    parser.add_argument(
        name, type=cli.count, default=default, metavar=metavar, help=help
    )


def several(
    parser: argparse._ActionsContainer, name: str, help: str, **more: Any
) -> None:
    """Give *parser* the option *name*, which may be given more than once."""
    help += "; may be given more than once"
    parser.add_argument(name, action="append", default=[], help=help, **more)


def names(
    parser: argparse.ArgumentParser,
    name: str,
    help: str,
    known: Collection[str] | None = None,
) -> None:
    """Give *parser* the arguments *name*, of which there may be none.

    Parameters:
        known: the valid ones; None to check them later.
    """

    def one(text: str) -> str:
        # With choices=, argparse refuses to be given none of them.
        if known is not None and text not in known:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not one of {', '.join(known)}"
            )
        return text

    # Without the default, a Parser that misses another argument names this one too.
    parser.add_argument(
        name, help=help, type=one, nargs="*", metavar=name.upper(), default=[]
    )


def pair(parser: argparse.ArgumentParser) -> None:
    """Give *parser* the arguments STOCK and PATCHED, None where they are not given."""
    parser.add_argument(
        "stock", metavar="STOCK", nargs="?", help="path of an interpreter"
    )
    parser.add_argument(
        "patched", metavar="PATCHED", nargs="?", help="path of the other interpreter"
    )


def series(parser: argparse.ArgumentParser) -> None:
    """Give *parser* the option --series, whose default is the lead."""
    parser.add_argument(
        "--series",
        choices=catalog.available(),
        default=catalog.DEFAULT_SERIES,
        help="use the builds and pages of this series (default: %(default)s)",
    )


def need_pair(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Have *parser* fail unless *args* has both of pair()."""
    if not (args.stock and args.patched):
        parser.error("two interpreters are needed, STOCK and PATCHED")


def tests(parser: argparse.ArgumentParser) -> None:
    """Give *parser* the argument TEST: units, or none."""
    names(
        parser,
        "test",
        'only these, such as test_thread or "test_threading -m JoinTests"',
    )


def processors(
    parser: argparse.ArgumentParser, what: str = "files at the same time"
) -> None:
    """Give *parser* the option --jobs: as many as there are processors, by default."""
    there = runner.jobs()
    number(parser, "--jobs", f"{what} (default: one a processor, {there} here)", there)


def jobs(
    parser: argparse.ArgumentParser,
    default: int = 1,
    help: str = "run N at the same time (default: %(default)s)",
) -> None:
    """Give *parser* the option --jobs, *default* by default."""
    number(parser, "--jobs", help, default)


def repeat(parser: argparse.ArgumentParser, times: int) -> None:
    """Give *parser* the option --repeat, *times* by default."""
    help = "repeat differences N times at most (default: %(default)s)"
    parser.add_argument(
        "--repeat", type=_repeats, default=times, metavar="N", help=help
    )


def _repeats(text: str) -> int:
    """Return *text* as a number of repetitions that is large enough for a verdict."""
    times = cli.count(text)
    if times < compare.FEWEST:
        raise argparse.ArgumentTypeError(f"fewer than {compare.FEWEST} decide nothing")
    return times


def page(
    parser: argparse.ArgumentParser,
    name: str = "--table",
    help: str = "write the result to FILE, in Markdown",
) -> None:
    """Give *parser* the option *name*, with a page to write as its value."""
    parser.add_argument(name, type=target, metavar="FILE", help=help)


def target(text: str) -> Path:
    """Return *text* as the Path of a page to write, for a Parser's type=.

    Raises argparse.ArgumentTypeError, which is for the Parser, where none can be.
    """
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written")
    return path


def chosen(known: Mapping[str, T], names: Sequence[str], otherwise: str) -> list[T]:
    """Return the values of the dict *known* called *names*; all where there are none.

    Raises Problem, with *otherwise* for advice, when a name is not known.
    """
    for name in names:
        if name not in known:
            raise Problem(f"there is no {name}; {otherwise}")
    return [known[name] for name in names or known]
