"""Keep the counts of runs of the soak, and write the page of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ...building.identity import Python
from ...core import layout, tables
from ...core.progress import duration
from ...series import catalog
from .. import kept, pages
from .session import Soak

HOME = layout.BUILD / "soak"


@dataclass(frozen=True)
class Record:
    """One run: how it was made, and its counts."""

    series: str  # its name
    digest: str  # of the series, as it was then
    version: str  # sys.version
    debug: bool
    perturbed: bool
    seed: int  # of the first program
    jobs: int  # programs at the same time
    seconds: float
    programs: int
    joins: int
    waited: int  # of them, joins of threads that were alive
    threads: int
    forks: int
    failures: int

    @classmethod
    def of(
        cls, state: Soak, python: Python, perturbed: bool, seed: int, jobs: int
    ) -> Record:
        """Return the Record of *state*, whose programs *python* has run.

        Other parameters: as the fields are.
        """
        series = catalog.series_for(python.release)
        counts = {name: state.counts[name] for name in COUNTS}
        return cls(
            series=series.name,
            digest=series.digest,
            version=python.version,
            debug=python.debug,
            perturbed=perturbed,
            seed=seed,
            jobs=jobs,
            seconds=round(state.seconds, 1),
            programs=state.programs,
            failures=len(state.failures),
            **counts,
        )

    def save(self, home: Path = HOME) -> None:
        """Keep it with those before it below *home*."""
        known = [asdict(one) for one in load(self.series, home)]
        kept.save(home / self.series / "runs.json", [*known, asdict(self)])


#: The counts of the programs that a page has.
COUNTS = ("joins", "waited", "threads", "forks")


def load(series: str, home: Path = HOME) -> list[Record]:
    """Return the Records of *series* that save() kept below *home*, in their order."""
    path = home / series / "runs.json"
    if not path.is_file():
        return []
    return [kept.restored(Record, entry) for entry in json.loads(path.read_text())]


def markdown(series: catalog.Series, records: Iterable[Record]) -> str:
    """Return the page of *series* as it is, in Markdown.

    It leaves out those *records* that are of an older series.
    """
    found = [one for one in records if one.digest == series.digest]
    rows = [
        ("", "programs", "time", *COUNTS, "failed"),
        *([_label(one), *_figures([one])] for one in found),
        ["all", *_figures(found)],
    ]
    return pages.page(
        "The soak: what it has run",
        "scripts/soak --table",
        pages.measured([series.name]),
        "Random programs that start, join, fork, interrupt and end threads and\n"
        "processes count what they do ([how](../../soak.md)). *waited*: the joins of\n"
        "threads that were alive.",
        tables.markdown(rows),
    )


def _label(record: Record) -> str:
    kind = "debug" if record.debug else "release"
    how = ", perturbed" if record.perturbed else ""
    return f"{record.version.split()[0]}, {kind}{how}, seeds from {record.seed}"


def _figures(records: list[Record]) -> list[str]:
    return [
        f"{sum(one.programs for one in records):,}",
        duration(sum(one.seconds for one in records)),
        *(f"{sum(getattr(one, name) for one in records):,}" for name in COUNTS),
        f"{sum(one.failures for one in records):,}",
    ]
