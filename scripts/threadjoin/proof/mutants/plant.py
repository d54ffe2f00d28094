"""Plant bugs in the patched interpreter, one at a time, and check the tests.

Each is a patch in tests/mutants/, whose head says what it plants and which tests
have to find it; for some, also how many programs of the soak, from which seed. A bug
is planted in a copy of the patched build, a workplace. After the tests the workplace
is restored: no interpreter with a bug stays there.
"""

from __future__ import annotations

import json
import os
import queue
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ...building import interpreter
from ...core import files, git, layout, process, tables
from ...core.errors import Problem
from ...host import workplace
from ...series import catalog, differences
from .. import pages
from .looking import TESTS, BySoak, ByTests, Commands, Look

DATA = layout.ROOT / "tests" / "mutants"
VARIANT = "debug"

#: Seconds in which the interpreter has to start and exit, even with a bug in it.
START = 30

#: Bugs that are looked for at the same time. Most of their tests sleep until a hang
#: counts as one, so there are more of them than processors. But each has a workplace,
#: of 300 MB.
JOBS = min(3 * (os.cpu_count() or 1), 8)

#: Compiling keeps a processor busy: as many at once as there are processors, so that
#: tests that run meanwhile do not seem to hang.
_compilers = threading.BoundedSemaphore(os.cpu_count() or 1)

#: Files that make would make again, by running the interpreter, after each change of
#: it: they do not depend on what is planted.
KEPT = (
    "Programs/_freeze_module",
    "_bootstrap_python",
    "Python/deepfreeze/deepfreeze.c",
)


@dataclass(frozen=True)
class Seeds:
    """Programs of the soak, perturbed, one of which has to fail."""

    seed: int  # of the first
    programs: int  # how many
    ci: bool = False  # are these quick enough for each change of the project?

    def seeds(self) -> range:
        """Return the seeds of all, a range."""
        return range(self.seed, self.seed + self.programs)


@dataclass(frozen=True)
class Mutant:
    """A bug to plant."""

    name: str
    plants: str  # what goes wrong, for people, as Markdown
    diff: str  # which git applies
    tests: tuple[str, ...]  # node identifiers below tests/integration; one has to fail
    ci: bool = True  # are they quick enough for each change of the project?
    soak: Seeds | None = None  # None: the soak is not to find it

    def files(self) -> list[str]:
        """Return the names of the files that it changes, each once."""
        return sorted(re.findall(r"^\+\+\+ b/(.+)$", self.diff, re.M))


#: A function that reports a bug, what has found it, and in how many seconds.
Report = Callable[[Mutant, "str | None", float], None]


class NoPlace(Problem):
    """The patch of a bug does not apply to a source."""


def load(data: Path = DATA) -> list[Mutant]:
    """Return the Mutants in the directory *data*, a patch each, by name.

    Raises Problem when one does not say what it plants.
    """
    return [
        _mutant(path.stem, path.read_text()) for path in sorted(data.glob("*.patch"))
    ]


def _mutant(name: str, text: str) -> Mutant:
    head, _, diff = text.partition("\n\n")
    said = [line.partition(": ") for line in head.splitlines()]
    fields = {key: value for key, _, value in said}
    if "Plants" not in fields:
        raise Problem(f"{name}.patch has no line Plants: in its head; add it")
    soak = re.fullmatch(r"(\d+) from (\d+)(, not in CI)?", fields.get("Soak", ""))
    return Mutant(
        name,
        fields["Plants"],
        diff,
        tuple(value for key, _, value in said if key == "Found-by"),
        fields.get("CI") != "no",
        Seeds(int(soak[2]), int(soak[1]), not soak[3]) if soak else None,
    )


def planted(tree: Path, mutant: Mutant) -> dict[str, str]:
    """Return the contents of the files of the source *tree* with the bug in them.

    Returns a dict, {name of the file: its text}. Raises NoPlace when the patch
    does not apply.
    """
    with tempfile.TemporaryDirectory() as place:
        copies = {name: Path(place, name) for name in mutant.files()}
        for name, copy in copies.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            if (tree / name).exists():
                copy.write_text((tree / name).read_text())
        # Otherwise git takes the paths for those of a repository above.
        git.run(place, "init", "--quiet", "--template=")
        done = git.attempt(place, "apply", "-", given=mutant.diff.encode())
        if done.returncode:
            why = done.stderr.decode(errors="replace").splitlines()[0]
            raise NoPlace(
                f"{mutant.name} does not apply any more ({why}); see what is there "
                "now, and mend its patch"
            )
        return {name: copy.read_text() for name, copy in copies.items()}


