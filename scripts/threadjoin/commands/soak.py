"""Run random programs over threads and processes until one fails."""

from __future__ import annotations

import argparse
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator

from ..building import identity, interpreter
from ..core import cli, files, layout, process, signals
from ..core.errors import Problem
from ..core.progress import Progress
from ..proof.soak import libraries, programs, results, runs, session
from ..series import catalog
from . import options


def _seeds(args: argparse.Namespace, clock: Callable[[], float]) -> Iterator[int]:
    """Yield the seeds to run, one by one, until the number or the time is reached."""
    if args.replay is not None:
        yield from itertools.repeat(args.replay, args.programs or 1)
    elif args.minutes:
        deadline = clock() + 60 * args.minutes
        yield from itertools.takewhile(
            lambda _: clock() < deadline, itertools.count(args.seed)
        )
    else:
        yield from range(args.seed, args.seed + (args.programs or session.PROGRAMS))


def show(text: str, result: runs.Result, verdict: runs.Verdict) -> None:
    """Print a program that failed, its source *text*, and how it did."""
    result = runs.shown(result)
    print(f"\n{text}\n{verdict.kind}: {verdict.words}")
    for name, said in (
        ("stdout", result.out),
        ("stderr", result.err),
        ("stacks", result.stacks),
    ):
        if said.strip():
            print(f"--- {name}\n{said.rstrip()}")


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="scripts/soak",
        description="Run random programs that start, join, fork, interrupt and end "
        "threads and processes, each in a process of its own, and check what comes "
        "of them. The first that fails is reduced and shown.",
    )
    add = parser.add_argument
    length = parser.add_mutually_exclusive_group()
    options.number(length, "--minutes", "run programs for N minutes")
    options.number(
        length, "--programs", f"run N programs (default: {session.PROGRAMS})"
    )
    help = "of the first program; the next one has S + 1 (default: 0)"
    add("--seed", type=int, default=0, metavar="S", help=help)
    help = "the interpreter (default: the patched one of the debug build)"
    add("--python", metavar="PATH", help=help)
    options.series(parser)
    options.jobs(parser, help="N programs at the same time")
    options.number(
        parser, "--failures", "stop after N failures (default: %(default)s)", 1
    )
    help = "that one program may take (default: %(default)s)"
    options.number(parser, "--patience", help, session.PATIENCE, "SECONDS")
    options.flag(parser, "--no-reduce", "show failures as they are")
    options.flag(
        parser,
        "--perturb",
        "have threads pause at random when they start, join, fork and use locks; "
        "drawn from the seed; needs a C compiler and the GNU C library",
    )
    options.page(
        parser,
        help="write what all runs with this option have done with the series as it "
        "is to FILE, in Markdown",
    )
    one = parser.add_mutually_exclusive_group()
    help = "only print the program of SEED"
    one.add_argument("--print", type=int, metavar="SEED", help=help)
    help = (
        "run the program of SEED, --programs times (default: once), and reduce and "
        "show it if it fails"
    )
    one.add_argument("--replay", type=int, metavar="SEED", help=help)
    return parser


def _python(path: layout.StrPath | None, series: str) -> layout.StrPath:
    """Return the path of the interpreter to test; raise Problem for none."""
    if path is None:
        path = interpreter.built("patched", series=series)
    if not (os.path.isfile(path) and os.access(path, os.X_OK)):
        raise Problem(f"no interpreter at {path}; run ./build.sh, or name one")
    process.require_python(path)
    return path


def main(argv: list[str]) -> None:
    """Run the command line *argv*.

    Raises Problem when a program failed.
    """
    args = _parser().parse_args(argv)
    if args.print is not None:
        program = programs.generate(args.print)
        print(programs.source(program, session.title(args.print)), end="")
        return
    if args.replay is not None and args.minutes:
        raise Problem(
            "--replay takes --programs, the number of runs, and not --minutes"
        )
    signals.once()
    python = _python(args.python, args.series)
    tested = identity.identify(python) if args.table else None
    if tested and (args.replay is not None or not tested.patched):
        raise Problem("--table is for new programs on a patched interpreter")
    perturbing = libraries.library() if args.perturb else None
    helper = libraries.helper()
    if helper is None:
        print("note: no C compiler; what needs C code is left out of the programs")
    stopped = threading.Event()
    runner = runs.Runner(python, args.patience, stopped, perturbing, helper)
    state = session.Soak(runner)
    seeds = _seeds(args, time.monotonic)
    progress = Progress()
    try:
        with progress.stage("soak", state.figures):
            session.soak(state, seeds, args.jobs, args.failures)
    finally:
        print(state.figures(), flush=True)
        if tested:
            _keep(state, tested, args)
    if state.failures:
        _explain(state, progress, args)


def _keep(
    state: session.Soak, python: identity.Python, args: argparse.Namespace
) -> None:
    """Keep what has been run, and write the page."""
    record = results.Record.of(state, python, args.perturb, args.seed, args.jobs)
    record.save()
    series = catalog.load_series(record.series)
    files.write(args.table, results.markdown(series, results.load(series.name)))


def _explain(state: session.Soak, progress: Progress, args: argparse.Namespace) -> None:
    """Show the failures, reduced; raise Problem."""
    for seed, result, verdict in state.failures:
        smallest = None
        if not args.no_reduce:
            with progress.stage(f"reduce the program of seed {seed}"):
                smallest = state.reduced(seed, verdict)
            if smallest is None:
                print("It did not fail again; --replay runs it once more.")
        title = session.title(seed, "reduced" if smallest else "")
        smallest = smallest or (programs.generate(seed), result, verdict)
        show(programs.source(smallest[0], title), *smallest[1:])
    seeds = ", ".join(str(seed) for seed, *_ in state.failures)
    how = "--perturb --replay" if args.perturb else "--replay"
    raise Problem(f"programs failed; {how} runs one again, by its seed: {seeds}")
