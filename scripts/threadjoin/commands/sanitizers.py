"""Run tests on interpreters with a sanitizer in them, and compare the reports."""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ..building import identity, interpreter
from ..building.identity import KINDS
from ..core import cli, files, layout
from ..core.errors import Problem
from ..core.progress import Progress
from ..host import devenv, workplace
from ..proof.regrtest import runner
from ..proof.sanitizers import results, runs
from ..series import catalog
from . import options


def _build(variant: str, series: catalog.Series) -> dict[str, Path]:
    """Build stock and patched of *series*; return their paths by role.

    Raises Problem when that fails.
    """
    for role in KINDS:
        command = [str(layout.ROOT / "build.sh"), series.name]
        command += ["--variant", variant, f"--{role}"]
        # What else was built is of this release, too.
        command += ["--release", series.base.version]
        if subprocess.run([*command, "--no-test"], check=False).returncode:
            raise Problem(f"{variant}: the {role} interpreter cannot be built")
    return {role: interpreter.built(role, variant, series.name) for role in KINDS}


def _parser(tools: Mapping[str, runs.Sanitizer]) -> cli.Parser:
    logs = os.path.relpath(results.HOME, layout.ROOT)
    parser = cli.Parser(
        prog="scripts/sanitizers",
        description="Build the stock and the patched interpreter with a sanitizer, "
        "run the tests of CPython and of the project about threads, fork, signals, "
        "embedding and subinterpreters on both, and print the reports. Fails when "
        "patched has a report that stock lacks, or any report in the files that the "
        "series adds, when a test does worse on patched, and when no test of a file "
        "passes.",
        epilog=f"Logs and reports are under {logs}.",
    )
    options.names(parser, "sanitizer", f"the sanitizers: {', '.join(tools)}", tools)
    options.several(parser, "--test", "run only this one", metavar="TEST")
    options.series(parser)
    options.processors(parser)
    options.repeat(parser, runs.REPEAT)
    options.page(
        parser,
        help="write the result to FILE, in Markdown, with what was run before of the "
        "other sanitizers",
    )
    return parser


def main(argv: list[str]) -> int:
    """Run the command line *argv*; return the exit status.

    Raises Problem when there are files of tests of which none has passed.
    """
    tools = runs.load()
    parser = _parser(tools)
    args = parser.parse_args(argv)
    if not (args.sanitizer or args.table):
        parser.error(f"name a sanitizer: {', '.join(tools)}")
    status = 0
    failed: list[str] = []
    if args.sanitizer:
        with workplace.held(results.HOME / args.series):
            status, failed = _measure(args, tools)
    if args.table:
        home = results.HOME / args.series
        outcomes = results.Outcome.load(home, tools, "sanitizer")
        files.write(args.table, results.markdown(tools, outcomes))
    if failed:
        raise Problem(f"no test has passed of {', '.join(failed)}")
    return status


def _measure(
    args: argparse.Namespace, tools: Mapping[str, runs.Sanitizer]
) -> tuple[int, list[str]]:
    """Return the exit status, and what idle() found."""
    data = runner.load()
    # Before anything is built, as far as that can be told without.
    runner.check(None, args.test)
    workplace.require_ascii()
    progress = Progress()
    devenv.ensure(progress)
    series = catalog.load_series(args.series)
    home = results.HOME / series.name
    plain = _build("debug", series)
    runner.check(plain["patched"], args.test)
    files = runs.added_files(series)
    status, failed = 0, []
    for name in args.sanitizer:
        units = args.test or tools[name].tests
        pythons = [
            identity.identify(path, role) for role, path in _build(name, series).items()
        ]
        result, places = runs.run(
            tools[name], pythons, plain, units, progress, home, args.jobs, args.repeat
        )
        found = runs.new_reports(result, places, files)
        outcome = results.Outcome.of(name, result, places, found, data)
        nothing = runs.idle(units, places)
        if not (args.test or nothing):
            outcome.save(home)
        for line in outcome.explain():
            progress.note(line)
        for test in found:
            if not results.excuse(test, data["sanitizers"]["excused"]):
                progress.note(places["patched"].reports[test].text)
        status = max(status, outcome.status)
        failed += [f"{name}: {what}" for what in nothing]
    return status, failed