class _Patched(interpreter.Interpreter):
    """The patched interpreter that is built in the directory *home*."""

    def __init__(self, home: Path, commands: Commands) -> None:
        super().__init__("patched", home, interpreter.VARIANTS[VARIANT])
        self._commands = commands

    def _check(self, command: Sequence[str], stage: str) -> None:
        log = self.log(stage)
        status = self._commands.status(
            command, log, cwd=self.objects, env=self.environment()
        )
        # None is of a time limit, and there is none.
        process.raise_for(status or 0, log, f"{stage} ({self.kind})")


class Workplace:
    """A copy of the patched build, to plant bugs in.

    Parameters:
        home: its directory, which nothing else uses.
        pristine: the interpreter.Interpreter that it is a copy of.
        commands: the looking.Commands to run programs with.
    """

    def __init__(
        self, home: Path, pristine: interpreter.Interpreter, commands: Commands
    ) -> None:
        self._pristine = pristine
        self._commands = commands
        self._copy = _Patched(home, commands)
        self._stamp = home / "copy-of.json"

    def prepare(self, mutants: Iterable[Mutant]) -> None:
        """Make the copy, unless it is there; take out all that is planted.

        Parameters:
            mutants: the Mutants that may have been planted before.
        """
        of = self._digest()
        if not (self._stamp.exists() and self._stamp.read_text() == of):
            files.remove(self._stamp.parent)
            for name in ("source", "objects"):
                of_pristine = getattr(self._pristine, name)
                shutil.copytree(of_pristine, getattr(self._copy, name), symlinks=True)
            self._stamp.write_text(of)
        names = {file for mutant in mutants for file in mutant.files()}
        # Another series may lack a file in which the lead has a bug.
        self._restore(n for n in names if (self._pristine.source / n).exists())

    def _digest(self) -> str:
        status = self._pristine.python.stat()
        return json.dumps([status.st_size, status.st_mtime_ns])

    def _restore(self, names: Iterable[str]) -> None:
        files.remove(self._copy.python)
        for name in names:
            _put(self._copy.source / name, (self._pristine.source / name).read_text())

    def find(self, mutant: Mutant, look: Look) -> str | None:
        """Plant the bug; return what finds it, a str, None if nothing does.

        Parameters:
            look: a looking.ByTests or looking.BySoak.

        Raises Problem when it cannot be planted, compiled or looked for.
        """
        for name, text in planted(self._pristine.source, mutant).items():
            _put(self._copy.source / name, text)
        try:
            kept = [word for name in KEPT for word in ("-o", name)]
            with _compilers:
                self._copy.compile(1, [*kept, "python"])
            self._try(mutant)
            return look.find(mutant, self._copy, self._pristine)
        finally:
            self._restore(mutant.files())

    def _try(self, mutant: Mutant) -> None:
        # A bug that breaks everything would make the fixtures of the tests wait.
        log = self._copy.log(f"{mutant.name}-start")
        command = [str(self._copy.python), "-c", "import threading"]
        env = process.environment()
        if self._commands.status(command, log, START, env=env) != 0:
            raise process.Failed(
                f"with {mutant.name} planted no interpreter ends well; plant less", log
            )


def _put(path: Path, text: str) -> None:
    """Write *text* to the file, unless it has that already; then its time stays."""
    if path.read_text() != text:
        path.write_text(text)


def hunt(
    mutants: Sequence[Mutant],
    places: Sequence[Workplace],
    look: Look,
    report: Report,
    stopped: threading.Event,
) -> list[Mutant]:
    """Look for all *mutants*, one at a time in each of the *places*.

    Parameters:
        places: the Workplaces, prepared.
        look: as Workplace.find() has it.
        report: called with each Mutant, what found it, None if nothing did, and
            the seconds that it took, as soon as that is known.
        stopped: set to end all that runs, when this ends with an exception.

    Returns the Mutants that were not found.
    """
    free: queue.SimpleQueue[Workplace] = queue.SimpleQueue()
    for place in places:
        free.put(place)

    def one(mutant: Mutant) -> str | None:
        place = free.get()
        begun = time.monotonic()
        try:
            found = place.find(mutant, look)
        finally:
            free.put(place)
        report(mutant, found, time.monotonic() - begun)
        return found

    with ThreadPoolExecutor(len(places)) as executor:
        tasks = [executor.submit(one, mutant) for mutant in mutants]
        try:
            found = [task.result() for task in tasks]
        except BaseException:
            for task in tasks:
                task.cancel()
            stopped.set()
            raise
    return [mutant for mutant, seen in zip(mutants, found) if seen is None]


