"""Build a CPython without the races of Thread.join(), and show that it has none.

Gets the source, verifies it, applies the patch series, compiles, runs
test_threading and the reproducer of the race, on the unpatched interpreter
and on the patched one. It writes to build/ alone.

The source is the newest release that the series is checked on, out of
build/cache or from python.org. When that does not answer, it is the source
package of Debian, with the security patches that Debian has for it. The first
and the last line say which source it is, and why.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from ..building import identity, interpreter, report, selftest
from ..core import cli, layout, process, signals
from ..core.errors import Problem
from ..core.progress import Progress, duration
from ..host import packages, workplace
from ..series import catalog, tree, upstream
from ..source import origin, tarballs

#: The default variants: of a build, and of one that is installed.
DEFAULT_VARIANT = "debug"
INSTALLED_VARIANT = "release"

#: What --source says for the distribution's source package.
DISTRIBUTION = "debian"

#: Where --until can stop, in their order.
STAGES = ("packages", "source", "compile")


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="build.sh",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="variants:\n"
        + "".join(
            f"  {name:8} {variant.summary}\n"
            for name, variant in interpreter.VARIANTS.items()
        )
        + "Of debug and release the unpatched interpreter is built too.",
    )
    add = parser.add_argument
    add(
        "series",
        nargs="?",
        type=_word,
        metavar="SERIES",
        help="the series of patches, by the version it is for (default: that of "
        f"--source, else {catalog.DEFAULT_SERIES})",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--release",
        metavar="VERSION",
        type=_word,
        help="build this release, such as 3.11.2, and nothing else if it cannot be got",
    )
    where.add_argument(
        "--source",
        metavar=f"{DISTRIBUTION}|PATH|URL",
        type=_word,
        help="build from this instead: the source package of Debian, with its "
        "patches; a git checkout or an unpacked tree (both are copied, not "
        "modified); a tarball, or a tarball's URL",
    )
    add(
        "--sha256",
        metavar="SUM",
        type=tarballs.checksum,
        help="the checksum that the tarball has to have; a URL needs one",
    )
    add(
        "--variant",
        choices=interpreter.VARIANTS,
        help=f"how to build, see below (default: {DEFAULT_VARIANT}; with --prefix, "
        f"{INSTALLED_VARIANT})",
    )
    only = parser.add_mutually_exclusive_group()
    for kind, what in (("stock", "unpatched"), ("patched", "patched")):
        only.add_argument(
            f"--{kind}",
            dest="only",
            action="store_const",
            const=kind,
            help=f"build the {what} interpreter only",
        )
    add(
        "--configure",
        metavar="ARG",
        type=_word,
        action="append",
        default=[],
        help="one more argument for configure, as in --configure=--enable-shared; "
        "may be given more than once",
    )
    add(
        "--prefix",
        metavar="DIR",
        type=_directory,
        help="install what was built (the patched interpreter, where there are "
        "two) in DIR",
    )
    add(
        "--jobs",
        metavar="N",
        type=cli.count,
        default=len(os.sched_getaffinity(0)),
        help="compilers to run at once (default: one a processor, %(default)s here)",
    )
    add(
        "--no-test",
        action="store_true",
        help="run neither test_threading nor the reproducer",
    )
    add(
        "--no-install",
        action="store_true",
        help="install no package of the system: when one is missing that a build can "
        "make use of, only say so, and fail",
    )
    add(
        "--until",
        choices=STAGES,
        help="stop when what a build needs of the system is there (packages), when "
        "the source is laid out, or when it is compiled; the same command without "
        "it goes on from there",
    )
    return parser


def _word(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; give a value, or leave it out")
    return text


def _directory(text: str) -> Path:
    """Return *text* as the absolute path of a directory, which need not exist."""
    path = Path(os.path.abspath(os.path.expanduser(_word(text))))
    there = next(p for p in (path, *path.parents) if p.exists())
    if not there.is_dir():
        raise argparse.ArgumentTypeError(f"{there} is not a directory")
    if not os.access(there, os.W_OK):
        raise argparse.ArgumentTypeError(f"{there} cannot be written")
    return path


def main(argv: list[str]) -> None:
    """Run the command line *argv*."""
    args = _parser().parse_args(argv)
    if args.sha256 and not (args.source or args.release):
        raise Problem("--sha256 goes with --source or --release")
    if not args.variant:
        args.variant = INSTALLED_VARIANT if args.prefix else DEFAULT_VARIANT
    # As an exception, it stops the programs that we run, and cleans up.
    signals.once()
    progress = Progress()
    try:
        with workplace.occupied():
            _Build(args, progress).run()
    except catalog.NoSeries as exc:
        for line in upstream.lines(exc.name):
            progress.note(line)
        raise
    except process.Failed as exc:
        print(process.tail(exc.log), file=sys.stderr)
        raise


class _Build:
    """One run of the command."""

    def __init__(self, args: argparse.Namespace, progress: Progress) -> None:
        self._args = args
        self._progress = progress
        self._begun = time.monotonic()
        self._variant = interpreter.VARIANTS[args.variant]

    def run(self) -> None:
        """Do everything; raise Problem if something fails."""
        if self._args.until == "packages":
            self._provide(layout.BUILD / "packages.log")
            return
        interpreters = self._lay_out()
        if self._args.until == "source":
            self._say("laid out", interpreters[-1], interpreters[-1].source)
            return
        self._compile(interpreters)
        if self._args.until == "compile":
            self._say("compiled", interpreters[-1], interpreters[-1].python)
            return
        self._finish(interpreters)

    def _provide(self, log: Path) -> None:
        packages.provide(self._progress, log, self._args.no_install)

    def _lay_out(self) -> list[interpreter.Interpreter]:
        """Lay out the source; return the Interpreters to build from it."""
        plan = self._planned()
        self._home = layout.BUILD / self._series.name / self._args.variant
        logs = self._home / "log"
        logs.mkdir(parents=True, exist_ok=True)
        interpreters = self._interpreters()
        self._provide(logs / "packages.log")
        self._source, self._why = self._got(plan)
        self._prepare(interpreters)
        return interpreters

    def _compile(self, interpreters: list[interpreter.Interpreter]) -> None:
        kinds = ", ".join(one.kind for one in interpreters)
        with self._progress.stage(f"configure ({kinds})"):
            interpreter.configure(interpreters)
        for one in interpreters:
            self._compile_one(one)

    def _compile_one(self, one: interpreter.Interpreter) -> None:
        begun = time.monotonic()

        def tell() -> str:
            return f"{one.compiled()}, {duration(time.monotonic() - begun)}"

        with self._progress.stage(f"compile ({one.kind})", tell):
            one.compile(self._args.jobs)

    def _finish(self, interpreters: list[interpreter.Interpreter]) -> None:
        """Test and install what was compiled, and say how that went."""
        results = [self._examine(one) for one in interpreters]
        complaints = report.complaints(results)
        installed = self._args.prefix and not complaints
        if installed:
            with self._progress.stage(f"install in {self._args.prefix}"):
                interpreters[-1].install()
        self._summarise(results, installed)
        if complaints:
            raise Problem("; ".join(complaints))

    def _planned(self) -> origin.Plan:
        """Return the origin.Plan, and have said it; set the series."""
        log = layout.BUILD / "source.log"
        args = self._args
        if args.source and args.source != DISTRIBUTION:
            # Its version, and so the series, are not known before it is fetched.
            self._progress.note(f"building {args.source}: {origin.SAID}")
            with self._progress.stage(f"get {args.source}"):
                given = origin.given(args.source, args.sha256)
            self._series = origin.series(given, args.series)
            return origin.Plan(given.name, origin.SAID, lambda: given)
        if args.release and not args.series:
            self._series = catalog.series_for(args.release)
        else:
            self._series = catalog.load_series(args.series or catalog.DEFAULT_SERIES)
        if args.release:
            plan = origin.exactly(self._series, args.release, log)
            self._compare(args.release)
        elif args.source:
            plan = origin.distribution(self._series, log)
            if self._series.debian:
                self._compare(self._series.debian.version)
        else:
            plan = origin.newest(self._series, log)
        self._progress.note(f"building {plan.name}: {plan.why}{self._with()}")
        return plan

    def _compare(self, version: str) -> None:
        """Raise Problem when --sha256 is not of the release *version*."""
        known = self._series.release(version).tarballs
        if self._args.sha256 not in (None, *known.values()):
            names = " and ".join(f"{total} ({name})" for name, total in known.items())
            raise Problem(
                f"--sha256 {self._args.sha256} is not of CPython {version}, which has "
                f"{names}"
            )

    def _got(self, plan: origin.Plan) -> tuple[origin.Origin, str]:
        """Return the origin.Origin of *plan*, and why it is that one."""
        try:
            with self._progress.stage(f"get {plan.name}"):
                return plan.get(), plan.why
        except tarballs.NoWay as exc:
            if not plan.otherwise:
                raise
            plan = plan.otherwise(exc.reason)
        self._progress.note(f"building {plan.name} instead: {plan.why}")
        with self._progress.stage(f"get {plan.name}"):
            return plan.get(), plan.why

    def _interpreters(self) -> list[interpreter.Interpreter]:
        """Return the Interpreters to build, the one to install as the last."""
        kinds: tuple[str, ...]
        if self._args.only:
            kinds = (self._args.only,)
        elif self._variant.both:
            kinds = identity.KINDS
        else:
            kinds = ("patched",)
            self._progress.note(
                f"note: of the variant {self._args.variant} only the patched "
                "interpreter is built"
            )
        return [
            interpreter.Interpreter(
                kind,
                self._home,
                self._variant,
                self._args.prefix if kind == kinds[-1] else None,
                tuple(self._args.configure),
            )
            for kind in kinds
        ]

    def _prepare(self, interpreters: list[interpreter.Interpreter]) -> None:
        """Lay out all source trees, before any of them is compiled."""
        stamp = self._home / "source.json"
        self._tell_of_another(stamp)
        had_it = False
        # If the series does not apply, this fails before it replaces stock.
        for one in reversed(interpreters):
            with self._progress.stage(f"prepare the source ({one.kind})"):
                patched = one.kind == "patched"
                had_it |= bool(
                    origin.prepare(self._source, self._series, one.source, patched)
                )
        stamp.write_text(json.dumps(self._source.name))
        if had_it:
            self._progress.note(
                f"note: {self._source.name} has the series in it already; stock is it "
                "with the series taken out"
            )

    def _tell_of_another(self, stamp: Path) -> None:
        """Tell if this replaces another build in the same place."""
        before = json.loads(stamp.read_text()) if stamp.exists() else None
        if before not in (None, self._source.name):
            self._progress.note(
                f"note: {self._home} has {before} in it, which is replaced"
            )

    def _examine(self, one: interpreter.Interpreter) -> report.Result:
        """Return the report.Result of a built Interpreter."""
        if self._args.no_test:
            return report.Result(one, None, None)
        with self._progress.stage(f"run test_threading ({one.kind})"):
            tests = selftest.run_tests(one)
        with self._progress.stage(f"run the reproducer ({one.kind})"):
            verdict = selftest.reproduce(one)
        return report.Result(one, tests, verdict)

    def _summarise(self, results: list[report.Result], installed: bool) -> None:
        version = tree.version_of(results[0].interpreter.source)
        self._progress.note(
            f"\nCPython {version}, series {self._series.label} "
            f"({len(self._series.patches)} patches), {self._args.variant}, "
            f"in {duration(time.monotonic() - self._begun)}"
        )
        for line in report.table(results):
            self._progress.note(line)
        last = results[-1].interpreter
        if installed:
            self._say("installed", last, self._args.prefix)
        else:
            self._say("built", last, last.python)

    def _say(self, done: str, one: interpreter.Interpreter, place: Path) -> None:
        """Say what was *done*, and why, in the last line."""
        what = self._source.name
        if self._args.source and self._args.source != DISTRIBUTION:
            what = f"CPython {tree.version_of(one.source)} of {what}"
        self._progress.note(f"{done} {what} as {place}: {self._why}{self._with()}")

    def _with(self) -> str:
        """Return words about the revision that is built, if one is."""
        if self._args.only == "stock" or not self._series.revision:
            return ""
        return f"; with {self._series.label}"
