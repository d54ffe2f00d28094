"""Run the reproducers of the defects on any interpreters, and tabulate the verdicts.

A reproducer is a script that any Python from 3.9 on runs. Its exit status is 0 if the
defect is not there, 1 if it is, and anything else if that is not known. Python itself
ends with 1 after an exception that is not caught: here, that counts as not known.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..building.identity import Python
from ..core import files, layout, process, tables
from ..core.layout import StrPath
from ..series import catalog, differences
from . import pages

DATA = layout.DEFECTS

#: Seconds that a reproducer may take.
PATIENCE = 120

SOUND, DEFECT, UNKNOWN = range(3)

#: Runs after which an interpreter counts as one without a defect. It takes longer to
#: look for it in all interleavings than to show it in one.
ENOUGH = 20

#: Loads a script, and changes the exit status after an exception that is not caught.
_PREPARATION = f"""
import os, sys

def hook(*caught):
    sys.__excepthook__(*caught)
    sys.stderr.flush()
    os._exit({UNKNOWN})

sys.excepthook = hook
del sys.argv[0]
sys.path[0] = os.path.dirname(sys.argv[0])
with open(sys.argv[0], encoding="utf-8") as script:
    code = compile(script.read(), sys.argv[0], "exec")
"""

#: Runs a script as if it had been named itself. The hook's names are not among
#: those of the script: sys, which has the hook, would keep them to the very end.
_RUNNER = f"""
space = {{}}
exec({_PREPARATION!r}, space)
code = space["code"]
del space
exec(code)
"""


@dataclass(frozen=True)
class Defect:
    """A row of the table."""

    script: str  # path of the reproducer below the project
    what: str  # for people, as Markdown
    mended_by: str = ""  # number of the patch from which on it is not there
    issue: int = 0  # upstream's; 0 for none


def load() -> list[Defect]:
    """Return the Defects that DATA lists; none in a copy without the tests."""
    if not DATA.exists():
        return []
    with files.data(DATA) as listed:
        return [Defect(**entry) for entry in listed]


def mending(series: catalog.Series, defect: Defect) -> str:
    """Return what fixes *defect* in the version of *series*, in Markdown, or "".

    That is a release of CPython, if upstream has fixed it there, or else a patch.
    """
    release = differences.load(series).mended.get(Path(defect.script).stem)
    if release:
        return f"CPython {release}"
    for path in series.patches:
        if path.name[:4] == defect.mended_by:
            link = f"{pages.UP}/patches/{series.name}/{path.name}"
            return f"[{defect.mended_by}]({link})"
    return ""


def left(series: catalog.Series, version: str) -> Iterator[tuple[Defect, str]]:
    """Yield (Defect, release): what is in *version*, and upstream has fixed later.

    A series has no patch for a defect that upstream has fixed in its version, and
    applies to the releases before that, too.

    Parameters:
        version: of a tree, such as "3.12.3+".
    """
    numbers = {path.name[:4] for path in series.patches}
    mended = differences.load(series).mended
    later = {n: r for n, r in mended.items() if _number(version) < _number(r)}
    # Do not read the data of the defects if there is nothing to list.
    for defect in load() if later else ():
        release = later.get(Path(defect.script).stem)
        if release and defect.mended_by and defect.mended_by not in numbers:
            yield defect, release


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def place(python: Python) -> tuple[bool, tuple[int, ...]]:
    """Return the key that sorts the columns of a page: the patched Pythons last."""
    return python.patched, _number(python.release)


def labels(pythons: Sequence[Python]) -> list[str]:
    """Return a different label for each of *pythons*."""
    names = [python.label for python in pythons]
    for more in (
        [", debug" if python.debug else ", release" for python in pythons],
        [f" ({number})" for number in range(1, len(pythons) + 1)],
    ):
        times = Counter(names)
        names = [n + m if times[n] > 1 else n for n, m in zip(names, more)]
    return names


def command(python: StrPath, script: StrPath) -> list[str]:
    """Return the command that runs the reproducer *script* on *python* (paths).

    It ends with the script's status, or with UNKNOWN.
    """
    return [str(python), "-c", _RUNNER, str(script)]


def reproduce(
    python: StrPath, script: StrPath, times: int = 1, jobs: int = 1
) -> Counter[int | None]:
    """Run a reproducer.

    Parameters:
        python: path of the interpreter.
        script: path of the reproducer.
        times: how often, at most: ENOUGH times if none of those shows the defect.
        jobs: how many at the same time.

    Returns a Counter of the exit statuses; one that had to be stopped counts
    as None.
    """

    def once(_: object) -> int | None:
        return process.bounded(command(python, script), os.devnull, PATIENCE)

    first = min(times, ENOUGH)
    with ThreadPoolExecutor(jobs) as executor:
        counts = Counter(executor.map(once, range(first)))
        if counts[DEFECT]:
            counts.update(executor.map(once, range(times - first)))
    return counts


def verdict(statuses: Counter[int | None]) -> str:
    """Return the words for a Counter of statuses, as reproduce() returns it."""
    times = sum(statuses.values())
    if statuses[SOUND] == times:
        return "no"
    if statuses[DEFECT] + statuses[SOUND] < times:
        return "cannot tell"
    return f"yes, {statuses[DEFECT]:,} of {times:,}" if times > 1 else "yes"


def mark(words: str) -> str:
    """Return the mark for the *words* of verdict(), which LEGEND explains."""
    if not words.startswith("yes"):
        return {"no": "–", "cannot tell": "?"}[words]
    shown, _, times = words.removeprefix("yes, ").partition(" of ")
    return "●" if shown in ("yes", times) else f"● {shown} of {times}"


def table(
    defects: Sequence[Defect],
    columns: Mapping[str, Sequence[str]],
    series: Iterable[catalog.Series],
) -> str:
    """Return the Markdown table of what was found.

    Parameters:
        defects: the Defects, a row each.
        columns: {label of an interpreter: verdicts, one a Defect}.
        series: those in which the table has what mends them.
    """
    known = list(series)
    heads = [f"mended in {one.name} by" for one in known]
    rows = [["defect", "reproducer", *heads, *columns]]
    for row, defect in enumerate(defects):
        what = defect.what
        if defect.issue:
            url = f"https://github.com/python/cpython/issues/{defect.issue}"
            what += f" ([{defect.issue}]({url}))"
        path = pages.UP / defect.script
        cells = [what, f"[{path.stem}]({path})"]
        cells += [mending(one, defect) for one in known]
        rows.append(cells + [mark(verdicts[row]) for verdicts in columns.values()])
    return tables.markdown(rows, None)


LEGEND = """\
● the defect is there; ● 3 of 20: it showed in so many of the runs; – it is not there; \
? cannot be told."""

_INTRODUCTION = """\
A reproducer is a small script that any Python from 3.9 on runs; its exit status
tells. None waits for luck: interleavings are forced, and what takes part in a race
is held until the other side has come.

Each ran {times} on each interpreter{enough}. "Mended by" has the patch after
which a defect is not there any more, or the release of CPython."""


def page(
    times: int,
    defects: Sequence[Defect],
    columns: Mapping[str, Sequence[str]],
    series: Iterable[str],
) -> str:
    """Return the page for the documentation.

    Parameters:
        times: how often each ran, at most.
        defects, columns: as table() has them.
        series: names of the series of the patched ones.
    """
    enough = f", or {ENOUGH} times where none of those showed the defect"
    introduction = _INTRODUCTION.format(
        times="once" if times == 1 else f"{times:,} times",
        enough=enough if times > ENOUGH else "",
    )
    names = sorted(series)
    return pages.page(
        "The defects, and who has them",
        "scripts/defects --write",
        pages.measured(names),
        introduction,
        LEGEND,
        table(defects, columns, map(catalog.load_series, names)),
    )
