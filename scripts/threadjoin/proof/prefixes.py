"""Build and test each prefix of a series, as a bisection does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..building import interpreter
from ..core import files, layout, process, tables
from ..core.errors import Problem
from ..core.progress import Progress
from ..series import tree
from ..series.catalog import Series
from ..source import origin
from .outcomes import PASSED
from .regrtest import runner

VARIANT = "debug"

#: Seconds for one file of tests.
TIMEOUT = 900

_WARNING = re.compile(r"^(\S+?):[\d:]+ (warning: .*)$", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """The result of one prefix.

    Attributes:
        name: file name of its last patch.
        warnings: the compiler's, without line numbers, that the base lacks.
        failed: the files of tests that did not pass; None when it did not
            compile.
        log: the compiler's log.
    """

    name: str
    warnings: tuple[str, ...]
    failed: tuple[str, ...] | None
    log: Path

    def __str__(self) -> str:
        if self.failed is None:
            return f"{self.name} does not compile, see {self.log}"
        said = [f"{unit} failed" for unit in self.failed]
        return f"{self.name}: {', '.join([*said, *self.warnings])}"

    @property
    def sound(self) -> bool:
        """Whether it compiled without new warnings, and its tests passed."""
        return self.failed == () and not self.warnings


def warnings(text: str) -> set[str]:
    """Return the warnings in the compiler's output *text*.

    Without line numbers: a patch moves what it does not change.
    """
    return {f"{file}: {said}" for file, said in _WARNING.findall(text)}


class Builder:
    """A place where one prefix is built after the other.

    Parameters:
        source: the origin.Origin of its release.
        home: a directory that nothing else uses, and that is there.
        jobs: how many compilers, and files of tests, at the same time.
        variant: the interpreter.Variant; None for a debug build.
    """

    def __init__(
        self,
        series: Series,
        source: origin.Origin,
        home: Path,
        jobs: int,
        variant: interpreter.Variant | None = None,
    ) -> None:
        self._series = series
        self._source = source
        self._home = home
        self._jobs = jobs
        variant = variant or interpreter.VARIANTS[VARIANT]
        self._built = interpreter.Interpreter("patched", home, variant)
        self._known: set[str] = set()

    @property
    def version(self) -> str:
        """The version of CPython that is there to build, of begin()."""
        return tree.version_of(self._built.source)

    def begin(self) -> None:
        """Build the release without the series. Raises process.Failed."""
        # Afresh: a warning is only given when a file is compiled.
        files.remove(self._built.objects)
        self._compile(self._series, False)
        self._known = self._said()

    def step(self, length: int, units: Sequence[str]) -> Step:
        """Build the first *length* patches; return a Step.

        Parameters:
            units: the files of tests to run, as runner.Place.run() has them.
        """
        patches = self._series.patches[:length]
        name = patches[-1].name
        log = self._built.log("compile")
        try:
            self._compile(replace(self._series, patches=patches), True)
        except process.DiskFull:
            raise
        except process.Failed:
            kept = log.with_name(f"{name}.log")
            kept.write_bytes(log.read_bytes())
            return Step(name, (), None, kept)
        settings = runner.Settings(self._jobs, TIMEOUT, cases=False)
        logs = self._home / "tests" / name
        place = runner.Place(self._built.python, logs, settings)
        outcomes = place.run(units).outcomes
        failed = tuple(unit for unit in units if outcomes.get(unit, PASSED) != PASSED)
        return Step(name, tuple(sorted(self._said() - self._known)), failed, log)

    def _compile(self, series: Series, patched: bool) -> None:
        origin.prepare(self._source, series, self._built.source, patched)
        interpreter.configure([self._built])
        self._built.compile(self._jobs)

    def _said(self) -> set[str]:
        return warnings(self._built.log("compile").read_text(errors="replace"))


def select(
    series: Series, only: Iterable[str] = (), start: str | None = None
) -> list[int]:
    """Return how many patches each wanted prefix of a catalog.Series has.

    Parameters:
        only: numbers or names of patches (str, such as "0110", "110" or the file
            name): the prefixes that end in them. All, if none.
        start: the same of one patch: the prefixes that end in it or later.

    Raises Problem when the series does not have such a patch.
    """
    names = [path.stem for path in series.patches]
    lengths = range(1, len(names) + 1)
    if start is not None:
        lengths = lengths[_position(start, series, names) :]
    if only:
        return sorted({_position(text, series, names) + 1 for text in only})
    return list(lengths)


def _position(text: str, series: Series, names: Sequence[str]) -> int:
    """Return which of *names*, those of the patches of *series*, *text* means."""
    number = text.zfill(4) if text.isdecimal() else None
    for position, name in enumerate(names):
        if name == text.removesuffix(".patch") or name[:4] == number:
            return position
    have = ", ".join(name[:4] for name in names)
    raise Problem(f"{series.name} has no patch {text!r}; it has {have}")


def prove(
    builder: Builder,
    series: Series,
    units: Sequence[str],
    progress: Progress,
    lengths: Sequence[int] | None = None,
) -> list[Step]:
    """Have *builder* build and test prefixes of *series*; return the Steps.

    Parameters:
        units: the files of tests to run in each.
        lengths: which prefixes, as select() returns them; None for all.
    """
    with progress.stage("build the release without a patch"):
        builder.begin()
    steps = []
    for length in lengths or select(series):
        name = series.patches[length - 1].name
        with progress.stage(f"{length} of {len(series.patches)}: {name}"):
            steps.append(builder.step(length, units))
    return steps


def report(steps: Sequence[Step], progress: Progress, version: str) -> None:
    """Print a line for each of *steps*; raise Problem unless all are sound.

    *version* is that of the release that they are of.
    """
    rows = [[f"CPython {version}", "compiles", "warnings", "tests"]]
    for step in steps:
        tests = "passed"
        if step.failed:
            tests = "FAILED"
        elif step.failed is None:
            tests = "not run"
        compiles = "no" if step.failed is None else "yes"
        rows.append([step.name, compiles, str(len(step.warnings)), tests])
    for line in tables.plain(rows):
        progress.note(line)
    unsound = [str(step) for step in steps if not step.sound]
    if unsound:
        raise Problem("; ".join(unsound))


def home(series: Series) -> Path:
    """Return the Path of the directory for the prefixes of a catalog.Series."""
    return layout.BUILD / series.name / "prefixes"
