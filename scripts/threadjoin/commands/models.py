"""Check the models in tests/models with spin, and that the code has not changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..building import interpreter
from ..building.identity import KINDS
from ..core import cli, layout
from ..core.errors import Problem
from ..core.progress import Progress
from ..host import packages
from ..proof import models
from . import options


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="scripts/models",
        description="Check the models of how threads are waited for: all "
        "interleavings of the old protocol, where the race is found, and of the new "
        "ones, which hold; and that the functions are still as they were modelled. "
        "Needs spin, which is installed where that is possible.",
    )
    options.flag(
        parser,
        "--record",
        "only record the functions as they are now; check first that the models still "
        "describe them",
    )
    options.flag(parser, "--story", "print the counterexamples")
    return parser


def main(argv: list[str]) -> None:
    """Run the command line *argv*; raise Problem on a surprise."""
    args = _parser().parse_args(argv)
    trees = {kind: interpreter.built(kind).parents[1] / "src" for kind in KINDS}
    for tree in trees.values():
        if not tree.is_dir():
            raise Problem("there are no sources to compare with; run ./build.sh")
    if args.record:
        models.record(trees)
        return
    packages.provide_tool("spin", Progress(), layout.BUILD / "packages.log")
    surprises = [*_stale(trees), *_unexpected(args.story)]
    if surprises:
        raise Problem("; ".join(surprises))


def _stale(trees: dict[str, Path]) -> Iterator[str]:
    for name, entry in models.load().items():
        for function in models.unmatched(models.MODELS / name, entry):
            yield (
                f"{function}() is named by only one of {name} and "
                f"{models.DATA.name}; name it in both, then run scripts/models --record"
            )
        for function in models.changed(entry, trees):
            yield (
                f"{function}() has changed since {name} was written; see whether "
                "the model is still right, then run scripts/models --record"
            )


def _unexpected(story: bool) -> Iterator[str]:
    for name, entry in models.load().items():
        for run in entry["runs"]:
            outcome = models.check(models.MODELS / name, run["defines"])
            verdict = "holds" if outcome.holds else "counterexample"
            what = " ".join([name, *run["defines"]])
            print(
                f"{what:55} {verdict:14} {outcome.states:9,} states"
                f" {outcome.megabytes:4.0f} MB {outcome.seconds:5.1f} s"
            )
            if story and outcome.story:
                print(outcome.story)
            if verdict != run["expect"]:
                yield f"{what}: {verdict}, and not: {run['expect']}"
