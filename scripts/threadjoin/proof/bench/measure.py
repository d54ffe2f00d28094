"""Measure a patched interpreter against the stock one, side by side.

Every round measures each row in both interpreters, one right after the other,
each time in a new process, and whichever went first in one round goes second
in the next. The speed of the machine changes, and changes for both, so the ratio
counts: its median over the rounds, and its quartiles. A row is called slower or
faster if chance would make it look so once in a hundred times.

Rows that wait are measured in three settings, one after the other in each round:
on one processor, on two, and on two that other processes keep busy.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...building.identity import KINDS, Python
from ...core import files, layout, process, tables
from ...core.errors import Problem
from ...core.layout import StrPath
from ...core.progress import Progress
from ...host import csource
from .. import pages
from . import plots, stats

#: What the interpreters under test run, the rows of the table, programs of C.
HOME = layout.ROOT / "tests" / "bench"
WORKER = HOME / "worker.py"

FLOOR = "floor"
FLOOR_LOOPS = 400

#: Seconds for one process, a hundred times what the slowest row takes.
TIMEOUT = 300

#: The programs in C that go with it: compiler options for each.
PROGRAMS = {
    FLOOR: ["-O2", "-pthread"],
    "spin": ["-O2"],
    "gilstate": ["-O2", "-pthread", "-shared", "-fPIC"],
}

#: Rounds, at most, in which the address space is measured: it varies little.
SPACE_ROUNDS = 3


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    title: str
    loops: int
    matters: bool = False  # in all settings, not in the usual one only


ROWS = {
    name: Row(**row)
    for name, row in json.loads((HOME / "rows.json").read_text()).items()
}


@dataclass(frozen=True)
class Setting:
    """The processors that the measured processes run on."""

    title: str
    processors: int
    busy: bool = False  # others want the processors as well

    @property
    def usual(self) -> bool:
        """Whether all rows are measured in it, and not only those that matter."""
        return self.processors > 1 and not self.busy


SETTINGS = {
    "one": Setting("one processor", 1),
    "two": Setting("two processors", 2),
    "busy": Setting("two processors, both busy", 2, busy=True),
}


@dataclass(frozen=True)
class Effort:
    """How much to measure."""

    rounds: int
    samples: int = 5
    divisor: int = 1  # of every row's loops


@dataclass
class Results:
    """The samples of one setting: for each row, a list a round.

    They are in seconds, and switches are a number for each round.
    """

    stock: dict[str, list[list[float]]] = field(default_factory=dict)
    patched: dict[str, list[list[float]]] = field(default_factory=dict)
    floor: list[list[float]] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)  # kind: how many join() raised
    # Of start + join, by kind.
    switches: dict[str, list[float]] = field(default_factory=dict)
    space: dict[str, list[int]] = field(default_factory=dict)  # bytes, a list by kind


#: The programs of PROGRAMS, compiled.
Programs = dict[str, Path]


def processors() -> list[int]:
    """Return the processors that we may run on, a sorted list of numbers."""
    return sorted(os.sched_getaffinity(0))


def possible(names: Iterable[str]) -> dict[str, Setting]:
    """Return the Settings called *names* for which there are processors, by name.

    Raises Problem when there are none.
    """
    there = len(processors())
    found = {n: SETTINGS[n] for n in names if SETTINGS[n].processors <= there}
    if not found:
        raise Problem("there is only one processor here; leave --setting out")
    return found


def chosen(rows: list[str], settings: Collection[str]) -> dict[str, list[str]]:
    """Return the names of the rows to measure, a list for each of *settings*.

    Parameters:
        rows: those that were asked for, for all settings; None for what is usual.
        settings: names of settings.
    """
    usual = list(ROWS)
    # With one processor, there is no other setting for them.
    alone = not any(SETTINGS[name].usual for name in settings)
    return {
        name: rows
        or [row for row in usual if alone or SETTINGS[name].usual or ROWS[row].matters]
        for name in settings
    }


def notes(pythons: Mapping[str, str], about: Mapping[str, Python]) -> list[str]:
    """Return lines that say what is measured, and what is wrong with it.

    Parameters:
        pythons: {kind: path}.
        about: {kind: identity.Python}.
    """
    lines = []
    for kind in KINDS:
        build = ", a debug build" if about[kind].debug else ""
        lines.append(f"{kind}: Python {about[kind].release}{build}, {pythons[kind]}")
    if about["patched"].patched:
        series = ".".join(about["patched"].release.split(".")[:2])
        lines += pages.measured([series])
    if about["stock"].debug != about["patched"].debug:
        lines.append("note: only one of them is a debug build; the ratios mean nothing")
    elif about["stock"].debug:
        lines.append("note: debug builds; see how a release build does")
    return lines


def measure(
    pythons: Mapping[str, str], rows: Mapping[str, list[str]], effort: Effort
) -> dict[str, Results]:
    """Measure in both interpreters, and the floor; return {setting: Results}.

    Parameters:
        pythons: {kind: path of the interpreter}.
        rows: {name of a setting: names of rows, keys of ROWS}.

    Raises Problem when an interpreter fails or hangs.
    """
    programs = {name: _compile(name) for name in PROGRAMS}
    results = {name: Results() for name in rows}
    progress = Progress(sys.stderr)
    with progress.stage(f"measure {effort.rounds} rounds"):
        for number in range(effort.rounds):
            for name, found in results.items():
                with on(SETTINGS[name], programs["spin"]):
                    _measure_round(number, found, pythons, rows[name], effort, programs)
    return results


@contextlib.contextmanager
def on(setting: Setting, spinner: StrPath) -> Iterator[None]:
    """Have what is started in the `with` block run on what *setting* says.

    Parameters:
        spinner: path of spin.c, compiled.
    """
    before = os.sched_getaffinity(0)
    mine = processors()[: setting.processors]
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(os.sched_setaffinity, 0, before)
        for processor in mine if setting.busy else ():
            os.sched_setaffinity(0, [processor])
            spinning = subprocess.Popen([spinner, str(os.getpid())])
            cleanup.callback(spinning.wait)
            cleanup.callback(spinning.kill)
        os.sched_setaffinity(0, mine)
        yield


def _measure_round(
    number: int,
    results: Results,
    pythons: Mapping[str, str],
    rows: list[str],
    effort: Effort,
    programs: Programs,
) -> None:
    order = KINDS if number % 2 == 0 else KINDS[::-1]
    for row in rows:
        for kind in order:
            if row == "kept":
                if number < SPACE_ROUNDS:
                    count = kept_threads(effort)
                    found = _worker(pythons[kind], row, count)["space"]
                    results.space.setdefault(kind, []).append(found)
            else:
                _measure_row(results, kind, pythons[kind], row, effort, programs)
    command = [programs[FLOOR], FLOOR_LOOPS // effort.divisor, effort.samples]
    output = _output(command)
    results.floor.append(output["values"])
    results.switches.setdefault(FLOOR, []).append(output["switches"])


def kept_threads(effort: Effort) -> int:
    """Return of how many finished threads the objects are kept."""
    return max(1, ROWS["kept"].loops // effort.divisor)


def _measure_row(
    results: Results,
    kind: str,
    python: str,
    row: str,
    effort: Effort,
    programs: Programs,
) -> None:
    rounds = getattr(results, kind).setdefault(row, [])
    if row == "shutdown_2000":
        rounds.append([_shutdown(python)])
        return
    loops = max(1, ROWS[row].loops // effort.divisor)
    more = [programs["gilstate"]] if row == "gilstate" else []
    output = _worker(python, row, loops, effort.samples, *more)
    rounds.append(output["values"])
    if row == "start_join":
        results.switches.setdefault(kind, []).append(output["switches"])
    results.failed[kind] = results.failed.get(kind, 0) + output.get("failed", 0)


def _shutdown(python: str) -> float:
    """Return the seconds from the end of the program to the exit of its process."""
    ends: float = _worker(python, "shutdown_2000")["ends"]
    # The clock is the system's, the same in both processes.
    return time.monotonic() - ends


def _worker(
    python: str, row: str, loops: int = 1, samples: int = 1, *more: StrPath
) -> Any:
    return _output([python, "-I", "-S", WORKER, row, loops, samples, *more])


def _output(command: Sequence[object]) -> Any:
    """Run *command* and return the JSON that it prints; Problem if it fails."""
    name = command[0]
    result = process.said(list(map(str, command)), timeout=TIMEOUT)
    if result.returncode:
        said = process.last_words(result)
        raise Problem(f"{name} fails with status {result.returncode}: {said}")
    try:
        return json.loads(result.stdout)
    except ValueError:
        raise Problem(f"{name} is no Python interpreter; name another") from None


def _compile(name: str) -> Path:
    """Compile the program *name* of PROGRAMS and return its path."""
    source = HOME / f"{name}.c"
    program = layout.BUILD / "bench" / name
    return csource.compiled(source, program, PROGRAMS[name], f"{name}.c")


def report(results: Mapping[str, Results], effort: Effort, markdown: bool) -> list[str]:
    """Return the lines of the tables of *results*, with remarks."""
    lines = []
    for name, found in results.items():
        lines += ["", SETTINGS[name].title, ""]
        if found.stock:
            lines += [*_table(found, markdown), ""]
        lines += [*_space_lines(found, effort), *_floor_lines(found)]
        for kind, count in found.failed.items():
            if count:
                lines.append(f"note: join() raised {count} times in {kind}: the race")
    rounds = f"medians of {effort.rounds} rounds; shutdown is that of the whole process"
    return [*lines, "", rounds]


def comparisons(results: Results) -> list[stats.Comparison]:
    """Return a Comparison for each row of *results*."""
    return [
        stats.compare(ROWS[row].title, stock, results.patched[row])
        for row, stock in results.stock.items()
    ]


def plot(results: Mapping[str, Results], directory: Path) -> list[Path]:
    """Draw the ratios of *results*, {setting: Results}, into *directory*.

    Returns the paths that were written, in order.
    """
    written = []
    for name, found in results.items():
        if found.stock:
            path = directory / f"performance-{name}.svg"
            files.write(path, plots.ratios(SETTINGS[name].title, comparisons(found)))
            written.append(path)
    return written


def _table(results: Results, markdown: bool) -> list[str]:
    table = [stats.HEADER, *map(stats.cells, comparisons(results))]
    if markdown:
        return tables.markdown(table, (0, -1)).splitlines()
    return tables.plain(table, (0, -1))


def _space_lines(results: Results, effort: Effort) -> Iterator[str]:
    """Yield the lines about the address space."""
    if results.space:
        stock, patched = (statistics.median(results.space[kind]) for kind in KINDS)
        title = ROWS["kept"].title.format(kept_threads(effort))
        yield (
            f"{title}: {stock / 1e6:,.0f} MB stock, {patched / 1e6:,.0f} MB patched, "
            f"{patched / stock:.2f} times"
        )


def _floor_lines(results: Results) -> list[str]:
    floor = stats.compare("", results.floor, results.floor).stock
    lines = [
        f"floor, pthread_create, a lock handed over, pthread_join in C: "
        f"{stats.microseconds(floor)} µs{_switches(results, FLOOR)}"
    ]
    for kind in KINDS:
        measured = getattr(results, kind).get("start_join")
        if measured:
            times = stats.compare("", results.floor, measured).ratio
            lines.append(
                f"start + join, {kind}: {times.median:.2f} times the floor "
                f"(quartiles {times}){_switches(results, kind)}"
            )
    return lines


def _switches(results: Results, kind: str) -> str:
    number = statistics.median(results.switches[kind])
    return f", {number:.2f} voluntary context switches"
