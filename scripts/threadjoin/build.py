"""Build a CPython without the races of Thread.join(), and show that it is.

Gets the source, verifies it, applies the patch series, compiles, runs
test_threading and the reproducer of the race, on the unpatched interpreter
and on the patched one. All that comes of it is in build/.
"""

import argparse
import os
import re
import sys
import time
from pathlib import Path

from . import (
    errors,
    interpreter,
    layout,
    leaving,
    origin,
    packages,
    process,
    report,
    tree,
    verify,
    workplace,
)
from .errors import Problem
from .progress import Progress, duration

DEFAULT_VARIANT = "debug"

#: Where --until can stop, in their order.
STAGES = ("packages", "source", "compile")


def _parser():
    parser = errors.Parser(
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
        metavar="SERIES",
        help="the series of patches, by the version it is for (default: that of "
        f"--source, else {layout.DEFAULT_SERIES})",
    )
    add(
        "--source",
        metavar="PATH|URL",
        help="build from this instead of the release: a git checkout, an unpacked "
        "tree (both are copied, not modified), a tarball, or a tarball's URL",
    )
    add(
        "--sha256",
        metavar="SUM",
        type=_sum,
        help="the checksum that the tarball has to have; a URL needs one",
    )
    add(
        "--variant",
        choices=interpreter.VARIANTS,
        default=DEFAULT_VARIANT,
        help="how to build, see below (default: %(default)s)",
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
        type=errors.count,
        default=len(os.sched_getaffinity(0)),
        help="compilers to run at once (default: one a processor, %(default)s here)",
    )
    add(
        "--no-test",
        action="store_true",
        help="run neither test_threading nor the reproducer",
    )
    add(
        "--until",
        choices=STAGES,
        help="stop when what a build needs of the system is there (packages), when "
        "the source is laid out, or when it is compiled; the same command without "
        "it goes on from there",
    )
    return parser


def _sum(text):
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError("a SHA-256 has 64 hexadecimal digits")
    return text.lower()


def _directory(text):
    """Return *text* as an absolute path that can be a directory of ours."""
    path = Path(os.path.abspath(os.path.expanduser(text)))
    there = next(p for p in (path, *path.parents) if p.exists())
    if not there.is_dir():
        raise argparse.ArgumentTypeError(f"{there} is not a directory")
    if not os.access(there, os.W_OK):
        raise argparse.ArgumentTypeError(f"{there} cannot be written")
    return path


def main(argv):
    """Run the command line *argv* (a list of str)."""
    args = _parser().parse_args(argv)
    if args.sha256 and not args.source:
        raise Problem("--sha256 goes with --source; the release's own is known")
    # As an exception, it stops the programs that we run, and cleans up.
    leaving.once()
    try:
        with workplace.occupied():
            _Build(args, Progress()).run()
    except process.Failed as exc:
        print(process.tail(exc.log), file=sys.stderr)
        raise


class _Build:
    """One run of the command."""

    def __init__(self, args, progress):
        self._args = args
        self._progress = progress
        self._begun = time.monotonic()
        self._variant = interpreter.VARIANTS[args.variant]

    def run(self):
        """Do everything; raise Problem for what goes wrong."""
        if self._args.until == "packages":
            packages.provide(self._progress, layout.BUILD / "packages.log")
            return
        interpreters = self._lay_out()
        if self._args.until == "source":
            return
        self._compile(interpreters)
        if self._args.until == "compile":
            return
        self._finish(interpreters)

    def _lay_out(self):
        """Lay out the source; return the Interpreters to build from it."""
        given = self._given()
        if given:
            self._series = origin.series(given, self._args.series)
        else:
            self._series = layout.load_series(
                self._args.series or layout.DEFAULT_SERIES
            )
        self._home = layout.BUILD / self._series.name / self._args.variant
        logs = self._home / "log"
        logs.mkdir(parents=True, exist_ok=True)
        interpreters = self._interpreters()
        interpreter.require_space(interpreters)
        packages.provide(self._progress, logs / "packages.log")
        self._prepare(given or self._release(logs / "source.log"), interpreters)
        return interpreters

    def _compile(self, interpreters):
        kinds = ", ".join(one.kind for one in interpreters)
        with self._progress.stage(f"configure ({kinds})"):
            interpreter.configure(interpreters)
        for one in interpreters:
            with self._progress.stage(f"compile ({one.kind})"):
                one.compile(self._args.jobs)

    def _finish(self, interpreters):
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

    def _given(self):
        if not self._args.source:
            return None
        if origin.is_url(self._args.source) and self._args.sha256:
            with self._progress.stage(f"get {self._args.source}"):
                return origin.given(self._args.source, self._args.sha256)
        return origin.given(self._args.source, self._args.sha256)

    def _release(self, log):
        with self._progress.stage(f"get {self._series.base.tarball}"):
            return origin.release(self._series, log)

    def _interpreters(self):
        """Return the Interpreters to build, the one to install as the last."""
        if self._args.only:
            kinds = (self._args.only,)
        elif self._variant.both:
            kinds = ("stock", "patched")
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

    def _prepare(self, source, interpreters):
        """Lay out all source trees, before any of them is compiled."""
        had_it = False
        for one in interpreters:
            with self._progress.stage(f"prepare the source ({one.kind})"):
                patched = one.kind == "patched"
                had_it |= bool(
                    origin.prepare(source, self._series, one.source, patched)
                )
        if had_it:
            self._progress.note(
                f"note: {source.name} has the series in it already; stock is it "
                "with the series taken out"
            )

    def _examine(self, one):
        """Return the report.Result of a built Interpreter."""
        if self._args.no_test:
            return report.Result(one, None, None)
        with self._progress.stage(f"run test_threading ({one.kind})"):
            tests = verify.run_tests(one)
        with self._progress.stage(f"run the reproducer ({one.kind})"):
            verdict = verify.reproduce(one)
        return report.Result(one, tests, verdict)

    def _summarise(self, results, installed):
        version = tree.version_of(results[0].interpreter.source)
        self._progress.note(
            f"\nCPython {version}, series {self._series.name} "
            f"({len(self._series.patches)} patches), {self._args.variant}, "
            f"in {duration(time.monotonic() - self._begun)}"
        )
        for line in report.table(results):
            self._progress.note(line)
        if installed:
            self._progress.note(f"installed in {self._args.prefix}")
