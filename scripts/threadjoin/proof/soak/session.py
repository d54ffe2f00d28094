"""Run random programs over threads and processes until one fails.

A program is made from a seed (soak_program), run in a process of its own
(soak_run), and reduced when it fails (soak_reduce).
"""

import argparse
import itertools
import math
import os
import threading
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from ...building import interpreter
from ...core import cli, process, signals
from ...core.errors import Problem
from ...core.progress import Progress, duration
from . import libraries, programs, runs
from .reduce import reduce

#: Programs that are run when neither their number nor a time is given.
PROGRAMS = 100

#: Seconds that a program may take; on a quiet machine, one takes about one.
PATIENCE = 300

#: Times that a smaller program is run before it is taken for sound.
REPEATS = 5

#: Seconds that reducing may take.
REDUCING = 180


class Soak:
    """The programs that have been run, and their results.

    Parameters:
        runner: a runs.Runner.
        clock: a function that returns seconds.
    """

    def __init__(self, runner, clock=time.monotonic):
        self._runner = runner
        self._clock = clock
        self._begun = clock()
        self.programs = 0
        self.counts = Counter()
        self.failures = []  # triples of a seed, a Result and the Verdict on it

    def try_program(self, seed, program, what=""):
        """Run *program*, a Node; return the Result and the Verdict on it.

        Parameters:
            seed: of the program, or of the one that it comes from.
            what: "reduced" for the latter.

        Both are None when the run was stopped.
        """
        text = programs.source(program, _title(seed, what))
        result = self._runner.run(text, seed)
        if result is None:
            return None, None
        expectation = programs.expectation(program)
        return result, runs.judge(result, expectation)

    def stop(self):
        """End the programs that run; what they have done does not count."""
        self._runner.stop()

    def record(self, seed, result, verdict):
        """Count what a program did, and its failure if *verdict* is not None."""
        self.programs += 1
        self.counts.update(runs.counted(result))
        if verdict:
            self.failures.append((seed, result, verdict))

    def figures(self):
        """Return the words for what has been done so far."""
        seconds = self._clock() - self._begun
        joins = self.counts["joins"]
        return (
            f"{self.programs:,} programs in {duration(seconds)}: "
            f"{joins:,} joins ({joins / max(seconds, 1):,.0f} a second, "
            f"{self.counts['waited']:,} of threads alive), "
            f"{self.counts['threads']:,} threads, {self.counts['forks']:,} forks, "
            f"failures: {len(self.failures)}"
        )

    def reduced(self, seed, verdict, seconds=REDUCING, repeats=REPEATS):
        """Return what the program of *seed* can be reduced to.

        Parameters:
            verdict: on it: a smaller one has to fail with the same kind.
            seconds: that this may take.
            repeats: how often a smaller one is run before it counts as sound.

        Returns a triple of the smallest program that failed, the Result and the
        Verdict on it; None when not even the whole one failed again in time.
        """
        deadline = self._clock() + seconds
        last = None

        def fails(candidate):
            nonlocal last
            for _ in range(repeats):
                if self._clock() > deadline:
                    return False
                result, found = self.try_program(seed, candidate, "reduced")
                if result is None:
                    return False
                if found and found.kind == verdict.kind:
                    last = candidate, result, found
                    return True
            return False

        program = programs.generate(seed)
        if fails(program):
            reduce(program, fails)
        return last


def _title(seed, what=""):
    return f"{what} program of seed {seed}; see docs/soak.md".strip()


def _seeds(args, clock):
    """Yield the seeds to be run, one by one, until it is enough."""
    if args.replay is not None:
        yield from itertools.repeat(args.replay, args.programs or 1)
    elif args.minutes:
        deadline = clock() + 60 * args.minutes
        yield from itertools.takewhile(
            lambda _: clock() < deadline, itertools.count(args.seed)
        )
    else:
        yield from range(args.seed, args.seed + (args.programs or PROGRAMS))


def _tell(words):
    print(words, flush=True)


def soak(state, seeds, jobs, failures, tell=_tell):
    """Run the programs of *seeds*, *jobs* at a time, until *failures* failed.

    Parameters:
        state: the Soak in which it is recorded; all of it in this thread. It is
            stopped when an exception, such as Ctrl-C, ends this.
        tell: called with words about each failure, at once.
    """
    seeds = iter(seeds)

    def run(seed):
        return seed, *state.try_program(seed, programs.generate(seed))

    with ThreadPoolExecutor(jobs) as executor:
        try:
            first = itertools.islice(seeds, jobs)
            running = {executor.submit(run, seed) for seed in first}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    seed, result, verdict = future.result()
                    if result is not None:
                        state.record(seed, result, verdict)
                    if verdict:
                        tell(f"seed {seed}: {verdict.words}")
                    if len(state.failures) < failures:
                        more = itertools.islice(seeds, 1)
                        running |= {executor.submit(run, seed) for seed in more}
        except BaseException:
            # Else the executor would wait for their ends.
            state.stop()
            raise


