"""Run other people's libraries on two interpreters, and compare."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core import cli, files
from ..core.errors import Problem
from ..core.progress import Progress
from ..host import devenv, workplace
from ..proof import compare
from ..proof.downstream import compared, data, environments, names, results
from . import options


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="scripts/downstream",
        description="Run the tests of libraries that start, patch or watch threads "
        "on two interpreters, with the same wheels, and print what differs. A test "
        "that differs is repeated on both, and the counts decide whether it is "
        "flaky. Fails when a test does worse on the second interpreter.",
        epilog="Suites that were run with the same interpreters, versions and data are "
        "not run again. Everything is under build/downstream; the last output of the "
        "tests is there in work/*/LIBRARY/*/logs.",
    )
    options.pair(parser)
    options.names(parser, "library", "only these; see --list")
    options.flag(parser, "--list", "list the libraries, and run nothing")
    options.flag(parser, "--ci", "only the part that the project's CI runs")
    options.flag(
        parser,
        "--embedders",
        "run servers that embed Python, extensions that call it from their own "
        "threads, and tools that inspect a process, instead of those libraries. The "
        "interpreters have to be installed, and configured with --enable-shared",
    )
    options.flag(parser, "--pin", "pin the newest versions, run nothing")
    options.page(
        parser,
        "--names",
        "write to FILE, in Markdown, which of the installed libraries use private "
        "names of threading; run nothing",
    )
    options.flag(parser, "--again", "run suites again that have been run already")
    options.repeat(parser, compared.REPEAT)
    options.page(
        parser,
        help="write the results of all libraries on these two to FILE, in Markdown",
    )
    return parser


def main(argv: list[str]) -> int:
    """Run the command line *argv*; return the exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    collection = (
        data.EMBEDDERS_COLLECTION if args.embedders else data.LIBRARIES_COLLECTION
    )
    libraries = data.load(collection.libraries)
    if args.list:
        _list(libraries, collection)
    elif args.pin:
        _pin(libraries, collection)
    elif args.names:
        _names(args.names)
    else:
        return _compare(parser, args, libraries, collection)
    return 0


def _compare(
    parser: argparse.ArgumentParser,
    args: argparse.Namespace,
    libraries: dict[str, data.Library],
    collection: data.Collection,
) -> int:
    """Run what *args* name; return the exit status."""
    wanted = data.chosen(libraries, args.library)
    options.need_pair(parser, args)
    data.require(wanted)
    progress = Progress()
    with workplace.held(environments.HOME / collection.name):
        comparison = compared.Comparison(
            args.stock,
            args.patched,
            progress,
            args.repeat,
            args.ci,
            collection=collection,
        )
        found = [
            result
            for library in wanted
            for result in comparison.of(library, args.again)
        ]
        if args.table:
            files.write(args.table, comparison.page(libraries.values()))
    progress.note(results.plain(found))
    for line in results.explain(found):
        progress.note(line)
    idle = [f"{r.library}, {r.suite}" for r in found if r.idle]
    if idle:
        raise Problem(
            f"no test passes on {args.stock}: {'; '.join(idle)}; see the logs below "
            f"{environments.HOME / 'work'}"
        )
    return 1 if any(result.of(compare.WORSE) for result in found) else 0


def _list(libraries: dict[str, data.Library], collection: data.Collection) -> None:
    versions = data.pinned(collection.constraints)
    for name, library in libraries.items():
        suites = ", ".join(suite.name for suite in library.suites)
        version = versions.get(data.canonical(name), "")
        print(f"{' '.join(filter(None, (name, version)))}: {suites}")


def _pin(libraries: dict[str, data.Library], collection: data.Collection) -> None:
    progress = Progress()
    devenv.ensure(progress)
    environments.HOME.mkdir(parents=True, exist_ok=True)
    with progress.stage("find the newest versions"):
        log = environments.HOME / "pin.log"
        environments.pin(
            libraries.values(), collection.constraints, compared.pip(), log
        )


def _names(path: Path) -> None:
    wheels = environments.pinned_wheels(environments.HOME / "wheels")
    if not wheels:
        raise Problem("no wheels are here yet; run scripts/downstream STOCK PATCHED")
    files.write(path, names.page(wheels))
