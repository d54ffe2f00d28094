"""Run tests on interpreters with a sanitizer in them, and compare the reports."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from . import (
    devenv,
    downstream_compare,
    downstream_env,
    errors,
    interpreter,
    layout,
    patchfile,
    regrtest,
    regrtestdiff,
)
from . import sanitizer_reports as reports
from .downstream_run import FAILED, PASSED, SKIPPED
from .errors import Problem
from .progress import Progress

HOME = layout.BUILD / "sanitizers"

#: Repetitions, at most, of what has a report on one interpreter only. As many
#: as tell the two apart, if each of them has it again.
REPEAT = 4

#: Exit statuses of pytest that say that tests ran, whether they passed or not.
RAN = (0, 1)

#: What an id begins with that is of a report, and not of a test.
REPORT = "report: "


@dataclass(frozen=True)
class Sanitizer:
    """How a sanitizer is told what to do.

    Attributes:
        name: that of the variant that it is built with.
        variable: the environment variable that it reads.
        options: what is in it, but for where to write reports.
        arguments: of libregrtest.
        timeout: seconds for each file of tests.
        tests: units of regrtest, and files of tests of ours below the project.
    """

    name: str
    variable: str
    options: str
    arguments: tuple
    timeout: int
    tests: tuple


def load():
    """Return the Sanitizers that tests.json lists, by name."""
    data = regrtest.load()["sanitizers"]
    tests = tuple(data["tests"])
    return {
        name: Sanitizer(name, tests=tests, **entry)
        for name, entry in data["tools"].items()
    }


class Place(regrtest.Place):
    """As regrtest.Place; the reports are among the outcomes.

    Each is one that failed, called by REPORT and its signature.

    Parameters:
        tool: the Sanitizer.
        others: paths of the interpreters that our own tests take, by role.
        python, directory, settings: as regrtest.Place has them.
    """

    def __init__(self, tool, others, python, directory, settings):
        super().__init__(python, directory, settings)
        self.tool = tool
        self.reports = {}  # Report by id, the first of each
        self._others = others
        self._rounds = {}

    def command(self, unit, report):
        """Return the command that runs *unit*, and writes the Path *report*."""
        if not _is_ours(unit):
            return super().command(unit, report)
        pytest = [str(devenv.VENV / "bin" / "python"), "-m", "pytest"]
        return [*pytest, f"--rootdir={layout.ROOT}", str(layout.ROOT / unit)]

    def environment(self, unit, scratch):
        """Return the environment to run *unit* in, with the directory *scratch*."""
        self._rounds[unit] = self._rounds.get(unit, 0) + 1
        place = self._written(unit)
        place.mkdir(parents=True)
        env = super().environment(unit, scratch)
        env.update({f"THREADJOIN_{k.upper()}": str(v) for k, v in self._others.items()})
        env[self.tool.variable] = f"{self.tool.options}:log_path={place / 'report'}"
        return env

    def outcomes(self, unit, status, output, report):
        """Return the outcomes of *unit*, as regrtest.Place does."""
        found = super().outcomes(unit, status, output, report)
        if _is_ours(unit):
            # Slow as they are here, not all of them pass: that they ran will do.
            found = {unit: PASSED if status in RAN else FAILED}
        for path in sorted(self._written(unit).iterdir()):
            for one in reports.parse(path.read_text(errors="replace")):
                self.reports.setdefault(REPORT + one.signature, one)
                found[REPORT + one.signature] = FAILED
        return found

    def _written(self, unit):
        """Return the Path of the directory for the reports of this round."""
        name = f"{self.log(unit).stem}-{self._rounds[unit]}"
        return self.directory / "reports" / name


def _is_ours(unit):
    return unit.startswith("tests/")


def run(tool, pythons, others, units, progress, jobs=1, rounds=REPEAT, home=HOME):
    """Run *units* on both interpreters and return a pair of what came of it.

    Parameters:
        tool: the Sanitizer.
        pythons: the two downstream_env.Python, the stock one first.
        others: as Place has them; that of the role that runs is replaced.
        units: units of regrtest, or files of tests of ours.
        progress: a progress.Progress.
        jobs: how many units at the same time.
        rounds: repetitions, at most, of what differs.
        home: Path of a directory for logs and reports.

    Returns the regrtestdiff.Result and a dict of Place by role.
    """
    settings = regrtest.Settings(jobs, tool.timeout, tuple(tool.arguments))
    places, runs = {}, {}
    for python in pythons:
        role = python.role
        directory = home / tool.name / role
        mine = {**others, role: python.path}
        shutil.rmtree(directory, ignore_errors=True)
        place = places[role] = Place(tool, mine, python.path, directory, settings)
        with progress.stage(f"{tool.name}: {len(units)} files of tests ({role})"):
            runs[role] = place.run(units)
    _even_out(runs)
    result = regrtestdiff.judge(pythons, places, runs, progress, rounds)
    return result, places


def _even_out(runs):
    """Give stock an outcome for the reports that only patched has.

    Those that only stock has are held against nobody, and need no repetition.
    """
    for test in runs["patched"].outcomes:
        if test.startswith(REPORT):
            runs["stock"].outcomes.setdefault(test, SKIPPED)


def new_reports(result, places, files):
    """Return what the sanitizer has against patched, a dict of reason by id.

    Parameters:
        result, places: as run() returns them.
        files: names of the files that the series adds.

    Those that are excused are among it: see excuse().
    """
    found = {}
    for difference in result.differences:
        # Once is enough: what is rare is no better.
        if (
            difference.test.startswith(REPORT)
            and difference.patched == FAILED
            and difference.good["stock"] == difference.rounds
        ):
            again = difference.rounds - difference.good["patched"]
            found[difference.test] = (
                f"not on stock; again in {again} of {difference.rounds}"
            )
    for test, report in places["patched"].reports.items():
        if report.touches(files):
            found.setdefault(test, "in a file that the series adds")
    return found


def excuse(test, excuses):
    """Return why the report *test* is no fault of the series; None if it may be.

    Parameters:
        excuses: those of tests.json, reasons by regular expression.
    """
    signature = test.removeprefix(REPORT)
    return next(
        (why for what, why in excuses.items() if re.match(what, signature)), None
    )


def explain(name, result, places, found, excuses):
    """Yield the lines that tell what came of the sanitizer *name*.

    Other parameters: as run() and new_reports() return them, and as excuse()
    has them.
    """
    seen = {role: set(place.reports) for role, place in places.items()}
    for kind, tests in (
        ("on both", seen["stock"] & seen["patched"]),
        ("only on stock", seen["stock"] - seen["patched"]),
        ("only on patched", seen["patched"] - seen["stock"]),
    ):
        yield f"{name}: {len(tests)} reports {kind}"
        yield from (f"    {test.removeprefix(REPORT)}" for test in sorted(tests))
    for difference in result.differences:
        if not difference.test.startswith(REPORT):
            yield f"{name}: {difference.kind}: {difference}"
    for test in result.broken:
        yield f"{name}: fails on both: {test}"
    for test, reason in sorted(found.items()):
        why = excuse(test, excuses)
        kind = "excused" if why else "new"
        yield f"{name}: {kind}: {test.removeprefix(REPORT)}: {reason}"
        yield why or places["patched"].reports[test].text


def added_files(series):
    """Return the names of the files that *series* (a layout.Series) adds."""
    patches = map(patchfile.read, series.patches)
    return {c.name for patch in patches for c in patch.changes if c.created}


def _built(variant, role):
    home = layout.BUILD / layout.DEFAULT_SERIES / variant
    return interpreter.Interpreter(role, home, interpreter.VARIANTS[variant])


def _build(variant, progress):
    """Build stock and patched; return their paths by role. Raises Problem."""
    for role in regrtestdiff.ROLES:
        command = [str(layout.ROOT / "build.sh"), "--variant", variant, f"--{role}"]
        if subprocess.run([*command, "--no-test"], check=False).returncode:
            raise Problem(f"{variant}: the {role} interpreter cannot be built")
    return {role: _built(variant, role).python for role in regrtestdiff.ROLES}


def _parser(tools):
    parser = errors.Parser(
        prog="scripts/sanitizers",
        description="Build the stock and the patched interpreter with a sanitizer, "
        "run the tests of CPython and of the project that have to do with threads, "
        "fork, signals, embedding and subinterpreters on both, and print what is "
        "reported. Fails when patched has a report that stock lacks, or any in the "
        "files that the series adds.",
        epilog=f"Logs and reports are under {os.path.relpath(HOME, layout.ROOT)}.",
    )
    add = parser.add_argument
    add(
        "sanitizer",
        nargs="+",
        choices=tools,
        metavar="SANITIZER",
        help=f"which ones: {', '.join(tools)}",
    )
    add(
        "--test",
        action="append",
        metavar="TEST",
        help="run only this one; may be given more than once",
    )
    regrtest.add_jobs(parser)
    downstream_compare.add_repeat(parser, REPEAT)
    return parser


def main(argv):
    """Run the command line *argv* (a list of str); return the exit status."""
    tools = load()
    excuses = regrtest.load()["sanitizers"]["excused"]
    args = _parser(tools).parse_args(argv)
    progress = Progress()
    devenv.ensure(progress)
    plain = _build("debug", progress)
    files = added_files(layout.load_series())
    status = 0
    for name in args.sanitizer:
        tool = tools[name]
        built = _build(name, progress)
        pythons = [downstream_env.identify(role, path) for role, path in built.items()]
        result, places = run(
            tool,
            pythons,
            plain,
            args.test or tool.tests,
            progress,
            args.jobs,
            args.repeat,
        )
        found = new_reports(result, places, files)
        for line in explain(name, result, places, found, excuses):
            progress.note(line)
        if not all(excuse(test, excuses) for test in found):
            status = 1
    return status
