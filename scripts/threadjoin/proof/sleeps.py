"""Show the race in Thread.join() by sleeps, the pull request's own way.

Takes any stock interpreter of 3.9 to 3.12, puts the sleeps of a debug patch
into a private copy of its Lib/threading.py, and has two threads join a third,
again and again, with that copy. scripts/repro_join_race.py needs neither patch
nor sleeps; this is here to see the same thing by other means.

Exit status: 0 no join failed, 1 some did, 2 it could not be run.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ..core import git, layout, process
from ..core.errors import Problem
from ..core.layout import StrPath

PATCH = layout.PATCHES / "debug" / "3.11" / "join-race-sleeps.patch"
LOOP = layout.ROOT / "tests" / "sleeps" / "loop.py"

#: Seconds for a round, which sleeps for half a second, on a busy machine.
ROUND_TIMEOUT = 10


def insert(python: StrPath, directory: Path, patch: Path) -> None:
    """Put *python*'s threading.py, with *patch* applied, into *directory*/Lib.

    Raises Problem when it does not fit, saying so.
    """
    source = process.ask(
        python, "import json, threading; print(json.dumps(threading.__file__))"
    )
    library = directory / "Lib"
    library.mkdir()
    shutil.copyfile(source, library / "threading.py")
    # A scratch directory that belongs to no repository, whatever is above it.
    git.run(directory, "init", "--quiet", "--template=")
    result = git.attempt(directory, "apply", str(patch))
    if result.returncode:
        raise Problem(
            f"the sleeps have no place in the threading.py of {python}; take a "
            "stock Python 3.9 to 3.12"
        )


def run(python: StrPath, library: Path, rounds: int) -> int:
    """Run the loop with the threading.py in *library*; return the exit status."""
    command = [python, "-I", "-S", LOOP, library, str(rounds)]
    result = process.said(command, timeout=ROUND_TIMEOUT * rounds)
    if result.returncode not in (0, 1) or not result.stdout:
        words = process.last_words(result)
        raise Problem(f"{python} could not run the loop: {words}")
    print(result.stdout, end="")
    return result.returncode
