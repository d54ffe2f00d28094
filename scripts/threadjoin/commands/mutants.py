"""Plant bugs in the patched interpreter, one at a time, and check the tests."""

from __future__ import annotations

from ..core import cli, files, layout, signals
from ..core.errors import Problem
from ..core.progress import Progress, duration
from ..host import devenv, workplace
from ..proof import pages
from ..proof.mutants import plant
from ..proof.mutants.looking import BySoak, ByTests
from ..series import catalog
from . import options


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="scripts/mutants",
        description="Plant bugs in copies of the patched build, and check that the "
        "tests find each of them, and the soak some. The bugs, with their tests and "
        f"programs of the soak, are in {plant.DATA.relative_to(layout.ROOT)}.",
    )
    options.names(parser, "name", "only these bugs (default: all)")
    options.series(parser)
    options.jobs(parser, plant.JOBS)
    what = parser.add_mutually_exclusive_group()
    options.flag(what, "--list", "only list the bugs, plant none")
    options.flag(
        what,
        "--soak",
        "run programs of the soak instead of tests, for bugs that have some",
    )
    options.flag(
        what,
        "--write",
        "look in both ways, and write the page docs/results/SERIES/mutants.md if all "
        "are found",
    )
    return parser


def _report(mutant: plant.Mutant, found: str | None, seconds: float) -> None:
    verdict = "NOT FOUND" if found is None else "found"
    words = f"{mutant.name:32} {verdict:10} {duration(seconds):>12}  {found or ''}"
    print(words.rstrip(), flush=True)


def main(argv: list[str]) -> None:
    """Run the command line *argv*; raise Problem on a survivor."""
    args = _parser().parse_args(argv)
    known = {mutant.name: mutant for mutant in plant.load()}
    mutants = options.chosen(known, args.name, "scripts/mutants --list has the bugs")
    if args.series != catalog.DEFAULT_SERIES and not args.list:
        mutants = plant.placed(mutants, args.series)
    if args.list:
        for mutant in mutants:
            print(f"{mutant.name:32} {mutant.plants}")
        return
    if args.write and args.name:
        raise Problem("the page is of all bugs; leave the names out to --write it")
    ways: dict[type[ByTests] | type[BySoak], list[plant.Mutant]] = {}
    if not args.soak:
        ways[ByTests] = mutants
    if args.soak or args.write:
        ways[BySoak] = plant.soaked(mutants)
        if args.name and ways[BySoak] != mutants:
            lacks = next(mutant.name for mutant in mutants if not mutant.soak)
            raise Problem(f"{lacks} has no seeds for the soak; leave --soak out")
    workplace.require_ascii()
    signals.once()
    devenv.ensure(Progress())
    for way, chosen in ways.items():
        survivors = plant.run(chosen, args.jobs, _report, way, args.series)
        if survivors:
            names = ", ".join(mutant.name for mutant in survivors)
            raise Problem(way.advice.format(names))
    if args.write:
        target = pages.path("mutants.md", args.series)
        files.write(target, plant.page(mutants, args.series))
