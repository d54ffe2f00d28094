"""Maintain series: as git commits, as patches, and checked.

A series is changed in a checkout, by ordinary git work on its commits, and
exported back. The message of a commit says in its last paragraph which patch it
is, with its number and its slug,

    Patch: 0110-done-event

as patches/registry.json has them: there, a number is one change in all series,
for good. To add a patch, add it to the registry, with a number between those of
its neighbours, and commit it with that line, or give it the line afterwards:

    git commit --amend --no-edit --trailer "Patch: 0110-done-event"

The file is called that; its From: and its Last-Update: come from the export.

A new series starts as a directory of patches/ with its releases.json and an
empty `series` file; `port` then picks the commits of another. A commit that the
registry says the new one does not need is left out. What all series share, their
new files, is changed in the lead, and `graft` carries it into the others.
"""

from __future__ import annotations

import argparse
import datetime
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..core import cli, layout, signals
from ..core.errors import Problem
from ..core.progress import Progress
from ..host import packages, workplace
from ..proof import prefixes
from ..proof.regrtest import runner
from ..series import catalog
from ..source import tarballs
from ..upkeep import (
    bases,
    combined,
    commits,
    comparison,
    graft,
    lint,
    news,
    port,
    registry,
    releasedata,
    releases,
    revisions,
)
from . import options


def _places(args: argparse.Namespace, names: Sequence[str]) -> dict[str, Path]:
    """Return {name: directory} of the series called *names*.

    That of a series that is named alone is DIR itself.
    """
    if not args.series and str(args.directory) in catalog.available():
        raise Problem(f"{args.directory} is a series; name a directory after it")
    if len(args.series) == 1:
        return {names[0]: args.directory}
    return {name: args.directory / name for name in names}


def _finder(args: argparse.Namespace) -> bases.Find:
    return bases.finder(args.source, several=len(args.series) != 1)


def _checkout(args: argparse.Namespace) -> None:
    wanted = bases.named(args.series)
    places = _places(args, [series.name for series in wanted])
    for series, given in bases.each(wanted, _finder(args), print):
        place = places[series.name]
        commits.checkout(series, given, place)
        print(
            f"{place}: CPython {series.base.version} (tag {commits.BASE_TAG}) "
            f"and {len(series.patches)} patches (branch {commits.BRANCH})"
        )


def _export(args: argparse.Namespace) -> None:
    # A new series has no patches yet, and is named.
    names = args.series or [series.name for series in bases.named(())]
    made = commits.export_all(_places(args, names))
    for name, patches in made.items():
        print(f"patches/{name}: {len(patches)} patches; {news.NEXT}: written anew")


def _port(args: argparse.Namespace) -> None:
    find = bases.finder(args.source)
    report = port.start(args.lead, args.other, args.directory, find)
    for name, why in report.gaps.items():
        print(f"{name}: not picked: {why}")
    print(
        f"{args.directory}: {len(report.picked)} patches of {args.lead} on "
        f"{args.other} (branch {commits.BRANCH}); build them, and export them"
    )


def _graft(args: argparse.Namespace) -> None:
    every = [series.name for series in bases.named(args.series)]
    others = [name for name in every if name != args.lead]
    changes = graft.graft(args.lead, others, bases.finder(args.source))
    for name, patch, files in changes:
        print(f"patches/{name}/{patch}: {', '.join(files)}")
    changed = {name for name, *_ in changes}
    for name in others:
        if name not in changed:
            print(f"patches/{name}: nothing to change")


def _diff(args: argparse.Namespace) -> int:
    one, other = (catalog.load_series(name) for name in (args.one, args.other))
    numbers = {text[:4].zfill(4) for text in args.number}
    found = [
        difference
        for difference in comparison.compare(one, other, registry.load())
        if not numbers or difference.name[:4] in numbers
    ]
    if not found:
        raise Problem(f"neither has a patch {', '.join(sorted(numbers))}")
    for difference in filter(None, found):
        if args.summary:
            print(difference)
            continue
        for line in comparison.lines(difference, (args.one, args.other)):
            print(line)
        print()
    print(comparison.total(found))
    return int(any(found))


