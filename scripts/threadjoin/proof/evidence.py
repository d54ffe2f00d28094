"""Tell which pages of results in docs/ are old, and make them anew.

docs/results/evidence.json has the pages that a series may have, in docs/results/SERIES,
and the commands that make each. The lead has all of them. stale.json beside the pages
lists the pages of an older series, and why they are old, since measuring takes hours.
Such a page says at its top that it is old. An old page that is not listed is an error.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..building import interpreter
from ..core import files, layout
from ..core.errors import Problem
from ..core.progress import Progress
from ..series import catalog
from . import pages

RESULTS = "docs/results"
DATA = f"{RESULTS}/evidence.json"

#: The list of pages that are known to be old, beside them: for each, which series it
#: is of, and why it is not made anew.
STALE = "stale.json"

#: The note below the heading of an old page.
_NOTE = "> **Of an older series: {}.** {}"

#: The states of a page.
CURRENT, OLD, UNKNOWN, MISSING = "current", "old", "names no series", "missing"

#: In a command, an interpreter of a build: "{debug patched}".
_BUILT = re.compile(r"\{(\w+) (\w+)\}")

#: In a command, the interpreters that --python names.
_OTHERS = "{others}"

#: In the data, the directory of the pages of a series, and its name. A page that is not
#: in such a directory is of the lead alone.
_PLACE, _SERIES = "{results}", "{series}"


@dataclass(frozen=True)
class Page:
    """A page of results, from an evidence.json."""

    path: Path  # of the page
    series: str  # its name
    commands: tuple[tuple[str, ...], ...]  # that make it, in order
    minutes: int  # that they take, about: on two processors
    stale: Path  # of the list of the pages of its series that are known to be old
    by_hand: str = ""  # a step that a person has to do after them


def load(root: Path = layout.ROOT) -> list[Page]:
    """Return the Pages of the project at *root*, the quickest first.

    A series has pages if there is a directory of its results.
    """
    text = (root / DATA).read_text()
    lead = {one["page"] for one in json.loads(text) if _PLACE not in one["page"]}
    found = []
    for place in sorted(path for path in (root / RESULTS).iterdir() if path.is_dir()):
        name = place.name
        filled = text.replace(_PLACE, f"{RESULTS}/{name}").replace(_SERIES, name)
        found += [
            Page(
                root / one["page"],
                name,
                tuple(map(tuple, one["commands"])),
                one["minutes"],
                place / STALE,
                one.get("by_hand", ""),
            )
            for one in json.loads(filled)
            if name == catalog.DEFAULT_SERIES or one["page"] not in lead
        ]
    return sorted(found, key=lambda page: page.minutes)


def state(page: Page, patches: Path = layout.PATCHES) -> str:
    """Return the state of *page*, one of CURRENT, OLD, UNKNOWN and MISSING.

    Parameters:
        patches: the directory of all series.
    """
    if not page.path.is_file():
        return MISSING
    text = page.path.read_text()
    if any(pages.outdated(text, patches)):
        return OLD
    return CURRENT if pages.of(text) else UNKNOWN


def _stale(path: Path) -> dict[str, dict[str, str]]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _digests(text: str) -> str:
    return ", ".join(f"{name} {digest}" for name, digest in pages.of(text))


def _note(entry: Mapping[str, str]) -> str:
    return _NOTE.format(entry["of"], entry["why"])


def faults(wanted: Iterable[Page], patches: Path = layout.PATCHES) -> Iterator[str]:
    """Yield the faults of the Pages *wanted*: old ones that do not say so.

    Parameters:
        patches: as state() has it.
    """
    for page in wanted:
        is_ = state(page, patches)
        entry = _stale(page.stale).get(page.path.name)
        name = page.path.relative_to(layout.ROOT)
        text = page.path.read_text() if is_ != MISSING else ""
        if is_ == CURRENT and (entry or _NOTE[:20] in text):
            yield f"{name} is current, and called old"
        elif is_ == OLD and not (entry and entry["of"] == _digests(text)):
            yield f"{name} is of {_digests(text)}, and not known to be old"
        elif is_ == OLD and entry and _note(entry) not in text:
            yield f"{name} does not say of which series it is"
        elif is_ == UNKNOWN or (
            is_ == MISSING and page.series == catalog.DEFAULT_SERIES
        ):
            yield f"{name}: {is_}"


def mark(wanted: Iterable[Page], why: str) -> None:
    """Mark those of the Pages *wanted* that are old, and list them in STALE.

    Parameters:
        why: the reason, for those that are not listed yet.
    """
    for page in wanted:
        is_ = state(page)
        if is_ not in (CURRENT, OLD):
            continue
        listed = _stale(page.stale)
        text = page.path.read_text()
        entry = listed.pop(page.path.name, None)
        text = re.sub(r"^> \*\*Of an older series: .*\n\n", "", text, flags=re.M)
        if is_ == OLD:
            of = _digests(text)
            if not entry or entry["of"] != of:
                entry = {"of": of, "why": why}
            listed[page.path.name] = entry
            title, _, rest = text.partition("\n\n")
            text = f"{title}\n\n{_note(entry)}\n\n{rest}"
        files.write(page.path, text)
        files.write(page.stale, json.dumps(listed, indent=4, sort_keys=True) + "\n")


def expand(
    command: Iterable[str],
    series: str = catalog.DEFAULT_SERIES,
    others: Iterable[str] = (),
) -> list[str]:
    """Return *command*, a tuple of str, with its interpreters' paths in it.

    Parameters:
        series: name of that of the page.
        others: paths of further interpreters.

    Raises Problem when one of them is not built.
    """
    words = []
    for word in command:
        match = _BUILT.fullmatch(word)
        if match:
            variant, kind = match.groups()
            path = interpreter.built(kind, variant, series)
            if not path.is_file():
                raise Problem(
                    f"there is no {kind} {variant} build; run `./build.sh {series} "
                    f"--no-test --variant {variant}`"
                )
            words.append(str(path))
        elif word == _OTHERS:
            words += others
        else:
            words.append(word)
    return words


def make(
    wanted: Sequence[Page], others: Iterable[str], progress: Progress
) -> list[Page]:
    """Make each of the Pages *wanted*; return those whose commands failed.

    The commands print to the same streams as this process.
    """
    failed = []
    # Check that all of them can be made before the first begins: some take an hour.
    ready = [
        [expand(command, page.series, others) for command in page.commands]
        for page in wanted
    ]
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
