"""Run random programs over threads and processes until one fails.

A program is made from a seed (programs), run in a process of its own (runs), and
reduced when it fails (reduce).
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from ...core.progress import duration
from . import programs, runs
from .programs import Node
from .reduce import reduce

#: Programs that are run when neither their number nor a time is given.
PROGRAMS = 100

#: Seconds that a program may take; on a quiet machine, one takes about one.
PATIENCE = 300

#: Times that a smaller program is run before it counts as one that passes.
REPEATS = 5

#: Seconds that reducing may take.
REDUCING = 180


class Soak:
    """The programs that have been run, and their results.

    Parameters:
        clock: a function that returns seconds.
    """

    def __init__(
        self, runner: runs.Runner, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.runner = runner
        self._clock = clock
        self._begun = clock()
        self.programs = 0
        self.counts: Counter[str] = Counter()
        # With their seeds.
        self.failures: list[tuple[int, runs.Result, runs.Verdict]] = []

    def try_program(
        self, seed: int, program: Node, what: str = ""
    ) -> tuple[runs.Result | None, runs.Verdict | None]:
        """Run *program*, a Node; return the Result and the Verdict on it.

        Parameters:
            seed: of the program, or of the one that it comes from.
            what: "reduced" for the latter.

        Both are None when the run was stopped.
        """
        text = programs.source(program, title(seed, what))
        result = self.runner.run(text, seed)
        if result is None:
            return None, None
        expectation = programs.expectation(program)
        return result, runs.judge(result, expectation)

    def record(
        self, seed: int, result: runs.Result, verdict: runs.Verdict | None
    ) -> None:
        """Count what a program did, and its failure if *verdict* is not None."""
        self.programs += 1
        self.counts.update(runs.counted(result))
        if verdict:
            self.failures.append((seed, result, verdict))

    @property
    def seconds(self) -> float:
        """The time since the first program was to be run."""
        return self._clock() - self._begun

    def figures(self) -> str:
        """Return a line with the counts so far."""
        joins = self.counts["joins"]
        return (
            f"{self.programs:,} programs in {duration(self.seconds)}: "
            f"{joins:,} joins ({joins / max(self.seconds, 1):,.0f} a second, "
            f"{self.counts['waited']:,} of threads alive), "
            f"{self.counts['threads']:,} threads, {self.counts['forks']:,} forks, "
            f"failures: {len(self.failures)}"
        )

    def reduced(
        self,
        seed: int,
        verdict: runs.Verdict,
        seconds: float = REDUCING,
        repeats: int = REPEATS,
    ) -> tuple[Node, runs.Result, runs.Verdict] | None:
        """Return what the program of *seed* can be reduced to.

        Parameters:
            verdict: on it: a smaller one has to fail with the same kind.
            seconds: that this may take.
            repeats: how often a smaller one is run before it counts as one that passes.

        Returns a triple of the smallest program that failed, the Result and the
        Verdict on it; None when not even the whole one failed again in time.
        """
        deadline = self._clock() + seconds
        last = None

        def fails(candidate: Node) -> bool:
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


def title(seed: int, what: str = "") -> str:
    """Return the first line of the program of *seed*; *what* is done to it."""
    return f"{what} program of seed {seed}; see scripts/soak --help".strip()


def _tell(words: str) -> None:
    print(words, flush=True)


def soak(
    state: Soak,
    seeds: Iterable[int],
    jobs: int,
    failures: int,
    tell: Callable[[str], None] = _tell,
) -> None:
    """Run the programs of *seeds*, *jobs* at a time, until *failures* failed.

    Parameters:
        state: the Soak in which it is recorded; all of it in this thread. It is
            stopped when an exception, such as Ctrl-C, ends this.
        tell: called with words about each failure, at once.
    """
    seeds = iter(seeds)

    def run(seed: int) -> tuple[int, runs.Result | None, runs.Verdict | None]:
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
            # Otherwise the executor would wait until they end.
            state.runner.stopped.set()
            raise
