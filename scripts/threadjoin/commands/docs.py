"""Check the documentation: its links, and the commands that it names."""

from ..core import cli
from ..core.errors import Problem
from ..proof import docs


def main(argv):
    """Run the command line *argv* (a list of str)."""
    parser = cli.Parser(prog="scripts/docs", description=docs.__doc__)
    parser.parse_args(argv)
    for line in docs.outdated():
        print(f"warning: {line}")
    problems = list(docs.check())
    for problem in problems:
        print(problem)
    if problems:
        raise Problem(f"{len(problems)} found in the documentation; mend them")
