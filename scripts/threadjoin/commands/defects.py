"""Run the reproducers of the defects on any interpreters, and tabulate the verdicts."""

from __future__ import annotations

import signal

from ..building import identity, interpreter
from ..core import cli, files, layout, tables
from ..core.errors import Problem
from ..proof import defects, pages
from ..series import catalog
from . import options


def _parser() -> cli.Parser:
    parser = cli.Parser(
        prog="scripts/defects",
        description="Show which of the defects the interpreters have.",
        epilog="The reproducers are listed in "
        f"{defects.DATA.relative_to(layout.ROOT)}.",
    )
    options.names(parser, "python", "interpreters (default: those of the debug build)")
    options.series(parser)
    options.number(
        parser,
        "--times",
        f"run each N times, or {defects.ENOUGH} where none of those shows the defect",
        1,
    )
    options.jobs(parser)
    options.flag(
        parser,
        "--write",
        "write the table to docs/results/SERIES/defects.md",
    )
    return parser


def main(argv: list[str]) -> None:
    """Run the command line *argv*.

    Raises Problem when a patched interpreter has a defect.
    """
    args = _parser().parse_args(argv)
    # A background job of a shell has SIGINT ignored, and so have its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    known = defects.load()
    default = [interpreter.built(kind, series=args.series) for kind in identity.KINDS]
    pythons = [identity.identify(path) for path in args.python or default]
    if args.write:
        pythons.sort(key=defects.place)
    columns: dict[str, list[str]] = {name: [] for name in defects.labels(pythons)}
    for python, (name, verdicts) in zip(pythons, columns.items()):
        for defect in known:
            script = layout.ROOT / defect.script
            counts = defects.reproduce(python.path, script, args.times, args.jobs)
            verdicts.append(defects.verdict(counts))
            print(f"{name:16} {script.stem:28} {verdicts[-1]}", flush=True)
    stems = [layout.ROOT.joinpath(defect.script).stem for defect in known]
    marks = [map(defects.mark, verdicts) for verdicts in columns.values()]
    matrix = [["", *columns], *map(list, zip(stems, *marks))]
    print("", *tables.plain(matrix), "", defects.LEGEND, sep="\n")
    patched = [python for python in pythons if python.patched]
    if args.write:
        series = {catalog.series_for(python.release).name for python in patched}
        target = pages.path("defects.md", *sorted(series)[:1])
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write(target, defects.page(args.times, known, columns, series))
    wrong = [
        name
        for python, (name, verdicts) in zip(pythons, columns.items())
        if python.patched and set(verdicts) != {"no"}
    ]
    if wrong:
        said = " and ".join(wrong)
        raise Problem(f"{said}: a defect is there, or there is no verdict; see above")
