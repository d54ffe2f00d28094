"""Tell which pages of results in docs/ are old, and make them anew.

docs/evidence.json has the pages, and the commands that make each.
"""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..building import interpreter
from ..core import layout
from ..core.errors import Problem
from . import pages

DATA = Path("docs") / "evidence.json"

#: The states of a page.
CURRENT, OLD, UNKNOWN, MISSING = "current", "old", "names no series", "missing"

#: In a command, an interpreter of a build: "{debug patched}".
_BUILT = re.compile(r"\{(\w+) (\w+)\}")

#: In a command, the interpreters that --python names.
_OTHERS = "{others}"


@dataclass(frozen=True)
class Page:
    """A page of results, from docs/evidence.json."""

    path: Path  # of the page
    commands: tuple  # that make it, in order: tuples of str
    minutes: int  # that they take, about: on two processors
    by_hand: str = ""  # what is left to do after them


def load(root=layout.ROOT):
    """Return the Pages of the project at *root*, those that take least first."""
    found = [
        Page(
            path=root / one.pop("page"),
            commands=tuple(map(tuple, one.pop("commands"))),
            **one,
        )
        for one in json.loads((root / DATA).read_text())
    ]
    return sorted(found, key=lambda page: page.minutes)


def state(page, patches=layout.PATCHES):
    """Return the state of *page*, one of CURRENT, OLD, UNKNOWN and MISSING.

    Parameters:
        patches: Path of the directory of all series.
    """
    if not page.path.is_file():
        return MISSING
    text = page.path.read_text()
    if any(pages.outdated(text, patches)):
        return OLD
    return CURRENT if pages.says_series(text) else UNKNOWN


def expand(command, others=()):
    """Return *command*, a tuple of str, with its interpreters' paths in it.

    Parameters:
        others: paths of further interpreters.

    Raises Problem when one of them is not built.
    """
    words = []
    for word in command:
        match = _BUILT.fullmatch(word)
        if match:
            variant, kind = match.groups()
            path = interpreter.built(kind, variant)
            if not path.is_file():
                raise Problem(
                    f"there is no {kind} {variant} build; run `./build.sh --no-test "
                    f"--variant {variant}`"
                )
            words.append(str(path))
        elif word == _OTHERS:
            words += others
        else:
            words.append(word)
    return words


def make(wanted, others, progress):
    """Make each of the Pages *wanted*; return those whose commands failed.

    What the commands print goes where this prints.
    """
    failed = []
    # All of them can be made, or none is begun: some take an hour.
    ready = [[expand(command, others) for command in page.commands] for page in wanted]
    for page, commands in zip(wanted, ready):
        name = page.path.relative_to(layout.ROOT)
        with progress.stage(f"make {name} (about {page.minutes} min)"):
            for command in commands:
                if subprocess.run(command, cwd=layout.ROOT, check=False).returncode:
                    failed.append(page)
                    break
        if page.by_hand:
            progress.note(f"{name}: {page.by_hand}")
    return failed
