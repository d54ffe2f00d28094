"""Apply the series to a source tree of CPython that you build by yourself.

The series is found from the tree's own version. All of it is applied, or the
tree is left as it was. Into a source package of Debian it goes as patches of the
package, with an entry in its changelog.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core import cli
from ..core.errors import Problem
from ..proof import defects
from ..series import catalog, debianpackage, tree, upstream
from . import options


def _parser() -> cli.Parser:
    parser = cli.Parser(prog="scripts/apply", description=__doc__)
    parser.add_argument(
        "checkout",
        type=Path,
        metavar="CHECKOUT",
        help="a git checkout or an unpacked release of CPython",
    )
    parser.add_argument(
        "--series",
        metavar="NAME",
        help="take this series; by default the one for the checkout's version",
    )
    options.flag(parser, "--check", "only tell whether it can be done")
    options.flag(parser, "--reverse", "take the series out again")
    options.flag(
        parser,
        "--without-tests",
        "leave out what is below Lib/test and Doc, for trees that lack them",
    )
    return parser


def main(argv: list[str]) -> None:
    """Run the command line *argv*."""
    args = _parser().parse_args(argv)
    try:
        _apply(args)
    except catalog.NoSeries as exc:
        for line in upstream.lines(exc.name):
            print(line)
        raise


def _apply(args: argparse.Namespace) -> None:
    version = tree.version_of(args.checkout)
    if args.series:
        series = catalog.load_series(args.series)
    else:
        series = catalog.series_for(version)
    called = f"CPython {version}"
    if debianpackage.is_one(args.checkout):
        if args.without_tests:
            raise Problem(
                f"{args.checkout} is a source package of Debian, which has the tests; "
                "leave out --without-tests"
            )
        changed = debianpackage.apply(
            args.checkout, series, reverse=args.reverse, check=args.check
        )
        called = f"package {debianpackage.version(args.checkout)}"
    else:
        changed = tree.apply(
            args.checkout,
            series,
            reverse=args.reverse,
            check=args.check,
            without_tests=args.without_tests,
        )
    print(f"{args.checkout} ({called}): {_verdict(series, args, changed)}")
    for defect, release in () if args.reverse else defects.left(series, version):
        what = defect.what.replace("`", "")
        print(f"note: not fixed; upstream fixed it in {release}: {what}")


def _verdict(series: catalog.Series, args: argparse.Namespace, changed: bool) -> str:
    what = f"the series {series.label} ({len(series.patches)} patches)"
    if not changed:
        return f"{what} is {'not in it' if args.reverse else 'already applied'}"
    done = "taken out" if args.reverse else "applied"
    return f"{what} can be {done}" if args.check else f"{what} is {done}"
