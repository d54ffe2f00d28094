"""Run the project's tests, and first build what they need and is missing."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from ..core import cli, layout
from ..core.errors import Problem
from ..core.progress import Progress
from ..host import devenv, workplace
from ..series import catalog, differences
from ..source import origin, tarballs

#: Those of pytest's options that are known before pytest is there.
FLAGS = ("-x", "-v", "-vv", "-q", "-s", "-l", "--lf", "--ff", "--pdb", "--collect-only")
OPTIONS = ("-k", "-m", "-r", "-p", "-o", "--tb", "--durations", "--maxfail")


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="scripts/test",
        description="Run the project's tests. Sets up build/venv and builds the "
        "stock and the patched Python first, if they are missing. All tests "
        f"run for the series {catalog.DEFAULT_SERIES}, and for each other series the "
        f"part in its {differences.NAME}; a series without a source is skipped, with "
        "a note.",
        allow_abbrev=False,
        epilog="All arguments after -- go to pytest.",
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument(
        "--unit", action="store_true", help="only the tests that need no build"
    )
    only.add_argument(
        "--setup", action="store_true", help="only set up build/venv, run no test"
    )
    parser.add_argument(
        "--series",
        action="append",
        default=[],
        metavar="NAME",
        help="run all tests for this series, and for no other; may be repeated",
    )
    parser.add_argument(
        "test", nargs="*", metavar="TEST", help="files, FILE::NAME, or directories"
    )
    theirs = parser.add_argument_group("options of pytest")
    for flag in FLAGS:
        theirs.add_argument(flag, dest="theirs", action="append_const", const=[flag])
    for option in OPTIONS:
        theirs.add_argument(
            option, dest="theirs", action="append", metavar="VALUE", type=_taker(option)
        )
    built_from = parser.add_mutually_exclusive_group()
    for name, value in (("release", "VERSION"), ("source", "PATH")):
        built_from.add_argument(
            f"--{name}",
            metavar=value,
            help=f"build from what ./build.sh --{name} says; by default from the "
            "release that a series is made on",
        )
    return parser


def _taker(option: str) -> Callable[[str], list[str]]:
    """Return a function that makes words for pytest of the value of *option*."""
    return lambda value: [option, value] if len(option) == 2 else [f"{option}={value}"]


def main(argv: list[str]) -> None:
    """Run the command line *argv*: prepare, and become pytest."""
    end = argv.index("--") if "--" in argv else len(argv)
    parser = _parser()
    args = parser.parse_intermixed_args(argv[:end])
    for test in args.test:
        if not Path(layout.ROOT, test.partition("::")[0]).exists():
            parser.error(f"there is no {test}")
    if not (args.unit or args.setup):
        workplace.require_ascii()
    devenv.ensure(Progress())
    if args.setup:
        return
    words = [word for words in args.theirs or () for word in words]
    words += [*args.test, *argv[end + 1 :]]
    # A background job of a shell has SIGINT ignored, and so would all of our
    # children: tests that interrupt a program need it at its default.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not args.unit:
        words = [*_build(args), *words]
    run_pytest([*(["tests/unit"] if args.unit else []), *words])


def _build(args: argparse.Namespace) -> list[str]:
    """Build stock and patched of the series that are tested; what is there stays.

    Returns the words for pytest that say which those are.
    """
    if args.release is not None or args.source is not None:
        return _build_given(args)
    chosen = args.series or [catalog.DEFAULT_SERIES]
    words = [f"--series={name}" for name in chosen]
    for name in [*chosen, *_others(args)]:
        series = catalog.load_series(name)
        if name not in chosen:
            why = _not_here(series)
            if why:
                print(f"note: the series {name} is not run: {why}", flush=True)
                words.append(f"--not-built={name}={why}")
                continue
            words.append(f"--part={name}")
        # It never changes, unlike the default, which is the newest release.
        _run_build([name, "--release", series.base.version])
    return words


def _others(args: argparse.Namespace) -> list[str]:
    """Return the series of which only a part is run."""
    if args.series:
        return []
    others = [name for name in catalog.available() if name != catalog.DEFAULT_SERIES]
    return [n for n in others if differences.load(catalog.load_series(n)).part]


def _not_here(series: catalog.Series) -> str | None:
    """Return why there is no source of the base of *series*, None where there is."""
    layout.BUILD.mkdir(exist_ok=True)
    try:
        tarballs.pinned(
            series.base, series.debian, origin.CACHE, layout.BUILD / "source.log"
        )
    except tarballs.NoWay as exc:
        return str(exc)
    return None


def _build_given(args: argparse.Namespace) -> list[str]:
    """Build what --release or --source says, which is of one series."""
    if len(args.series) > 1:
        raise Problem("--release and --source are for one series; name it")
    words = [*args.series]
    if args.release is not None:
        words += ["--release", args.release]
        series = catalog.series_for(args.release)
    else:
        words += ["--source", args.source]
        series = origin.series(origin.given(args.source), *args.series)
    _run_build(words)
    return [f"--series={series.name}"]


def _run_build(words: Sequence[str]) -> None:
    """Run build.sh with *words*. Raises Problem when it fails."""
    command = [str(layout.ROOT / "build.sh"), *words, "--no-test"]
    if subprocess.run(command, check=False).returncode:
        raise Problem(
            f"no tests without the builds: ./build.sh {' '.join(words)} failed"
        )


def run_pytest(arguments: Sequence[str]) -> NoReturn:
    """Become pytest with *arguments*; does not return."""
    python = str(devenv.VENV / "bin" / "python")
    os.chdir(layout.ROOT)
    os.execv(python, [python, "-m", "pytest", *arguments])