def show(text, result, verdict):
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


def _positive(text):
    """Return *text* as a number above 0, for a Parser's type=.

    Raises argparse.ArgumentTypeError, which is for the Parser, when it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def _parser():
    parser = cli.Parser(
        prog="scripts/soak",
        description="Run random programs that start, join, fork, interrupt and end "
        "threads and processes, each in a process of its own, and check what comes "
        "of them. The first that fails is reduced and shown. See docs/soak.md.",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=_positive, metavar="N", help="run programs for N minutes"
    )
    length.add_argument(
        "--programs",
        type=cli.count,
        metavar="N",
        help=f"run N programs (default: {PROGRAMS})",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="of the first program; the next one has S + 1 (default: 0)",
    )
    parser.add_argument(
        "--python",
        metavar="PATH",
        help="the interpreter (default: the patched one of the debug build)",
    )
    parser.add_argument(
        "--jobs",
        type=cli.count,
        default=1,
        metavar="N",
        help="N programs at the same time",
    )
    parser.add_argument(
        "--failures",
        type=cli.count,
        default=1,
        metavar="N",
        help="stop after N failures (default: 1)",
    )
    parser.add_argument(
        "--patience",
        type=_positive,
        default=PATIENCE,
        metavar="SECONDS",
        help="that one program may take (default: %(default)s)",
    )
    parser.add_argument(
        "--no-reduce", action="store_true", help="show failures as they are"
    )
    parser.add_argument(
        "--perturb",
        action="store_true",
        help="have threads pause at random when they start, join, fork and use locks; "
        "drawn from the seed; needs a C compiler and the GNU C library",
    )
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "--print", type=int, metavar="SEED", help="only print the program of SEED"
    )
    one.add_argument(
        "--replay",
        type=int,
        metavar="SEED",
        help="run the program of SEED, --programs times (default: once), and reduce "
        "and show it if it fails",
    )
    return parser


def _python(path):
    """Return the path of the interpreter to test; raise Problem for none."""
    if path is None:
        path = interpreter.built("patched")
    if not (os.path.isfile(path) and os.access(path, os.X_OK)):
        raise Problem(f"no interpreter at {path}; run ./build.sh, or name one")
    process.require_python(path)
    return path


def main(argv):
    """Run the command line *argv* (a list of str).

    Raises Problem when a program failed.
    """
    args = _parser().parse_args(argv)
    if args.print is not None:
        program = programs.generate(args.print)
        print(programs.source(program, _title(args.print)), end="")
        return
    if args.replay is not None and args.minutes:
        raise Problem("--replay runs one program, --programs times, not --minutes")
    signals.once()
    python = _python(args.python)
    perturbing = libraries.library() if args.perturb else None
    helper = libraries.helper()
    if helper is None:
        print("note: no C compiler; what needs C code is left out of the programs")
    stopped = threading.Event()
    runner = runs.Runner(python, args.patience, stopped, perturbing, helper)
    state = Soak(runner)
    seeds = _seeds(args, time.monotonic)
    progress = Progress()
    try:
        with progress.stage("soak", state.figures):
            soak(state, seeds, args.jobs, args.failures)
    finally:
        print(state.figures(), flush=True)
    if state.failures:
        _explain(state, progress, args)


def _explain(state, progress, args):
    """Show the failures, reduced; raise Problem."""
    for seed, result, verdict in state.failures:
        smallest = None
        if not args.no_reduce:
            with progress.stage(f"reduce the program of seed {seed}"):
                smallest = state.reduced(seed, verdict)
            if smallest is None:
                print("It did not fail again; --replay runs it once more.")
        title = _title(seed, "reduced" if smallest else "")
        smallest = smallest or (programs.generate(seed), result, verdict)
        show(programs.source(smallest[0], title), *smallest[1:])
    seeds = ", ".join(str(seed) for seed, *_ in state.failures)
    how = "--perturb --replay" if args.perturb else "--replay"
    raise Problem(f"programs failed; {how} runs one again, by its seed: {seeds}")
