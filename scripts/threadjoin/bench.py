"""Measure a patched interpreter against the stock one, side by side.

Every round measures each row in both interpreters, one right after the other,
each time in a new process, and whichever went first in one round goes second
in the next. So both meet the machine in the same moods, and it is the ratio
that counts: its median over the rounds, and its quartiles. A row is called
slower or faster where chance would make it look so once in a hundred times.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import bench_stats, bench_worker, csource, devenv, errors, layout, process
from .errors import Problem
from .progress import Progress

WORKER = Path(bench_worker.__file__).resolve()
FLOOR_SOURCE = WORKER.with_name("bench_floor.c")

KINDS = ("stock", "patched")
FLOOR = "floor"
FLOOR_LOOPS = 400

#: Seconds for one process, a hundred times what the slowest row takes.
TIMEOUT = 300


@dataclass(frozen=True)
class Effort:
    """How much to measure."""

    rounds: int
    samples: int = 5
    divisor: int = 1  # of every row's loops


@dataclass
class Results:
    """What was measured: for each row, a list of samples a round, in seconds."""

    stock: dict = field(default_factory=dict)
    patched: dict = field(default_factory=dict)
    floor: list = field(default_factory=list)
    failed: dict = field(default_factory=dict)  # kind: how many join() raised


def _parser():
    parser = errors.Parser(
        prog="scripts/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for kind in KINDS:
        parser.add_argument(
            f"--{kind}",
            metavar="PYTHON",
            help=f"the {kind} interpreter; default: the release build of ./build.sh",
        )
    parser.add_argument(
        "--rounds", type=errors.count, metavar="N", help="default: 20, with --quick 3"
    )
    parser.add_argument(
        "--quick", action="store_true", help="shorter samples: for a first look"
    )
    parser.add_argument(
        "--row",
        action="append",
        choices=bench_worker.ROWS,
        dest="rows",
        help="measure this row only; may be given several times",
    )
    parser.add_argument(
        "--self-check",
        action="store_true",
        help="measure the stock interpreter against itself: all ratios are about 1",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="save the samples too, as FILE-stock.json and FILE-patched.json, for "
        "`pyperf compare_to` (needs pyperf)",
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print the table as Markdown"
    )
    return parser


def main(argv):
    """Run the command line *argv* (a list of str)."""
    parser = _parser()
    args = parser.parse_args(argv)
    rounds = (3 if args.quick else 20) if args.rounds is None else args.rounds
    if args.self_check and args.patched:
        parser.error("--self-check has no use for --patched")
    effort = Effort(rounds, divisor=5) if args.quick else Effort(rounds)
    pyperf = _pyperf(argv) if args.json else None
    if args.json and not os.access(args.json.parent, os.W_OK):
        raise Problem(f"cannot write --json into {args.json.parent}; name another")
    pythons = find_interpreters(args)
    process.require_python(*pythons.values())
    about = {kind: _worker(pythons[kind], "describe") for kind in KINDS}
    for line in notes(pythons, about):
        print(line)
    results = measure(pythons, args.rows or list(bench_worker.ROWS), effort)
    print(*report(results, effort, args.markdown), sep="\n")
    if pyperf:
        for path in save(pyperf, results, args.json, pythons, about):
            print(f"saved {path}")


def find_interpreters(args, build=layout.BUILD):
    """Return {"stock": path, "patched": path} for the command line *args*.

    Raises Problem, saying how to make it, when one is missing.
    """
    stock = args.stock or _built("stock", build)
    if args.self_check:
        return {"stock": stock, "patched": stock}
    return {"stock": stock, "patched": args.patched or _built("patched", build)}


def _built(kind, build):
    path = build / layout.DEFAULT_SERIES / "release" / kind / "obj" / "python"
    if not path.is_file():
        raise Problem(
            f"no {kind} interpreter to measure; run `./build.sh --variant "
            f"release`, or name one with --{kind}"
        )
    return str(path)


def notes(pythons, about):
    """Return lines that say what is measured, and what is amiss with it.

    Parameters:
        pythons: {kind: path}.
        about: {kind: what bench_worker.describe() returned}.
    """
    lines = []
    for kind in KINDS:
        build = ", a debug build" if about[kind]["debug"] else ""
        lines.append(f"{kind}: Python {about[kind]['version']}{build}, {pythons[kind]}")
    if about["stock"]["debug"] != about["patched"]["debug"]:
        lines.append("note: only one of them is a debug build; the ratios mean nothing")
    elif about["stock"]["debug"]:
        lines.append("note: debug builds; see how a release build does")
    return lines


def measure(pythons, rows, effort):
    """Measure *rows* in both interpreters, and the floor; return the Results.

    Parameters:
        pythons: {kind: path of the interpreter}.
        rows: names of rows, keys of bench_worker.ROWS.
        effort: an Effort.

    Raises Problem when an interpreter fails or hangs.
    """
    floor = _compile_floor()
    results = Results()
    progress = Progress(sys.stderr)
    with progress.stage(f"measure {effort.rounds} rounds"):
        for number in range(effort.rounds):
            order = KINDS if number % 2 == 0 else KINDS[::-1]
            for row in rows:
                for kind in order:
                    _measure_row(results, kind, pythons[kind], row, effort)
            command = [floor, FLOOR_LOOPS // effort.divisor, effort.samples]
            results.floor.append(_output(command)["values"])
    return results


def _measure_row(results, kind, python, row, effort):
    rounds = getattr(results, kind).setdefault(row, [])
    if row == "shutdown_2000":
        rounds.append([_shutdown(python)])
        return
    loops = max(1, bench_worker.ROWS[row].loops // effort.divisor)
    output = _worker(python, row, loops, effort.samples)
    rounds.append(output["values"])
    results.failed[kind] = results.failed.get(kind, 0) + output.get("failed", 0)


def _shutdown(python):
    """Return the seconds from the end of the program to that of its process."""
    ends = _worker(python, "shutdown_2000")["ends"]
    # The clock is the system's, the same in both processes.
    return time.monotonic() - ends


def _worker(python, row, loops=1, samples=1):
    return _output([python, "-I", "-S", WORKER, row, loops, samples])


def _output(command):
    """Run *command* and return the JSON that it prints; Problem if it fails."""
    name = command[0]
    try:
        result = subprocess.run(
            list(map(str, command)),
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=process.environment(),
            timeout=TIMEOUT,
        )
    except OSError as exc:
        raise Problem(f"cannot run {name}: {exc.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Problem(f"{name} was stopped after {TIMEOUT} s") from None
    if result.returncode:
        said = (result.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Problem(f"{name} fails with status {result.returncode}: {said}")
    try:
        return json.loads(result.stdout)
    except ValueError:
        raise Problem(f"{name} is no Python interpreter; name another") from None


def _compile_floor():
    """Compile the C program of the floor and return its path."""
    program = layout.BUILD / "bench" / "floor"
    return csource.compiled(FLOOR_SOURCE, program, ["-O2", "-pthread"], "the floor")


def report(results, effort, markdown):
    """Return the lines of the table of *results*, and what is to say of it."""
    table = [bench_stats.HEADER]
    for row, stock in results.stock.items():
        title = bench_worker.ROWS[row].title
        compared = bench_stats.compare(title, stock, results.patched[row])
        table.append(bench_stats.cells(compared))
    render = bench_stats.markdown_table if markdown else bench_stats.text_table
    lines = ["", *render(table), ""]
    lines += _floor_lines(results)
    for kind, count in results.failed.items():
        if count:
            lines.append(f"note: join() raised {count} times in {kind}: the race")
    lines.append(
        f"medians of {effort.rounds} rounds; shutdown is that of the whole process"
    )
    return lines


def _floor_lines(results):
    floor = bench_stats.compare("", results.floor, results.floor).stock
    lines = [
        f"floor, pthread_create + pthread_join in C: "
        f"{bench_stats.microseconds(floor)} µs"
    ]
    for kind in KINDS:
        measured = getattr(results, kind).get("start_join")
        if measured:
            times = bench_stats.compare("", results.floor, measured).ratio
            lines.append(
                f"start + join, {kind}: {times.median:.2f} times the floor "
                f"(quartiles {times})"
            )
    return lines


def _pyperf(argv):
    """Return the module pyperf, the project's own environment's if need be."""
    try:
        import pyperf
    except ImportError:
        python = devenv.VENV / "bin" / "python"
        if any(devenv.VENV.glob("lib/python*/site-packages/pyperf")):
            script = str(layout.ROOT / "scripts" / "bench")
            sys.stdout.flush()
            os.execv(python, [str(python), script, *argv])
        raise Problem(
            "--json needs pyperf; run `scripts/test --setup`, which puts it into "
            "build/venv"
        ) from None
    return pyperf


def save(pyperf, results, path, pythons, about):
    """Save *results* beside *path*, a file of pyperf's for each interpreter.

    The floor is in both. Returns the paths that were written, in order.
    """
    written = []
    for kind in KINDS:
        measured = {**getattr(results, kind), FLOOR: results.floor}
        metadata = {
            "python_version": about[kind]["version"],
            "python_executable": pythons[kind],
            "unit": "second",
        }
        suite = pyperf.BenchmarkSuite(
            [
                _benchmark(pyperf, name, rounds, metadata)
                for name, rounds in measured.items()
            ]
        )
        target = path.with_name(f"{path.name.removesuffix('.json')}-{kind}.json")
        suite.dump(str(target), replace=True)
        written.append(target)
    return written


def _benchmark(pyperf, name, rounds, metadata):
    return pyperf.Benchmark(
        [
            pyperf.Run(
                samples, metadata={"name": name, **metadata}, collect_metadata=False
            )
            for samples in rounds
        ]
    )
