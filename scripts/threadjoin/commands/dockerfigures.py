"""Show what the tests of the images have measured."""

from __future__ import annotations

from ..core import cli, files, layout
from ..images import figures
from . import options


def main(argv: list[str]) -> None:
    """Run the command line *argv*."""
    parser = cli.Parser(prog="scripts/dockerfigures", description=figures.__doc__)
    options.flag(
        parser,
        "--write",
        f"write the table to {figures.PAGE.relative_to(layout.ROOT)}",
    )
    args = parser.parse_args(argv)
    results = figures.Results(figures.RESULTS)
    table = results.table()
    print(table, end="")
    if args.write:
        figures.PAGE.parent.mkdir(exist_ok=True)
        files.write(figures.PAGE, results.page())
