"""Build stock and patched for other platforms, and compare their tests."""

from __future__ import annotations

import argparse
import os

from ..core import cli, files, layout, signals
from ..core.progress import Progress
from ..host import devenv, packages, workplace
from ..proof.platforms import builds, data, results, runs
from ..proof.regrtest import runner
from ..proof.sanitizers import runs as sanitized
from ..series import catalog
from ..source import origin
from . import options


def _parser(platforms: dict[str, data.Platform]) -> cli.Parser:
    parser = cli.Parser(
        prog="scripts/platforms",
        description="Build the stock and the patched interpreter for other\n"
        "platforms, or in other ways, run CPython's tests of threads, some of the\n"
        "project's and the reproducer of the race there, and print what differs.\n"
        "Fails when patched does worse than stock on the same platform.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="platforms:\n"
        + "".join(f"  {one.name:14} {one.summary}\n" for one in platforms.values())
        + f"Builds and logs are under {os.path.relpath(results.HOME, layout.ROOT)}.",
    )
    options.names(parser, "platform", "the platforms, see below", platforms)
    options.flag(parser, "--all", "all platforms")
    options.several(parser, "--test", "run only this one of CPython's", metavar="TEST")
    options.processors(parser, "compilers and files at the same time")
    options.repeat(parser, sanitized.REPEAT)
    options.flag(parser, "--no-test", "only build")
    options.page(
        parser,
        help="write the result to FILE, in Markdown, with what was run before of the "
        "other platforms",
    )
    return parser


def main(argv: list[str]) -> int:
    """Run the command line *argv*; return the exit status."""
    platforms = data.load()
    parser = _parser(platforms)
    args = parser.parse_args(argv)
    names = list(platforms) if args.all else args.platform
    if not (names or args.table):
        parser.error(f"name a platform: {', '.join(platforms)}")
    signals.once()
    progress = Progress()
    status = 0
    for name in names:
        status = max(status, _measure(platforms[name], args, progress))
    if args.table:
        outcomes = results.Outcome.load(results.HOME, platforms, "platform")
        files.write(args.table, results.markdown(platforms, outcomes))
    return status


def _measure(
    platform: data.Platform, args: argparse.Namespace, progress: Progress
) -> int:
    """Build *platform* and test it; return the exit status."""
    series = catalog.load_series()
    source = origin.release(series, layout.BUILD / "source.log")
    home = results.HOME / platform.name
    home.mkdir(parents=True, exist_ok=True)
    needs = list(map(packages.named, platform.packages))
    log = home / "packages.log"
    packages.provide_commands(platform.commands, needs, progress, log)
    devenv.ensure(progress)
    with workplace.occupied(home):
        built = builds.build(platform, series, source, home, progress, args.jobs)
    if args.no_test:
        return 0
    patched = built.interpreters["patched"].python
    units = args.test or platform.units
    runner.check(patched, units)
    facts = runs.facts(patched)
    race = runs.race(built)
    with progress.stage(
        f"{platform.name}: {len(platform.files)} files of the project's"
    ):
        ours = runs.joins(platform, built, platform.files, home)
    result = runs.compare(
        platform, built, units, home, progress, args.jobs, args.repeat
    )
    gone = runner.load()["gone"]
    outcome = results.Outcome.of(platform, built, facts, result, ours, race, gone)
    if not args.test:
        outcome.save(results.HOME)
    for line in outcome.explain():
        progress.note(line)
    return 1 if outcome.wrong else 0