_INTRODUCTION = """\
**{count} bugs are planted: the tests find all of them, and the soak {soaked}.**{others}

`scripts/mutants --write` writes this when it has seen each found.
A bug is planted in a copy of the patched build, and the tests named beside it
are run on that; one of them has to fail, and to pass with nothing planted.
`scripts/mutants NAME` plants one.

Of those with seeds in the last column, one of the programs that
[the soak]({up}/docs/soak.md) makes of these, run with `--perturb`, has to fail as
well, and to pass with nothing planted. `scripts/mutants --soak` runs them.

"""


def page(mutants: Sequence[Mutant], series: str = catalog.DEFAULT_SERIES) -> str:
    """Return the text of the page of *series* about *mutants*, which were all found."""
    head = ("planted", "name", "in", "found by", "found by the soak, seeds")
    soaked = sum(bool(mutant.soak) for mutant in mutants)
    others = ""
    if series != catalog.DEFAULT_SERIES:
        names = {mutant.name for mutant in mutants}
        rest = ", ".join(m.name for m in load() if m.name not in names)
        others = f"\nNot planted in {series}: {rest or 'none'}."
    introduction = _INTRODUCTION.format(
        count=len(mutants), soaked=soaked, others=others, up=pages.UP
    )
    return pages.page(
        "The bugs that are planted, and the tests that find them",
        "scripts/mutants --write",
        pages.measured([series]),
        introduction + tables.markdown([head, *map(_row, mutants)], None),
    )


def _row(mutant: Mutant) -> tuple[str, ...]:
    changed = ", ".join(f"`{name}`" for name in mutant.files())
    tests = ", ".join(map(_linked, mutant.tests))
    seeds = ""
    if mutant.soak:
        first, last = mutant.soak.seeds()[0], mutant.soak.seeds()[-1]
        seeds = str(first) if first == last else f"{first} to {last}"
    return mutant.plants, mutant.name, changed, tests, seeds


def _linked(test: str) -> str:
    file, _, name = test.partition("::")
    return f"`{name}` in [{Path(file).stem}]({pages.UP / TESTS / file})"


def placed(mutants: Iterable[Mutant], series: str) -> list[Mutant]:
    """Return those of *mutants* that have a place in the build of *series*.

    The lead has a place for all. Another series may lack what one changes, one may
    break nothing there, and the tests that find one may be expected to fail.
    """
    source = interpreter.built("patched", VARIANT, series).parents[1] / "src"
    differing = differences.load(catalog.load_series(series))
    excused, left_out = differing.expected_failures, differing.unplanted

    def fails_anyway(test: str) -> bool:
        path = str(TESTS / test)
        return path in excused or path.partition("[")[0] in excused

    def fits(mutant: Mutant) -> bool:
        why = left_out.get(mutant.name)
        if all(map(fails_anyway, mutant.tests)):
            why = "its tests fail there"
        try:
            if not why:
                planted(source, mutant)
        except NoPlace as exc:
            why = str(exc)
        if why:
            print(f"{mutant.name}: not planted in {series}: {why}", flush=True)
        return not why

    return [mutant for mutant in mutants if fits(mutant)]


def run(
    mutants: Sequence[Mutant],
    jobs: int,
    report: Report,
    way: type[ByTests] | type[BySoak] = ByTests,
    series: str = catalog.DEFAULT_SERIES,
) -> list[Mutant]:
    """Look for *mutants* in *jobs* workplaces; return those not found.

    Parameters:
        report: as hunt() has it.
        way: the class to look for them with, of looking.
        series: the name of that whose build they are planted in.

    Raises Problem when there is no patched build, or something fails.
    """
    home = layout.BUILD / series
    commands = Commands()
    pristine = _Patched(home / VARIANT, commands)
    if not pristine.python.exists():
        raise Problem(
            "there is no build to plant bugs in; run "
            f"`./build.sh {series} --variant {VARIANT}`"
        )
    # Before the copies are made, since it takes no time.
    for mutant in mutants:
        planted(pristine.source, mutant)
    with workplace.occupied(home / "mutants"):
        places = [
            Workplace(home / "mutants" / str(number), pristine, commands)
            for number in range(min(jobs, len(mutants)))
        ]
        with ThreadPoolExecutor() as executor:
            known = load()
            list(executor.map(lambda place: place.prepare(known), places))
        look = way(commands, series)
        return hunt(mutants, places, look, report, commands.stopped)


def soaked(mutants: Iterable[Mutant]) -> list[Mutant]:
    """Return those of *mutants* that the soak is to find."""
    return [mutant for mutant in mutants if mutant.soak]
