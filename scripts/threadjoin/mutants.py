"""Plant bugs in the patched interpreter, one at a time, and see each found.

mutants.json says of each bug what it plants, where, and which tests have to
find it. A bug is planted in a copy of the patched build, a workplace, which is
as the build was when the bug has been looked for: no interpreter stays there.
"""

import json
import os
import queue
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import devenv, errors, interpreter, layout, process, workcopy, workplace
from .errors import Problem
from .progress import duration

DATA = layout.ROOT / "tests" / "mutants" / "mutants.json"
PAGE = layout.ROOT / "docs" / "mutants.md"
TESTS = Path("tests", "integration")

VARIANT = "debug"

#: Seconds that the tests of one bug may take; a hang ends much earlier.
LIMIT = 300

#: Seconds after which the tests take a script to hang: see harness.py. What
#: they run takes a second or two.
PATIENCE = 15

#: Bugs that are looked for at the same time. Most of their tests sleep until
#: a hang is known for one, so these are more than the processors. But each
#: has a workplace, of 300 MB.
JOBS = min(3 * (os.cpu_count() or 1), 8)

#: Compiling is work: as many at once as there are processors, so that the
#: tests that run meanwhile are not taken to hang.
_compilers = threading.BoundedSemaphore(os.cpu_count() or 1)

#: What make would do again after any change to the interpreter, by running
#: it: these do not depend on what is planted.
KEPT = (
    "Programs/_freeze_module",
    "_bootstrap_python",
    "Python/deepfreeze/deepfreeze.c",
)

#: The exit statuses of pytest.
PASSED, FAILED = 0, 1


@dataclass(frozen=True)
class Edit:
    """A place in the source, and what is put there."""

    file: str  # path in the source tree
    old: str  # found there once
    new: str


@dataclass(frozen=True)
class Mutant:
    """A bug to plant."""

    name: str
    plants: str  # what goes wrong, for people, as Markdown
    edits: tuple  # of Edit
    tests: tuple  # node identifiers below tests/integration; one has to fail
    ci: bool = True  # is it quick enough for each change of the project?

    def files(self):
        """Return the names of the files that it changes, each once."""
        return sorted({edit.file for edit in self.edits})


def load(data=DATA):
    """Return the Mutants that the file *data* lists.

    Raises Problem when two have the same name.
    """
    mutants = [_mutant(entry) for entry in json.loads(data.read_text())]
    names = [mutant.name for mutant in mutants]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Problem(f"{data.name} has {min(twice)} twice; give one another name")
    return mutants


def _mutant(entry):
    # A text of several lines is a list of them.
    edits = [
        Edit(edit["file"], _text(edit["old"]), _text(edit["new"]))
        for edit in entry["edits"]
    ]
    rest = {key: entry[key] for key in ("name", "plants", "ci") if key in entry}
    return Mutant(edits=tuple(edits), tests=tuple(entry["tests"]), **rest)


def _text(value):
    return value if isinstance(value, str) else "\n".join(value)


def planted(tree, mutant):
    """Return what the files of the source *tree* are with the bug in them.

    Returns a dict, {name of the file: its text}. Raises Problem when the tree
    has not, or more than once, what the bug is to take the place of.
    """
    texts = {}
    for edit in mutant.edits:
        text = texts.get(edit.file) or (tree / edit.file).read_text()
        times = text.count(edit.old)
        if times != 1:
            raise Problem(
                f"{mutant.name} does not apply any more: {edit.file} has what it "
                f"replaces {times} times; see what is there now, and mend "
                f"{DATA.relative_to(layout.ROOT)}"
            )
        texts[edit.file] = text.replace(edit.old, edit.new)
    return texts


def _patched(home):
    """Return the patched Interpreter that is built in the directory *home*."""
    return interpreter.Interpreter("patched", home, interpreter.VARIANTS[VARIANT])


class Workplace:
    """A copy of the patched build, to plant bugs in.

    Parameters:
        home: Path of its directory, which nothing else uses.
        pristine: the interpreter.Interpreter that it is a copy of.
        python: command, a list of str, of the Python that runs pytest.
    """

    def __init__(self, home, pristine, python):
        self._pristine = pristine
        self._copy = _patched(home)
        self._stamp = home / "copy-of.json"
        cache = f"cache_dir={home / 'pytest_cache'}"
        self._pytest = [*python, "-m", "pytest", "-x", "-q", "-o", cache]

    def prepare(self, mutants):
        """Make the copy, unless it is there; take out all that is planted.

        Parameters:
            mutants: the Mutants that may have been planted before.
        """
        of = self._digest()
        if not (self._stamp.exists() and self._stamp.read_text() == of):
            workcopy.remove(self._stamp.parent)
            for name in ("source", "objects"):
                of_pristine = getattr(self._pristine, name)
                shutil.copytree(of_pristine, getattr(self._copy, name), symlinks=True)
            self._stamp.write_text(of)
        self._restore({file for mutant in mutants for file in mutant.files()})

    def _digest(self):
        status = self._pristine.python.stat()
        return json.dumps([status.st_size, status.st_mtime_ns])

    def _restore(self, files):
        workcopy.remove(self._copy.python)
        for name in files:
            _put(self._copy.source / name, (self._pristine.source / name).read_text())

    def finds(self, mutant):
        """Plant the bug, and return whether a test finds it.

        Raises Problem when it cannot be planted, compiled or tested.
        """
        for name, text in planted(self._pristine.source, mutant).items():
            _put(self._copy.source / name, text)
        try:
            kept = [word for name in KEPT for word in ("-o", name)]
            with _compilers:
                self._copy.compile(1, [*kept, "python"])
            return self._tested(mutant)
        finally:
            self._restore(mutant.files())

    def _tested(self, mutant):
        log = self._copy.log(mutant.name)
        tests = [str(TESTS / test) for test in mutant.tests]
        environment = process.environment(
            THREADJOIN_PATCHED=str(self._copy.python),
            THREADJOIN_PATIENCE=str(PATIENCE),
        )
        command = [*self._pytest, *tests]
        status = process.status(
            command, log, timeout=LIMIT, cwd=layout.ROOT, env=environment
        )
        if status not in (PASSED, FAILED):
            raise process.Failed(f"pytest could not test {mutant.name}", log)
        return status == FAILED