def _lint(args: argparse.Namespace) -> None:
    names = [series.name for series in bases.named(args.series)]
    unapplied: list[str] = []
    problems = list(lint.check(names, _finder(args), unapplied=unapplied))
    for series in map(catalog.load_series, names):
        if series.revision:
            problems += revisions.problems(series)
    for problem in problems:
        print(problem)
    for name in unapplied:
        print(
            f"{name}: not applied: there is no source of CPython "
            f"{catalog.load_series(name).base.version} here, nor a way to get it"
        )
    if not shutil.which("quilt"):
        print("quilt: not run, it is not installed (apt-get install quilt)")
    if problems:
        raise Problem(f"{len(problems)} found in the series; fix them and export again")
    if unapplied == names:
        raise Problem("no series was applied to its release; give that with --source")
    print(f"{', '.join(names)}: nothing wrong")


def _prefixes(args: argparse.Namespace) -> None:
    wanted = bases.named(args.series)
    lengths = {
        series.name: prefixes.select(series, args.only, args.start) for series in wanted
    }
    progress = Progress()
    signals.once()
    unsound = []
    for series, given in bases.each(wanted, _finder(args), progress.note):
        home = prefixes.home(series)
        with workplace.occupied(home):
            packages.provide(progress, home / "packages.log")
            builder = prefixes.Builder(series, given, home, args.jobs)
            units = runner.load()["prefixes"]
            chosen = lengths[series.name]
            steps = prefixes.prove(builder, series, units, progress, chosen)
        try:
            prefixes.report(steps, progress, builder.version)
        except Problem as exc:
            unsound.append(f"{series.name}: {exc}")
    if unsound:
        raise Problem("; ".join(unsound))


def _releases(args: argparse.Namespace) -> None:
    if args.add:
        _add_release(args)
        return
    if args.tgz or args.xz or args.checked:
        raise Problem("--tgz, --xz and --checked go with --add VERSION")
    if args.write:
        print(f"written: {', '.join(releasedata.write()) or 'nothing has changed'}")
        return
    refused = []
    for series in bases.named(args.series):
        if args.fetch:
            layout.BUILD.mkdir(exist_ok=True)
            releases.obtain(series, layout.BUILD / "source.log")
        rows = list(releases.rows(series, releases.sources(series, args.source)))
        if len(args.series) != 1:
            print(f"The series {series.name}:")
        for line in releases.table(rows):
            print(line)
        versions = ", ".join(releases.refused(rows))
        if versions:
            refused.append(
                f"the series {series.name} does not apply to {versions}, which "
                f"{catalog.RELEASES} calls checked"
            )
    if refused:
        raise Problem("; ".join(refused))


def _add_release(args: argparse.Namespace) -> None:
    if not (args.tgz and args.xz):
        raise Problem("--add needs the checksums, --tgz SUM and --xz SUM")
    if len(args.series) > 1:
        raise Problem("--add is for one series; name that one, or none")
    series = catalog.load_series(*args.series or [catalog.series_name(args.add)])
    changed = releasedata.add(
        series, args.add, args.tgz, args.xz, args.checked, layout.ROOT
    )
    print(f"{args.add}: written to {', '.join(changed)}")


def _news(args: argparse.Namespace) -> None:
    places = [args.directory]
    if len(args.series) > 1 or not (args.directory / ".git").exists():
        places = [args.directory / one.name for one in bases.named(args.series)]
    for path in news.add_all(places, args.issue, args.section, args.body):
        print(f"{path}: written by blurb and staged; commit it with its change")


def _revision(args: argparse.Namespace) -> None:
    day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    for series in bases.named(args.series):
        if args.record:
            print(f"{revisions.record(series, day)}: recorded")
        elif args.release:
            print(f"{revisions.release(series, day)}: released")
        else:
            released = series.revision and series.revision.released
            print(f"{series.label} ({series.digest}), {released or 'not released'}")


def _combined(args: argparse.Namespace) -> None:
    (series,) = bases.named([args.series])
    given = bases.finder(args.source, several=False)(series)
    sys.stdout.buffer.write(combined.patch(series, given, args.without_tests))


