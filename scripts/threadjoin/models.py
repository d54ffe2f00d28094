"""Check the models in tests/models with spin, and that they are still of the code.

models.json says of each model which functions it models, with the SHA-256 of
their text, and what is to come of checking it: that it holds, or that a
counterexample is found, for the old protocol and for bugs that are planted.
"""

import ast
import hashlib
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass

from . import errors, layout, packages
from .errors import Problem
from .progress import Progress

MODELS = layout.ROOT / "tests" / "models"
DATA = MODELS / "models.json"

#: Seconds that one check may take; few are usual.
PATIENCE = 600


@dataclass(frozen=True)
class Outcome:
    """What came of checking a model."""

    holds: bool
    states: int  # how many there are, or were looked at
    story: str  # the counterexample: what its steps print; "" if it holds


def check(model, defines=()):
    """Check all interleavings of *model*; return the Outcome.

    Parameters:
        model: Path of a Promela file.
        defines: names to define in it, such as "JOINERS=3".

    Raises Problem when spin or the compiler refuses it, and when it was not
    looked at to its end.
    """
    options = [f"-D{define}" for define in defines]
    with tempfile.TemporaryDirectory() as place:
        said = _run(["spin", *options, "-a", model], place)
        # A claim about all of a run (ltl) takes another kind of search, which
        # does not look for deadlocks.
        claims = said.startswith("ltl ")
        kind = [] if claims else ["-DSAFETY"]
        compiler = [*packages.compiler(), "-w", "-O1", *kind]
        _run([*compiler, "-o", "pan", "pan.c"], place)
        done = _run(["./pan", "-m1000000", *(["-a"] if claims else [])], place)
        found = re.search(r"errors: (\d+)", done)
        if "error: max search depth" in done or not found:
            raise Problem(f"{model.name} was not looked at to its end: {done[-200:]}")
        states = re.search(r"(\d+) states, stored", done)
        holds = found[1] == "0"
        story = "" if holds else _story(model, options, place)
        return Outcome(holds, int(states[1]), story)


def _story(model, options, place):
    trail = f"{model.name}.trail"
    return _run(["spin", *options, "-k", trail, "-t", "-T", model], place)


def _run(command, place):
    """Run *command* in *place* and return what it says."""
    done = subprocess.run(
        command,
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode and "errors:" not in done.stdout:
        raise Problem(f"{command[0]} failed: {done.stdout.strip()[-300:]}")
    return done.stdout


def function_text(source, name):
    """Return the text of a function.

    Parameters:
        source: Path of a file in C or Python.
        name: of the function; with its class for a method, "Thread.join".

    Raises Problem when there is no such function.
    """
    text = source.read_text()
    found = _in_python(text, name) if source.suffix == ".py" else _in_c(text, name)
    if found is None:
        raise Problem(f"{source.name} has no {name}(); the models name it")
    return found


def _in_python(text, name):
    scope = ast.parse(text).body
    for word in name.split("."):
        named = [node for node in scope if getattr(node, "name", None) == word]
        if not named:
            return None
        scope = named[0].body
    return ast.get_source_segment(text, named[0])


def _in_c(text, name):
    # PEP 7: the name begins a line, or stands after its type, and the body
    # ends with a brace that begins one.
    found = re.search(
        rf"^(?:\w[\w *]*[ *])?{name}\([^;{{]*\)\n?\s*{{.*?^}}$", text, re.M | re.S
    )
    return found and found[0]


def digests(entry, trees):
    """Return the digests of the functions that a model is of, as they are now.

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


def changed(entry, trees):
    """Return the names of the functions that are not as the model has them."""
    now = digests(entry, trees)
    return [
        name
        for file, names in entry["functions"].items()
        for name, digest in names.items()
        if now[file][name] != digest
    ]


def record(trees, data=DATA):
    """Write the digests of the functions as they are now into models.json."""
    entries = json.loads(data.read_text())
    for entry in entries.values():
        entry["functions"] = digests(entry, trees)
    data.write_text(json.dumps(entries, indent=4) + "\n")


def load(data=DATA):
    """Return the content of models.json: {file name: entry}."""
    return json.loads(data.read_text())


def _parser():
    parser = errors.Parser(
        prog="scripts/models",
        description="Check the models of how threads are waited for: all "
        "interleavings of the old protocol, where the race is found, and of the new "
        "ones, which hold; and that the functions are still as they were modelled. "
        "Needs spin, which is installed where that is possible.",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="only record the functions as they are now: after having seen that "
        "the models are right for them",
    )
    parser.add_argument(
        "--story", action="store_true", help="print the counterexamples"
    )
    return parser


def main(argv):
    """Run the command line *argv* (a list of str); raise Problem on a surprise."""
    args = _parser().parse_args(argv)
    built = layout.BUILD / layout.DEFAULT_SERIES / "debug"
    trees = {kind: built / kind / "src" for kind in ("stock", "patched")}
    for tree in trees.values():
        if not tree.is_dir():
            raise Problem("there are no sources to compare with; run ./build.sh")
    if args.record:
        record(trees)
        return
    packages.provide_tool("spin", Progress(), layout.BUILD / "packages.log")
    surprises = [*_stale(trees), *_unexpected(args.story)]
    if surprises:
        raise Problem("; ".join(surprises))


def _stale(trees):
    for name, entry in load().items():
        for function in changed(entry, trees):
            yield (
                f"{function}() has changed since {name} was written; see whether "
                "the model is still right, then run scripts/models --record"
            )


def _unexpected(story):
    for name, entry in load().items():
        for run in entry["runs"]:
            outcome = check(MODELS / name, run["defines"])
            verdict = "holds" if outcome.holds else "counterexample"
            what = " ".join([name, *run["defines"]])
            print(f"{what:55} {verdict:14} {outcome.states:9,} states")
            if story and outcome.story:
                print(outcome.story)
            if verdict != run["expect"]:
                yield f"{what}: {verdict}, and not: {run['expect']}"
