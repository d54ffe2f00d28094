"""Measure a patched interpreter against the stock one, side by side."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from ..building import identity, interpreter
from ..building.identity import KINDS
from ..core import cli, layout
from ..core.errors import Problem
from ..host import devenv
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
    options.flag(
        parser,
        "--self-check",
        "measure the stock interpreter against itself: all ratios are about 1",
    )
    add(
        "--json",
        type=Path,
        metavar="FILE",
        help="save the samples too, as FILE-stock.json and FILE-patched.json, for "
        "`pyperf compare_to` (needs pyperf)",
    )
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
    parser = _parser()
    args = parser.parse_args(argv)
    rounds = (3 if args.quick else 20) if args.rounds is None else args.rounds
    if args.self_check and args.patched:
        parser.error("--self-check has no use for --patched")
    effort = measure.Effort(rounds, divisor=5) if args.quick else measure.Effort(rounds)
    pyperf = _pyperf(argv) if args.json else None
    if args.json and not os.access(args.json.parent, os.W_OK):
        raise Problem(f"cannot write --json into {args.json.parent}; name another")
    if args.plot and not (args.plot.is_dir() and os.access(args.plot, os.W_OK)):
        raise Problem(f"cannot write --plot into {args.plot}; name another directory")
    pythons = find_interpreters(args)
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
    if pyperf:
        for path in measure.save(pyperf, results, args.json, pythons, about):
            print(f"saved {path}")


def find_interpreters(
    args: argparse.Namespace, build: Path = layout.BUILD
) -> dict[str, str]:
    """Return {"stock": path, "patched": path} for the command line *args*.

    Raises Problem, saying how to make it, when one is missing.
    """
    stock = args.stock or _built("stock", args.series, build)
    if args.self_check:
        return {"stock": stock, "patched": stock}
    patched = args.patched or _built("patched", args.series, build)
    return {"stock": stock, "patched": patched}


def _built(kind: str, series: str, build: Path) -> str:
    path = interpreter.built(kind, "release", series, build)
    if not path.is_file():
        raise Problem(
            f"no {kind} interpreter to measure; run `./build.sh {series} --variant "
            f"release`, or name one with --{kind}"
        )
    return str(path)


def _pyperf(argv: list[str]) -> Any:
    """Return the module pyperf, the project's own environment's if need be."""
    try:
        import pyperf
    except ImportError:
        python = devenv.VENV / "bin" / "python"
        if any(devenv.VENV.glob("lib/python*/site-packages/pyperf")):
            script = str(layout.ROOT / "scripts" / "bench")
            sys.stdout.flush()
            os.execv(python, [str(python), script, *argv])
        raise Problem(
            "--json needs pyperf; run `scripts/test --setup`, which puts it into "
            "build/venv"
        ) from None
    return pyperf