def _add_source(parser: argparse.ArgumentParser) -> None:
    options.several(
        parser,
        "--source",
        "the release's tarball, or an unpacked tree of it, or a directory with those "
        "of several releases (default: it is fetched as ./build.sh does)",
        type=Path,
        metavar="PATH",
    )


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="scripts/series",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(
        name: str,
        run: Callable[[argparse.Namespace], int | None],
        help: str,
        series: str | None = "all, if none is named",
        source: bool = True,
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run)
        if series:
            options.names(added, "series", series)
        if source:
            _add_source(added)
        return added

    place: dict[str, Any] = {"type": Path, "metavar": "DIR"}
    below = "; DIR/SERIES, unless one series is named"

    checkout = command("checkout", _checkout, "make git repositories of series")
    checkout.add_argument(
        "directory", **place, help=f"a new or an empty directory{below}"
    )

    help = "make checkouts' commits the series' patches"
    export = command("export", _export, help, source=False)
    export.add_argument("directory", **place, help=f"the checkout{below}")

    started = command(
        "port",
        _port,
        "start the series of another version: pick the lead's commits, one by one, "
        "onto the release that its releases.json names, and stop where a person is "
        "needed; the same command goes on",
        series=None,
    )
    started.add_argument("lead", metavar="LEAD", help="the series to pick from")
    started.add_argument("other", metavar="SERIES", help="the new one")
    started.add_argument("directory", **place, help="the git repository of the port")

    carried = command(
        "graft",
        _graft,
        "carry the lead's text of the new files into the patches of the other series, "
        "number by number; what a gap changes goes with the number after it",
        series="which get it: all, if none",
    )
    carried.add_argument(
        "--from",
        dest="lead",
        default=catalog.DEFAULT_SERIES,
        metavar="LEAD",
        help="the series that has it (default: %(default)s)",
    )

    compared = command(
        "diff",
        _diff,
        "show the hunks in which two series differ, whatever lines they are at, with "
        "a sum for each patch; the exit status is 0 if there are none, else 1",
        series=None,
        source=False,
    )
    compared.add_argument("one", metavar="SERIES", help="the lead, for example")
    compared.add_argument("other", metavar="SERIES")
    options.names(compared, "number", "only these patches")
    options.flag(compared, "--summary", "print the sums, and no hunks")

    command(
        "lint",
        _lint,
        "check series: patches, registry, messages, NEWS, quilt, that what the "
        "registry calls standalone applies alone, and that new files are the same in "
        "all series at each number",
    )

    each = command(
        "prefixes",
        _prefixes,
        "build each prefix of series, as a bisection does, and run CPython's tests of "
        "threads in it",
    )
    which = each.add_mutually_exclusive_group()
    which.add_argument(
        "--only",
        nargs="+",
        default=(),
        metavar="NUMBER",
        help="the prefixes that end in these patches: numbers or file names",
    )
    which.add_argument(
        "--from",
        dest="start",
        metavar="NUMBER",
        help="the prefixes that end in this patch or a later one",
    )
    options.processors(each)

    known = command(
        "releases",
        _releases,
        "try series on all releases whose source is here, and build nothing; or add "
        "a release to those that one knows",
        source=False,
    )
    options.several(
        known,
        "--source",
        "besides build/cache: a tree, or a directory with trees or tarballs of "
        "releases in it",
        type=Path,
        metavar="DIR",
    )
    options.flag(known, "--fetch", "get what is not in build/cache first")
    known.add_argument(
        "--add",
        metavar="VERSION",
        help="add this release instead, or change whether it is checked",
    )
    for form in ("tgz", "xz"):
        known.add_argument(
            f"--{form}",
            type=tarballs.checksum,
            metavar="SUM",
            help=f"the SHA-256 of its .{'tgz' if form == 'tgz' else 'tar.xz'}",
        )
    options.flag(known, "--checked", "the series was built and tested on it")
    options.flag(
        known,
        "--write",
        "only write the lines of other files that are made of the data",
    )

    revision = command(
        "revision",
        _revision,
        "print the revisions of series, with the digest of what is compiled or "
        "imported",
        source=False,
    )
    what = revision.add_mutually_exclusive_group()
    options.flag(
        what,
        "--record",
        "the series are as they are to be: as the same revision, or as the next one, "
        "where the last is released",
    )
    options.flag(what, "--release", "the revisions are released today")

    one = command("combined", _combined, "print a series as one patch", series=None)
    one.add_argument("series", metavar="SERIES")
    options.flag(one, "--without-tests", "without what is below Lib/test and Doc")

    help = "add a NEWS entry, the same to all checkouts, with blurb"
    entry = command("news", _news, help, source=False)
    entry.add_argument(
        "directory", **place, help="a checkout, or the directory of several"
    )
    entry.add_argument("--issue", required=True, help="number of the upstream issue")
    entry.add_argument("--section", required=True, help="such as Library or 'C API'")
    entry.add_argument("--body", required=True, help="one paragraph of reST")
    return parser


def main(argv: list[str]) -> int | None:
    """Run the command line *argv* and return its status."""
    args = _parser().parse_args(argv)
    status: int | None = args.run(args)
    return status
