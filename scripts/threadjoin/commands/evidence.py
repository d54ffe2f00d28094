"""Tell which pages of results are old, and make them anew."""

from __future__ import annotations

from ..core import cli, layout, signals, tables
from ..core.errors import Problem
from ..core.progress import Progress
from ..proof import evidence
from . import options


def _parser() -> cli.Parser:
    parser = cli.Parser(prog="scripts/evidence", description=evidence.__doc__)
    options.names(
        parser,
        "page",
        "only these, such as docs/performance.md (default: all)",
    )
    options.flag(
        parser,
        "--make",
        "make the old pages anew, the quickest first",
    )
    options.flag(
        parser,
        "--check",
        "fail where a page is old and stale.json lacks it",
    )
    parser.add_argument(
        "--mark",
        metavar="WHY",
        help="list the old pages in stale.json, with the reason, and mark them; pages "
        "that are current again are taken off the list",
    )
    options.several(
        parser,
        "--python",
        "a further interpreter for the pages that compare versions",
        metavar="PYTHON",
    )
    return parser


def main(argv: list[str]) -> None:
    """Run the command line *argv*."""
    args = _parser().parse_args(argv)
    known = {str(p.path.relative_to(layout.ROOT)): p for p in evidence.load()}
    pages = options.chosen(known, args.page, f"there are: {', '.join(known)}")
    if args.mark:
        evidence.mark(pages, args.mark)
    if args.check or args.mark:
        found = list(evidence.faults(pages))
        print(*found, sep="\n", end="\n" if found else "")
        if found:
            raise Problem(
                "pages are old; make them anew (--make), or say why not (--mark WHY)"
            )
        return
    chosen = [(page, evidence.state(page)) for page in pages]
    rows = [("page", "is", "takes", "is made by")]
    for page, is_ in chosen:
        rows.append(
            (
                str(page.path.relative_to(layout.ROOT)),
                is_,
                f"about {page.minutes} min",
                "; ".join(" ".join(command) for command in page.commands),
            )
        )
    print("\n".join(tables.plain(rows, None)))
    wanted = [page for page, is_ in chosen if is_ != evidence.CURRENT]
    if not args.make or not wanted:
        return
    signals.once()
    failed = evidence.make(wanted, args.python, Progress())
    if failed:
        names = ", ".join(page.path.name for page in failed)
        raise Problem(f"not made: {names}; see what their commands say above")
