"""Run the reproducers of the defects on any interpreters, and tabulate what they say.

A reproducer is a script that any Python from 3.9 on runs. Its exit status tells:
0 if the defect is not there, 1 if it is, anything else if that cannot be told.
"""

import json
import os
import signal
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import errors, layout, patchfile
from .errors import Problem

DATA = layout.ROOT / "tests" / "defects" / "defects.json"
TABLE = layout.ROOT / "docs" / "defects.md"

#: Seconds that a reproducer may take.
PATIENCE = 120

SOUND, DEFECT = 0, 1

#: Runs after which an interpreter that did not show a defect is taken not to have
#: it. Looking for one in all interleavings takes longer than showing it in one.
ENOUGH = 20

_LABEL = """
import platform, sys, _thread
patched = sys.version_info < (3, 13) and hasattr(_thread, "_ThreadHandle")
print(platform.python_version() + (" patched" if patched else ""))
"""


@dataclass(frozen=True)
class Defect:
    """A row of the table."""

    script: str  # path of the reproducer below the project
    what: str  # for people, as Markdown
    mended_by: str = ""  # subject of the patch from which on it is not there
    issue: int = 0  # upstream's; 0 for none


def load(data=DATA):
    """Return the Defects that the file *data* lists."""
    return [Defect(**entry) for entry in json.loads(data.read_text())]


def subjects(patches=layout.PATCHES):
    """Return the patches of all series below the directory *patches*.

    As {subject: {name of the series: path of the patch}}.
    """
    found = {}
    for name in layout.available(patches):
        for path in layout.load_series(name, patches).patches:
            found.setdefault(patchfile.read(path).subject, {})[name] = path
    return found


def label(python):
    """Return what to call the interpreter *python*: "3.11.2 patched".

    Raises Problem when it does not run.
    """
    try:
        return subprocess.run(
            [python, "-c", _LABEL], stdout=subprocess.PIPE, check=True, text=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as exc:
        raise Problem(f"{python} does not run ({exc}); name an interpreter") from None


def reproduce(python, script, times=1, jobs=1):
    """Run a reproducer.

    Parameters:
        python: path of the interpreter.
        script: path of the reproducer.
        times: how often, at most: ENOUGH times if none of those shows the defect.
        jobs: how many at the same time.

    Returns a Counter of the exit statuses; one that had to be stopped counts
    as None.
    """

    def once(_):
        with subprocess.Popen(
            [python, script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Its children too are in this group, and go when it does.
            start_new_session=True,
        ) as process:
            try:
                return process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return None

    first = min(times, ENOUGH)
    with ThreadPoolExecutor(jobs) as executor:
        counts = Counter(executor.map(once, range(first)))
        if counts[DEFECT]:
            counts.update(executor.map(once, range(times - first)))
    return counts


def verdict(statuses):
    """Return the words for a Counter of statuses, as reproduce() returns it."""
    times = sum(statuses.values())
    if statuses[SOUND] == times:
        return "no"
    if statuses[DEFECT] + statuses[SOUND] < times:
        return "cannot tell"
    return f"**yes**, {statuses[DEFECT]:,} of {times:,}" if times > 1 else "**yes**"


def table(defects, columns, patches):
    """Return the Markdown table of what was found.

    Parameters:
        defects: the Defects, a row each.
        columns: {label of an interpreter: verdicts, one a Defect}.
        patches: what mends them, as subjects() returns it.
    """
    lines = [
        "| defect | reproducer | mended in | " + " | ".join(columns) + " |",
        "|---|---|---|" + "---|" * len(columns),
    ]
    for row, defect in enumerate(defects):
        what = defect.what
        if defect.issue:
            url = f"https://github.com/python/cpython/issues/{defect.issue}"
            what += f" ([{defect.issue}]({url}))"
        path = Path("..", defect.script)
        mended = [
            f"{series} by [{patch.name[:4]}](../patches/{series}/{patch.name})"
            for series, patch in patches.get(defect.mended_by, {}).items()
        ]
        cells = [what, f"[{path.stem}]({path})", ", ".join(mended)]
        cells += [verdicts[row] for verdicts in columns.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


_INTRODUCTION = """\
# The defects, and who has them

Written by `scripts/defects --write`, from what it measured. A reproducer is a
small script that any Python from 3.9 on runs; its exit status tells. None waits
for luck: interleavings are forced, and what takes part in a race is held until
the other side has come.

Each ran {times} on each interpreter{enough}.
"Mended in" has the series that concern the defect, and the patch of each after which
it is not there any more.

"""


def _parser():
    parser = errors.Parser(
        prog="scripts/defects",
        description="Show which of the defects the interpreters have.",
        epilog=f"The reproducers are listed in {DATA.relative_to(layout.ROOT)}.",
    )
    parser.add_argument(
        "python",
        nargs="*",
        metavar="PYTHON",
        help="interpreters (default: those of the debug build)",
    )
    parser.add_argument(
        "--times",
        type=errors.count,
        default=1,
        metavar="N",
        help=f"run each N times, or {ENOUGH} where none of those shows the defect",
    )
    parser.add_argument(
        "--jobs",
        type=errors.count,
        default=1,
        metavar="N",
        help="N of them at the same time",
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help=f"write the table to {TABLE.relative_to(layout.ROOT)}",
    )
    return parser


def _default():
    built = layout.BUILD / layout.DEFAULT_SERIES / "debug"
    return [str(built / kind / "obj" / "python") for kind in ("stock", "patched")]


def main(argv):
    """Run the command line *argv* (a list of str).

    Raises Problem when a patched interpreter has a defect.
    """
    args = _parser().parse_args(argv)
    # A background job of a shell has SIGINT ignored, and so have its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    defects = load()
    columns = {}
    for python in args.python or _default():
        name = label(python)
        verdicts = columns[name] = []
        for defect in defects:
            script = layout.ROOT / defect.script
            counts = reproduce(python, str(script), args.times, args.jobs)
            verdicts.append(verdict(counts))
            print(f"{name:16} {script.stem:28} {verdicts[-1]}", flush=True)
    if args.write:
        times = "once" if args.times == 1 else f"{args.times:,} times"
        TABLE.parent.mkdir(exist_ok=True)
        enough = f", or {ENOUGH} times where none of those showed the defect"
        text = _INTRODUCTION.format(
            times=times, enough=enough if args.times > ENOUGH else ""
        ) + table(defects, columns, subjects())
        TABLE.write_text(text)
    for name, verdicts in columns.items():
        if name.endswith("patched") and set(verdicts) != {"no"}:
            raise Problem(f"{name} has a defect, or it cannot be told; see above")
