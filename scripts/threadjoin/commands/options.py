"""Give parsers the options that several commands have."""

import argparse
import os
from pathlib import Path

from ..core import cli
from ..core.errors import Problem
from ..proof import compare
from ..proof.regrtest import runner
from ..series import catalog


def flag(parser, name, help, **more):
    """Give *parser* the option *name*, which is on where it is given."""
    parser.add_argument(name, action="store_true", help=help, **more)


def number(parser, name, help, default=None, metavar="N"):
    """Give *parser* the option *name*, a number from 1 up."""
    parser.add_argument(
        name, type=cli.count, default=default, metavar=metavar, help=help
    )


def several(parser, name, help, **more):
    """Give *parser* the option *name*, which may be given more than once."""
    help += "; may be given more than once"
    parser.add_argument(name, action="append", default=[], help=help, **more)


def names(parser, name, help, **more):
    """Give *parser* the arguments *name*, of which there may be none."""
    # Without the default, a Parser that misses another argument names this one too.
    more = {"nargs": "*", "metavar": name.upper(), "default": [], **more}
    parser.add_argument(name, help=help, **more)


def pair(parser):
    """Give *parser* the arguments STOCK and PATCHED, None where they are not given."""
    parser.add_argument(
        "stock", metavar="STOCK", nargs="?", help="path of an interpreter"
    )
    parser.add_argument(
        "patched", metavar="PATCHED", nargs="?", help="path of the other interpreter"
    )


def series(parser):
    """Give *parser* the option --series, whose default is the lead."""
    parser.add_argument(
        "--series",
        choices=catalog.available(),
        default=catalog.DEFAULT_SERIES,
        help="use the builds and pages of this series (default: %(default)s)",
    )


def need_pair(parser, args):
    """Have *parser* fail unless *args* has both of pair()."""
    if not (args.stock and args.patched):
        parser.error("two interpreters are needed, STOCK and PATCHED")


def tests(parser):
    """Give *parser* the argument TEST: units, or none."""
    names(
        parser,
        "test",
        'only these, such as test_thread or "test_threading -m JoinTests"',
    )


def processors(parser, what="files at the same time"):
    """Give *parser* the option --jobs: as many as there are processors, by default."""
    there = runner.jobs()
    number(parser, "--jobs", f"{what} (default: one a processor, {there} here)", there)


def jobs(parser, default=1, help="run N at the same time (default: %(default)s)"):
    """Give *parser* the option --jobs, *default* by default."""
    number(parser, "--jobs", help, default)


def repeat(parser, times):
    """Give *parser* the option --repeat, *times* by default."""
    number(
        parser,
        "--repeat",
        "repeat differences N times at most (default: %(default)s)",
        times,
    )


def check_repeat(parser, args):
    """Have *parser* fail when *args* has fewer repetitions than decide anything."""
    if args.repeat < compare.FEWEST:
        parser.error(f"--repeat takes {compare.FEWEST} or more: fewer decide nothing")


def page(parser, name="--table", help="write the result to FILE, in Markdown"):
    """Give *parser* the option *name*, with a page to write as its value."""
    parser.add_argument(name, type=target, metavar="FILE", help=help)


def target(text):
    """Return *text* as the Path of a page to write, for a Parser's type=.

    Raises argparse.ArgumentTypeError, which is for the Parser, where none can be.
    """
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written")
    return path


def chosen(known, names, otherwise):
    """Return the values of the dict *known* called *names*; all where there are none.

    Raises Problem, with *otherwise* for advice, when a name is not known.
    """
    for name in names:
        if name not in known:
            raise Problem(f"there is no {name}; {otherwise}")
    return [known[name] for name in names or known]
