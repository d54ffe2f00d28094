"""Measure a patched interpreter against the stock one, side by side."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..building import identity, interpreter
from ..building.identity import KINDS
from ..core import cli
from ..core.errors import Problem
from ..proof.bench import measure
from . import options


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="scripts/bench",
        description=measure.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    for kind in KINDS:
        add(
            f"--{kind}",
            metavar="PYTHON",
            help=f"the {kind} interpreter; default: the release build of ./build.sh",
        )
    options.series(parser)
    options.number(parser, "--rounds", "default: 20, with --quick 3")
    options.flag(parser, "--quick", "shorter samples: for a first look")
    for name, known in (("row", measure.ROWS), ("setting", measure.SETTINGS)):
        help = f"measure with this {name} only"
        options.several(parser, f"--{name}", help, choices=known, dest=f"{name}s")
    options.flag(parser, "--markdown", "print the table as Markdown")
    add(
        "--plot",
        type=Path,
        metavar="DIR",
        help="draw the ratios of each setting too, as DIR/performance-SETTING.svg: "
        "with docs/results/SERIES for DIR, those of docs/performance.md",
    )
    return parser


def main(argv: list[str]) -> None:
    """Run the command line *argv*."""
    args = _parser().parse_args(argv)
    rounds = (3 if args.quick else 20) if args.rounds is None else args.rounds
    effort = measure.Effort(rounds, divisor=5) if args.quick else measure.Effort(rounds)
    if args.plot and not (args.plot.is_dir() and os.access(args.plot, os.W_OK)):
        raise Problem(f"cannot write --plot into {args.plot}; name another directory")
    pythons = {kind: getattr(args, kind) or _built(kind, args.series) for kind in KINDS}
    about = {kind: identity.identify(pythons[kind], kind) for kind in KINDS}
    settings = measure.possible(args.settings or list(measure.SETTINGS))
    for line in measure.notes(pythons, about):
        print(line)
    for name in args.settings or measure.SETTINGS:
        if name not in settings:
            title = measure.SETTINGS[name].title
            print(f"note: one processor here; not measured: {title}")
    results = measure.measure(pythons, measure.chosen(args.rows, settings), effort)
    print(*measure.report(results, effort, args.markdown), sep="\n")
    if args.plot:
        for path in measure.plot(results, args.plot):
            print(f"saved {path}")


def _built(kind: str, series: str) -> str:
    """Return the path of the release build; raise Problem, saying how to make it."""
    path = interpreter.built(kind, "release", series)
    if not path.is_file():
        raise Problem(
            f"no {kind} interpreter to measure; run `./build.sh {series} --variant "
            f"release`, or name one with --{kind}"
        )
    return str(path)
