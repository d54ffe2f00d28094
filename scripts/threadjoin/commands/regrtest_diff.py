"""Run CPython's own tests on two interpreters, and say what differs."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ..building import identity
from ..building.identity import KINDS
from ..core import cli, files, layout, tables
from ..core.progress import Progress
from ..host import workplace
from ..proof.regrtest import compared, runner, store
from . import options


def _parser() -> cli.Parser:
    logs = os.path.relpath(runner.HOME, layout.ROOT)
    data = os.path.relpath(runner.DATA, layout.ROOT)
    parser = cli.Parser(
        prog="scripts/regrtest-diff",
        description="Run CPython's own tests on two interpreters and print what "
        "differs, by file and by test. A test that differs is repeated on both, and "
        "the counts decide whether it is flaky. Fails when a test does worse on the "
        "second interpreter.",
        epilog="Tests that were run with the same interpreters are not run again, so "
        f"an interrupted run continues. Logs are under {logs}. {data} lists tests that "
        "are left out, and why.",
    )
    options.pair(parser)
    options.tests(parser)
    options.flag(
        parser,
        "--threading",
        "only the tests about threads, the part that CI runs",
    )
    options.flag(parser, "--again", "run tests again that have been run already")
    options.processors(parser)
    help = "for each file (default: %(default)s)"
    options.number(parser, "--timeout", help, compared.TIMEOUT, "SECONDS")
    options.repeat(parser, compared.REPEAT)
    options.page(
        parser,
        help="write the result to FILE, in Markdown; that of the last whole run when "
        "no interpreters are named",
    )
    return parser


def main(argv: list[str]) -> int:
    """Run the command line *argv*; return the exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    data = runner.load()
    if args.stock or not args.table:
        options.need_pair(parser, args)
    if args.stock:
        with workplace.held(runner.HOME):
            result = _measured(args, data)
    else:
        result = compared.Result.load()
    if args.table:
        files.write(args.table, compared.markdown(result, data))
    print(*tables.plain(compared.rows(result)), sep="\n")
    for line in compared.explain(result, data):
        print(line)
    return 1 if result.worse(data["gone"]) else 0


def _measured(args: argparse.Namespace, data: Any) -> compared.Result:
    pythons = [
        identity.identify(path, role)
        for role, path in zip(KINDS, (args.stock, args.patched))
    ]
    left_out = {}
    if args.test or args.threading:
        units = args.test or data["threading"]
        left_out["all others"] = "not asked for"
        for python in pythons:
            runner.check(python.path, units)
    else:
        left_out.update(data["left out"])
        names = {name: None for p in pythons for name in runner.available(p.path)}
        units = [name for name in names if name not in left_out]
    settings = runner.Settings(args.jobs, args.timeout)
    known = store.Known(runner.HOME / "known", pythons, settings)
    if args.again:
        for unit in units:
            known.forget(unit)
    whole = left_out.keys() <= data["left out"].keys()
    progress = Progress()
    places = compared.run(pythons, units, settings, progress, known)
    result = compared.judge(pythons, places, known.runs(units), progress, args.repeat)
    result.left_out.update(left_out)
    if whole:
        result.save()
    return result