def _put(path, text):
    """Write *text* into the file; one that has it keeps its time."""
    if path.read_text() != text:
        path.write_text(text)


def hunt(mutants, places, report):
    """Look for all *mutants*, one at a time in each of the *places*.

    Parameters:
        mutants: the Mutants.
        places: the Workplaces, prepared.
        report: called with each Mutant, whether it was found, and the seconds
            that it took, as soon as that is known.

    Returns the Mutants that no test has found.
    """
    free = queue.SimpleQueue()
    for place in places:
        free.put(place)

    def one(mutant):
        place = free.get()
        begun = time.monotonic()
        try:
            found = place.finds(mutant)
        finally:
            free.put(place)
        report(mutant, found, time.monotonic() - begun)
        return found

    with ThreadPoolExecutor(len(places)) as executor:
        tasks = [executor.submit(one, mutant) for mutant in mutants]
        try:
            found = [task.result() for task in tasks]
        except BaseException:
            for task in tasks:
                task.cancel()
            raise
    return [mutant for mutant, seen in zip(mutants, found) if not seen]


_INTRODUCTION = """\
# The bugs that are planted, and what finds them

Written by `scripts/mutants --write`, which does so when it has seen each found.
A bug is planted in a copy of the patched build, and the tests named beside it
are run on that; one of them has to fail. `scripts/mutants NAME` plants one.

"""


def page(mutants):
    """Return the text of the page about *mutants* that were all found."""
    lines = ["| planted | name | in | found by |", "|---|---|---|---|"]
    for mutant in mutants:
        files = ", ".join(f"`{name}`" for name in mutant.files())
        tests = ", ".join(map(_linked, mutant.tests))
        lines.append(f"| {mutant.plants} | {mutant.name} | {files} | {tests} |")
    return _INTRODUCTION + "\n".join(lines) + "\n"


def _linked(test):
    file, _, name = test.partition("::")
    path = os.path.relpath(layout.ROOT / TESTS / file, PAGE.parent)
    return f"`{name}` in [{Path(file).stem}]({path})"


def run(mutants, jobs, report):
    """Look for *mutants* in *jobs* workplaces; return those not found.

    Parameters:
        report: as hunt() has it.

    Raises Problem when there is no patched build, or something fails.
    """
    home = layout.BUILD / layout.DEFAULT_SERIES
    pristine = _patched(home / VARIANT)
    if not pristine.python.exists():
        raise Problem(
            f"there is nothing to plant bugs in; run ./build.sh --variant {VARIANT}"
        )
    # First of all, for it takes no time.
    for mutant in mutants:
        planted(pristine.source, mutant)
    python = [str(devenv.VENV / "bin" / "python")]
    with workplace.occupied(home / "mutants"):
        places = [
            Workplace(home / "mutants" / str(number), pristine, python)
            for number in range(min(jobs, len(mutants)))
        ]
        with ThreadPoolExecutor() as executor:
            known = load()
            list(executor.map(lambda place: place.prepare(known), places))
        return hunt(mutants, places, report)


def _parser():
    parser = errors.Parser(
        prog="scripts/mutants",
        description="Plant bugs in copies of the patched build, and see that the "
        "tests find each. Which bugs and which tests is in "
        f"{DATA.relative_to(layout.ROOT)}.",
    )
    parser.add_argument(
        "name", nargs="*", metavar="NAME", help="only these bugs (default: all)"
    )
    parser.add_argument(
        "--list", action="store_true", help="only list the bugs, plant none"
    )
    parser.add_argument(
        "--jobs",
        type=errors.count,
        default=JOBS,
        metavar="N",
        help="N of them at the same time (default: %(default)s)",
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help=f"write the page {PAGE.relative_to(layout.ROOT)}, if all are found",
    )
    return parser


def _chosen(mutants, names):
    known = {mutant.name: mutant for mutant in mutants}
    for name in names:
        if name not in known:
            raise Problem(f"no bug is called {name}; scripts/mutants --list has them")
    return [known[name] for name in names] or mutants


def main(argv):
    """Run the command line *argv* (a list of str); raise Problem on a survivor."""
    args = _parser().parse_args(argv)
    mutants = _chosen(load(), args.name)
    if args.list:
        for mutant in mutants:
            print(f"{mutant.name:32} {mutant.plants}")
        return
    if args.write and args.name:
        raise Problem("the page is of all bugs; leave the names out to --write it")
    # A background job of a shell has SIGINT ignored, and so have its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def report(mutant, found, seconds):
        verdict = "found" if found else "NOT FOUND"
        print(f"{mutant.name:32} {verdict:10} {duration(seconds):>12}", flush=True)

    survivors = run(mutants, args.jobs, report)
    if survivors:
        names = ", ".join(mutant.name for mutant in survivors)
        raise Problem(f"no test finds {names}; write one that does")
    if args.write:
        PAGE.write_text(page(mutants))
