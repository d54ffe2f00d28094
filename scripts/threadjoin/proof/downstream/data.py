"""The suites to run of each library: the data in tests/downstream."""

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...core.errors import Problem
from ...core.layout import ROOT

HOME = ROOT / "tests" / "downstream"
LIBRARIES = HOME / "libraries.json"
CONSTRAINTS = HOME / "constraints.txt"
PROGRAMS = HOME / "programs"

#: Seconds that one process of a suite may take, where its entry says nothing.
TIMEOUT = 300


@dataclass(frozen=True)
class Suite:
    """Some tests of a library, and how they are run.

    A suite consists of units. Each is a process of its own, so that one which
    hangs or crashes takes no other with it: a file for pytest, a script that
    calls unittest.main(), or one of our programs with its arguments.
    """

    name: str
    runner: str  # "pytest", "unittest" or "program"
    units: tuple  # glob patterns, or for programs command lines
    sdist: str = ""  # the project whose sdist has the tests, or
    package: str = ""  # the installed package that has them
    take: tuple = ()  # what is taken out of the sdist
    config: str = ""  # of those taken, pytest's configuration
    arguments: tuple = ()  # more of them for each unit
    environment: dict = field(default_factory=dict)
    timeout: int = TIMEOUT  # seconds, for each unit
    selection: str = ""  # why it is not all that there is
    ci: tuple = ()  # what CI runs instead of the units; nothing when empty


@dataclass(frozen=True)
class Library:
    """A library that starts, patches or watches threads."""

    name: str  # that of its distribution
    install: tuple  # what else its tests need, names of distributions
    suites: tuple  # of Suite

    def part(self, ci):
        """Return the Library with what is to be run, and nothing else.

        Parameters:
            ci: whether that is what CI runs. Then suites that have nothing
                for it are left out, and there may be none.
        """
        suites = [
            replace(suite, units=suite.ci if ci else suite.units, ci=())
            for suite in self.suites
            if suite.ci or not ci
        ]
        return replace(self, suites=tuple(suites))


def load(path=LIBRARIES):
    """Return the libraries in the file *path*: a dict of Library by name."""
    return {
        name: Library(
            name,
            tuple(entry.get("install", ())),
            tuple(_suite(suite) for suite in entry["suites"]),
        )
        for name, entry in json.loads(Path(path).read_text()).items()
    }


def _suite(entry):
    lists = ("units", "take", "arguments", "ci")
    return Suite(
        **{k: tuple(v) if k in lists else v for k, v in entry.items()},
    )


def chosen(libraries, names):
    """Return those of *libraries* (a dict) that are called *names*, or all.

    Raises Problem for a name that is none of theirs.
    """
    known = {canonical(name): library for name, library in libraries.items()}
    unknown = [name for name in names if canonical(name) not in known]
    if unknown:
        raise Problem(
            f"no library called {', '.join(unknown)}; there is: {', '.join(libraries)}"
        )
    return [known[canonical(name)] for name in names or libraries]


def canonical(name):
    """Return the *name* of a distribution in the form that compares equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(path=CONSTRAINTS):
    """Return the versions that the file *path* pins: a dict by canonical name."""
    lines = Path(path).read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {canonical(name): version.strip() for name, version in pairs}
