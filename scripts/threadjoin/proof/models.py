"""Check the models in tests/models with spin, and that the code has not changed.

For each model, models.json has the functions that it describes, with the SHA-256 of
their text, and the result that the check must have: that the model holds, or, for the
old protocol and for planted bugs, that there is a counterexample.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import files, layout, process
from ..core.errors import Problem
from ..core.layout import StrPath
from ..host import packages

MODELS = layout.ROOT / "tests" / "models"
DATA = MODELS / "models.json"

#: Seconds that one step of a check may take; few are usual.
PATIENCE = 600

#: Megabytes that the checker may use: few enough for a small machine.
MEMORY = 300

# Steps that a run of a model may have, and the size of the table of states, as a
# power of two: the checker allocates both at once, and its defaults are large.
DEPTH = 10_000
TABLE = 20

#: An entry of models.json.
Model = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """The result of checking a model."""

    holds: bool
    states: int  # how many there are, or were looked at
    megabytes: float  # what the checker used
    seconds: float  # what generating, compiling and running it took
    story: str  # the counterexample: what its steps print; "" if it holds


def check(
    model: Path,
    defines: Iterable[str] = (),
    memory: int = MEMORY,
    patience: float = PATIENCE,
) -> Outcome:
    """Check all interleavings of *model*; return the Outcome.

    Parameters:
        model: a Promela file.
        defines: names to define in it, such as "JOINERS=3".
        memory: megabytes that the checker may use.
        patience: seconds that each step may take.

    Raises Problem when spin or the compiler refuses it, and when the search was not
    complete, for lack of memory or time for example.
    """
    begun = time.monotonic()
    options = [f"-D{define}" for define in defines]
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        said = _run(["spin", *options, "-a", model], place, patience)
        # A claim about all of a run (ltl) takes another kind of search, which
        # does not look for deadlocks.
        claims = said.startswith("ltl ")
        kind = [] if claims else ["-DSAFETY"]
        limits = [f"-DMEMLIM={memory}", "-DCOLLAPSE"]
        # Most searches are short: optimizing takes longer than it saves.
        compiler = [*packages.compiler(), "-w", "-O0", *kind, *limits]
        _run([*compiler, "-o", "pan", "pan.c"], place, patience)
        search = ["./pan", f"-m{DEPTH}", f"-w{TABLE}", *(["-a"] if claims else [])]
        said = _run(search, place, patience)
        holds, states, megabytes = _verdict(model, said)
        story = ""
        if not holds:
            replay = ["spin", *options, "-k", f"{model.name}.trail", "-t", "-T"]
            story = _run([*replay, model], place, patience)
        seconds = time.monotonic() - begun
        return Outcome(holds, states, megabytes, seconds, story)


def _verdict(model: Path, said: str) -> tuple[bool, int, float]:
    """Return whether it holds, the states and the megabytes, from what pan *said*."""
    found = re.search(r"errors: (\d+)", said)
    states = re.search(r"(\d+) states, stored", said)
    used = re.search(r"([\d.]+)\s+total actual memory", said)
    holds = bool(found and found[1] == "0")
    # A search that ends early has no errors, either. It also ends early when it finds
    # one.
    unfinished = "Search not completed" in said or "max search depth" in said
    if not (found and states and used) or (holds and unfinished):
        why = re.search(r"(?:pan|error): (reached|out of memory|max search).*", said)
        raise Problem(
            f"{model.name} was not checked to its end: "
            f"{why[0] if why else _last_words(said)}; make it smaller"
        )
    return holds, int(states[1]), float(used[1])


def _run(command: Sequence[StrPath], place: Path, patience: float) -> str:
    """Run *command* in the directory *place* and return what it prints."""
    log = place / "log"
    status = process.bounded(command, log, patience, cwd=place)
    said = log.read_text(errors="replace")
    name = Path(command[0]).name
    if status is None:
        raise Problem(f"{name} was stopped after {patience} s; make the model smaller")
    if status and "errors:" not in said:
        raise Problem(f"{name} failed: {_last_words(said)}")
    return said


def _last_words(said: str) -> str:
    return " ".join(said.split())[-300:]


def function_text(source: Path, name: str) -> str:
    """Return the text of a function.

    Parameters:
        source: a file in C or Python.
        name: of the function; with its class for a method, "Thread.join".

    Raises Problem when there is no such function.
    """
    text = source.read_text()
    found = _in_python(text, name) if source.suffix == ".py" else _in_c(text, name)
    if found is None:
        raise Problem(f"{source.name} has no {name}(); the models name it")
    return found


def _in_python(text: str, name: str) -> str | None:
    found: Any = ast.parse(text)
    for word in name.split("."):
        named = [node for node in found.body if getattr(node, "name", None) == word]
        if not named:
            return None
        found = named[0]
    return ast.get_source_segment(text, found)


def _in_c(text: str, name: str) -> str | None:
    # PEP 7: the name begins a line, or stands after its type, and the body
    # ends with a brace that begins one.
    found = re.search(
        rf"^(?:\w[\w *]*[ *])?{name}\([^;{{]*\)\n?\s*{{.*?^}}$", text, re.M | re.S
    )
    return found and found[0]


def digests(entry: Model, trees: Mapping[str, Path]) -> dict[str, dict[str, str]]:
    """Return the digests of the functions that a model describes, as they are now.

    Parameters:
        entry: the model's entry in models.json.
        trees: {"stock": Path, "patched": Path} of CPython's sources.

    Returns a dict of the shape that the entry has: {file: {function: digest}}.
    """
    tree = trees[entry["of"]]
    return {
        file: {
            name: hashlib.sha256(function_text(tree / file, name).encode()).hexdigest()
            for name in names
        }
        for file, names in entry["functions"].items()
    }


def changed(entry: Model, trees: Mapping[str, Path]) -> list[str]:
    """Return the names of the functions that have changed since they were modelled."""
    now = digests(entry, trees)
    return [
        name
        for file, names in entry["functions"].items()
        for name, digest in names.items()
        if now[file][name] != digest
    ]


def other(trees: Mapping[str, Path]) -> set[str]:
    """Return the names of the functions that differ from the lead's, or are missing.

    Parameters:
        trees: as digests() has them, of another series.
    """
    found: set[str] = set()
    for entry in load().values():
        for file, names in entry["functions"].items():
            for name in names:
                one = {**entry, "functions": {file: {name: names[name]}}}
                try:
                    found.update(changed(one, trees))
                except Problem:
                    found.add(name)
    return found


def named(model: Path) -> set[str]:
    """Return the set of the functions that the comments of a model name.

    Parameters:
        model: a Promela file.

    They are what stands before "()" there: a set of str.
    """
    comments = re.findall(r"/\*.*?\*/", model.read_text(), re.S)
    return set(re.findall(r"[\w.]+(?=\(\))", " ".join(comments)))


def unmatched(model: Path, entry: Model) -> list[str]:
    """Return the functions that only one of a model and its entry names.

    Parameters:
        model: a Promela file.
        entry: the model's entry in models.json.

    Returns the names of functions, sorted: a function that is modelled and not
    watched, or watched and not modelled.
    """
    watched = {name for names in entry["functions"].values() for name in names}
    return sorted(named(model) ^ watched)


def record(trees: Mapping[str, Path], data: Path = DATA) -> None:
    """Write the digests of the functions as they are now into models.json."""
    entries = load(data)
    for entry in entries.values():
        entry["functions"] = digests(entry, trees)
    data.write_text(json.dumps(entries, indent=4) + "\n")


def load(data: Path = DATA) -> dict[str, Model]:
    """Return the content of models.json: {file name: entry}."""
    with files.data(data) as found:
        return dict(found)
