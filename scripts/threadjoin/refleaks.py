"""Look for leaked references, blocks and files, with CPython's own hunter."""

import os
import re

from . import errors, layout, regrtest
from .downstream_run import PASSED
from .errors import Problem
from .progress import Progress, duration

HOME = regrtest.HOME / "refleaks"

#: Runs that are not counted, since caches fill, and runs that are.
RUNS = ("-R", "3:3")

#: Seconds for one file of tests: it runs six times.
TIMEOUT = 3600

_LEAKED = re.compile(r"^(\S+) leaked (\[.*\] .+, sum=\d+)", re.MULTILINE)


def leaks(output):
    """Return what the hunter found, as its *output* has it: a list of str."""
    return [f"{name}: {what}" for name, what in _LEAKED.findall(output)]


def hunt(python, units, jobs=1, home=None):
    """Run *units* six times each on the interpreter *python* and return a Run.

    Also the regrtest.Place, whose logs have what was found.

    Parameters:
        python: path of a debug build.
        units: as regrtest.Place.run() has them.
        jobs: how many of them at the same time.
        home: Path of a directory for logs; None for HOME.
    """
    settings = regrtest.Settings(jobs, TIMEOUT, RUNS, cases=False)
    place = regrtest.Place(python, home or HOME, settings)
    return place.run(units), place


def _parser():
    parser = errors.Parser(
        prog="scripts/refleaks",
        description="Run CPython's tests of threads, forks and embedding six times "
        "each, and see whether the last three leave references, blocks of memory or "
        "open files behind. Fails when they do.",
        epilog=f"Logs are under {os.path.relpath(HOME, layout.ROOT)}.",
    )
    add = parser.add_argument
    add("python", metavar="PYTHON", help="path of an interpreter, a debug build")
    add(
        "test",
        metavar="TEST",
        nargs="*",
        help='only these, such as test_thread or "test_threading -m JoinTests"',
    )
    add("--ci", action="store_true", help="only the part that the project's CI runs")
    regrtest.add_jobs(parser)
    return parser


def main(argv):
    """Run the command line *argv* (a list of str); raise Problem for a leak."""
    args = _parser().parse_args(argv)
    data = regrtest.load()["refleaks"]
    units = args.test or data["ci" if args.ci else "whole"]
    progress = Progress()
    with progress.stage(f"{len(units)} of CPython's tests, six times each"):
        run, place = hunt(args.python, units, args.jobs)
    found = []
    for unit in units:
        text = place.log(unit).read_text(errors="replace")
        said = leaks(text)
        if run.outcomes[unit] != PASSED and not said:
            said = [f"{unit}: failed, see {place.log(unit)}"]
        found += said
        progress.note(f"{unit}: {'; '.join(said) or 'no leak'}")
    progress.note(f"in {duration(run.seconds)}")
    if found:
        raise Problem("; ".join(found))
