"""Apply the series to a source tree of CPython that you build by yourself.

The series is found from the tree's own version. All of it is applied, or the
tree is left as it was.
"""

from pathlib import Path

from ..core import cli
from ..core.errors import Problem
from ..proof import defects
from ..series import catalog, tree, upstream


def _parser():
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
    parser.add_argument(
        "--check", action="store_true", help="only tell whether it can be done"
    )
    parser.add_argument(
        "--reverse", action="store_true", help="take the series out again"
    )
    return parser


def main(argv):
    """Run the command line *argv* (a list of str)."""
    args = _parser().parse_args(argv)
    version = tree.version_of(args.checkout)
    if args.series:
        series = catalog.load_series(args.series)
    else:
        series = _fitting(version)
    changed = tree.apply(args.checkout, series, reverse=args.reverse, check=args.check)
    print(f"{args.checkout} (CPython {version}): {_verdict(series, args, changed)}")


def _fitting(version):
    """Return the series for *version*; where there is none, say what upstream did."""
    try:
        return catalog.series_for(version)
    except Problem:
        found = upstream.load(version)
        if found:
            print("\n".join(upstream.lines(found, defects.load())))
        raise


def _verdict(series, args, changed):
    what = f"the series {series.name} ({len(series.patches)} patches)"
    if not changed:
        return f"{what} is {'not in it' if args.reverse else 'already applied'}"
    done = "taken out" if args.reverse else "applied"
    return f"{what} can be {done}" if args.check else f"{what} is {done}"
