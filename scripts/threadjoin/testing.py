"""Run the project's tests: with all that they need, built where missing."""

import os
import signal
import subprocess

from . import devenv, errors, layout
from .errors import Problem
from .progress import Progress


def _parser():
    parser = errors.Parser(
        prog="scripts/test",
        description="Run the project's tests. Sets up build/venv and builds the "
        "stock and the patched Python first, as far as they are missing.",
        allow_abbrev=False,
        epilog="All other arguments are pytest's, such as -k NAME or a file.",
    )
    only = parser.add_mutually_exclusive_group()
    only.add_argument(
        "--unit", action="store_true", help="only the tests that need nothing built"
    )
    only.add_argument(
        "--setup", action="store_true", help="only set up build/venv, run no test"
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


def main(argv):
    """Run the command line *argv* (a list of str); return pytest's status."""
    args, rest = _parser().parse_known_args(argv)
    devenv.ensure(Progress())
    if args.setup:
        return
    # A background job of a shell has SIGINT ignored, and so would all of our
    # children: tests that interrupt a program need it at its default.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not args.unit:
        _build(args)
    run_pytest([*(["tests/unit"] if args.unit else []), *rest])


def _build(args):
    """Build stock and patched of every series; what is up to date stays."""
    if args.release is not None:
        wanted = [["--release", args.release]]
    elif args.source is not None:
        wanted = [["--source", args.source]]
    else:
        # Known and the same for ever, where the default is what is newest.
        named = [layout.load_series(name) for name in layout.available()]
        wanted = [[series.name, "--release", series.base.version] for series in named]
    for words in wanted:
        command = [str(layout.ROOT / "build.sh"), *words, "--no-test"]
        if subprocess.run(command, check=False).returncode:
            raise Problem(
                f"no tests without the builds: ./build.sh {' '.join(words)} failed"
            )


def run_pytest(arguments):
    """Become pytest with *arguments*; does not return."""
    python = str(devenv.VENV / "bin" / "python")
    os.chdir(layout.ROOT)
    os.execv(python, [python, "-m", "pytest", *arguments])
