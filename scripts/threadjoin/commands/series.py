"""The maintainer's tool: a series as git commits, as patches, and checked.

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
empty `series` file.
"""

import argparse
import shutil
from pathlib import Path

from ..core import cli, layout, signals
from ..core.errors import Problem
from ..core.progress import Progress
from ..host import packages, workplace
from ..proof import prefixes
from ..proof.regrtest import runner
from ..series import catalog
from ..source import tarballs
from ..upkeep import commits, extent, lint, news, releasedata, releases


def _checkout(args):
    series = catalog.load_series(args.series)
    given = commits.release(series, args.source)
    commits.checkout(series, given, args.directory)
    print(
        f"{args.directory}: CPython {series.base.version} (tag {commits.BASE_TAG}) "
        f"and {len(series.patches)} patches (branch {commits.BRANCH})"
    )


def _export(args):
    names = commits.export(args.directory, args.series)
    print(f"patches/{args.series}: {len(names)} patches; {news.NEXT}: written anew")


def _lint(args):
    known = catalog.available()
    if not known:
        raise Problem("there is no series in patches/; export one first")
    names = args.series or known
    for name in names:
        if name not in known:
            catalog.load_series(name)
    if args.source and len(names) != 1:
        raise Problem("--source is the release of one series; name that series")
    problems = list(lint.check(names, args.source))
    for problem in problems:
        print(problem)
    if not shutil.which("quilt"):
        print("quilt: not run, it is not installed (apt-get install quilt)")
    if problems:
        raise Problem(f"{len(problems)} found in the series; fix them and export again")
    print(f"{', '.join(names)}: nothing wrong")


def _stat(args):
    for line in extent.table(catalog.load_series(args.series)):
        print(line)


def _prefixes(args):
    series = catalog.load_series(args.series)
    lengths = prefixes.select(series, args.only, args.start)
    progress = Progress()
    signals.once()
    home = prefixes.home(series)
    with workplace.occupied(home):
        packages.provide(progress, home / "packages.log")
        given = commits.release(series, args.source)
        builder = prefixes.Builder(series, given, home, args.jobs)
        units = runner.load()["prefixes"]
        steps = prefixes.prove(builder, series, units, progress, lengths)
    prefixes.report(steps, progress, builder.version)


def _releases(args):
    series = catalog.load_series(args.series)
    if args.add:
        if not (args.tgz and args.xz):
            raise Problem("--add needs the checksums, --tgz SUM and --xz SUM")
        changed = releasedata.add(
            series, args.add, args.tgz, args.xz, args.checked, layout.ROOT
        )
        print(f"{args.add}: written to {', '.join(changed)}")
        return
    if args.tgz or args.xz or args.checked:
        raise Problem("--tgz, --xz and --checked go with --add VERSION")
    if args.write:
        print(f"written: {', '.join(releasedata.write()) or 'nothing has changed'}")
        return
    if args.fetch:
        layout.BUILD.mkdir(exist_ok=True)
        releases.obtain(series, layout.BUILD / "source.log")
    rows = list(releases.rows(series, releases.sources(series, args.source)))
    for line in releases.table(rows):
        print(line)
    refused = releases.refused(rows)
    if refused:
        raise Problem(
            f"the series {series.name} does not apply to {', '.join(refused)}, which "
            f"{catalog.RELEASES} calls checked"
        )


def _news(args):
    path = news.add(args.directory, args.issue, args.section, args.body)
    print(f"{path}: written by blurb and staged; commit it with its change")


def _add_source(parser):
    parser.add_argument(
        "--source",
        type=Path,
        metavar="PATH",
        help="the release's tarball, or an unpacked tree of it; by default it is "
        "fetched as ./build.sh does",
    )


def _parser():
    parser = cli.Parser(
        prog="scripts/series",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name, run, help):
        added = commands.add_parser(name, help=help, description=help)
        added.set_defaults(run=run)
        return added

    one = {"metavar": "SERIES", "help": f"such as {catalog.DEFAULT_SERIES}"}
    place = {"type": Path, "metavar": "DIR"}

    checkout = command("checkout", _checkout, "make a git repository of a series")
    checkout.add_argument("series", **one)
    checkout.add_argument("directory", **place, help="a new or an empty directory")
    _add_source(checkout)

    export = command("export", _export, "make a checkout's commits the series' patches")
    export.add_argument("series", **one)
    export.add_argument("directory", **place, help="the checkout")

    checks = command(
        "lint",
        _lint,
        "check series: patches, registry, messages, NEWS, quilt, and that what the "
        "registry calls standalone applies alone",
    )
    checks.add_argument("series", nargs="*", metavar="SERIES", help="all, if none")
    _add_source(checks)

    extents = command(
        "stat",
        _stat,
        "count what a series touches (hunks, added, removed) and quotes (context) of "
        "the files that the release has, and the lines of its own new files",
    )
    extents.add_argument("series", **one)

    each = command(
        "prefixes",
        _prefixes,
        "build each prefix of a series, and run CPython's tests of threads in it: "
        "what whoever bisects it meets",
    )
    each.add_argument("series", **one)
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
    runner.add_jobs(each)
    _add_source(each)

    known = command(
        "releases",
        _releases,
        "try a series on all releases whose source is here, and build nothing; or add "
        "a release to those that it knows",
    )
    known.add_argument("series", **one)
    known.add_argument(
        "--source",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="besides build/cache: a tree, or a directory with trees or tarballs of "
        "releases in it; may be given more than once",
    )
    known.add_argument(
        "--fetch", action="store_true", help="get what is not in build/cache first"
    )
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
    known.add_argument(
        "--checked", action="store_true", help="the series was built and tested on it"
    )
    known.add_argument(
        "--write",
        action="store_true",
        help="only write the lines of other files that are made of the releases",
    )

    entry = command("news", _news, "add a NEWS entry to a checkout, with blurb")
    entry.add_argument("directory", **place, help="the checkout")
    entry.add_argument("--issue", required=True, help="number of the upstream issue")
    entry.add_argument("--section", required=True, help="such as Library or 'C API'")
    entry.add_argument("--body", required=True, help="one paragraph of reST")
    return parser


def main(argv):
    """Run the command line *argv* (a list of str) and return its status."""
    args = _parser().parse_args(argv)
    return args.run(args)
