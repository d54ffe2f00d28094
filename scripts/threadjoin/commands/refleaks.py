"""Look for leaked references, blocks and files, with CPython's own hunter."""

from __future__ import annotations

import os

from ..building import identity
from ..core import cli, files, layout, tables
from ..core.errors import Problem
from ..core.progress import Progress
from ..host import workplace
from ..proof import refleaks
from ..proof.regrtest import runner
from . import options


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="scripts/refleaks",
        description="Run CPython's tests of threads, forks and embedding six times "
        "each, and see whether the last three leave references, blocks of memory or "
        "open files behind. Fails when they do.",
        epilog=f"Logs are under {os.path.relpath(refleaks.HOME, layout.ROOT)}.",
    )
    parser.add_argument(
        "python", metavar="PYTHON", help="path of an interpreter, a debug build"
    )
    options.tests(parser)
    options.processors(parser)
    options.page(parser)
    return parser


def main(argv: list[str]) -> None:
    """Run the command line *argv*; raise Problem for a leak."""
    args = _parser().parse_args(argv)
    whole = runner.load()["refleaks"]["whole"]
    units = args.test or whole
    python = identity.identify(args.python)
    refleaks.check(python, units)
    progress = Progress()
    stage = progress.stage(f"{len(units)} of CPython's tests, six times each")
    with workplace.held(refleaks.HOME), stage:
        run, place = refleaks.hunt(args.python, units, args.jobs)
    table = refleaks.rows(run, place)
    if args.table:
        left_out = [unit for unit in whole if unit not in units]
        files.write(args.table, refleaks.markdown(python.version, table, left_out))
    for line in tables.plain(table):
        progress.note(line)
    found = [said for unit in units for said in refleaks.said(unit, run, place)]
    if found:
        raise Problem("; ".join(found))
