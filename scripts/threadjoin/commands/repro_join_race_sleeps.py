"""Show the race in Thread.join() by sleeps, the pull request's own way."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from ..core import cli, disk, process
from ..core.errors import Problem
from ..proof import sleeps
from . import options


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="scripts/repro_join_race_sleeps",
        description=sleeps.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("python", metavar="PYTHON", help="a stock interpreter")
    options.number(parser, "--rounds", "default: %(default)s", 10)
    return parser


def main(argv: list[str]) -> int:
    """Run the command line *argv*; return the exit status."""
    args = _parser().parse_args(argv)
    try:
        process.require_python(args.python)
        with tempfile.TemporaryDirectory(prefix="threadjoin-") as directory:
            sleeps.insert(args.python, Path(directory), sleeps.PATCH)
            return sleeps.run(args.python, Path(directory) / "Lib", args.rounds)
    except (Problem, OSError) as exc:
        words = exc if isinstance(exc, Problem) else disk.explain(exc)
        if words is None:
            raise
        # Not 1, as elsewhere: that says that joins failed.
        print(f"error: {words}", file=sys.stderr)
        return 2
