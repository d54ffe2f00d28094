"""Check that programs compiled for the stock interpreter run on a patched one."""

from __future__ import annotations

import os

from ..building import identity, interpreter
from ..core import cli, layout, process
from ..core.errors import Problem
from ..core.progress import Progress
from ..host import packages
from ..proof import abi


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="scripts/abi",
        description="Compare the binary interface of a patched Python with the "
        "stock one's: nothing may be missing, no field of a public structure may "
        "have moved, and the stable ABI has to be complete.",
        epilog="Both have to be compiled with -g, as they are by default. Needs "
        "libabigail, which is installed where that is possible.",
    )
    for kind in identity.KINDS:
        parser.add_argument(
            kind,
            metavar=kind.upper(),
            nargs="?",
            default=interpreter.built(kind),
            help=f"the {kind} interpreter (default: the one of the debug build)",
        )
    return parser


def main(argv: list[str]) -> None:
    """Run the command line *argv*; raise Problem if they differ."""
    args = _parser().parse_args(argv)
    for python in (args.stock, args.patched):
        if not os.access(python, os.X_OK):
            raise Problem(f"there is no {python}; run ./build.sh, or name another one")
    process.require_python(args.stock, args.patched)
    packages.provide_tool("abidiff", Progress(), layout.BUILD / "packages.log")
    abi.report(args.stock, args.patched)
