"""Run docker on an engine of the project's own."""

import argparse
import subprocess
import sys

from ..core import cli
from ..core.progress import Progress
from ..images import own_engine


def main(argv):
    """Run the command line *argv* (a list of str); return docker's status."""
    parser = cli.Parser(
        prog="scripts/docker",
        description=own_engine.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [-h] ARGUMENT...",
    )
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if not args.arguments:
        parser.error("what is docker to do?")
    # What docker prints is what is asked for.
    with own_engine.running(Progress(sys.stderr)) as engine:
        return subprocess.run(
            engine.command(*args.arguments), env=engine.environment(), check=False
        ).returncode
