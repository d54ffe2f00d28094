"""Read which suites of each library to run, from tests/downstream."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...core import files
from ...core.errors import Problem
from ...core.layout import ROOT

HOME = ROOT / "tests" / "downstream"
LIBRARIES = HOME / "libraries.json"
CONSTRAINTS = HOME / "constraints.txt"
PROGRAMS = HOME / "programs"


@dataclass(frozen=True)
class Collection:
    """Libraries that are compared together, and have a page of their own."""

    libraries: Path  # the file that lists them
    constraints: Path  # the file that pins their versions
    name: str  # of their directory in build/downstream; "" for that itself
    option: str  # of scripts/downstream that stands for it
    title: str  # of the page
    introduction: str  # of the page: what was run


LIBRARIES_COLLECTION = Collection(
    LIBRARIES,
    CONSTRAINTS,
    "",
    "",
    "Other people's libraries on a patched interpreter",
    "The tests that libraries bring in their sdists, and programs of ours "
    "(tests/downstream/programs) where they bring none, on the stock and on "
    "the patched interpreter, with the same wheels.",
)

EMBEDDERS_COLLECTION = Collection(
    HOME / "embedders.json",
    HOME / "embedders.txt",
    "embedders",
    "--embedders",
    "Embedders and observers of a patched interpreter",
    "Programs that have Python in them, extensions that call it from threads of "
    "their own, and tools that look at it from outside, on the stock and on the "
    "patched interpreter: their own tests, and programs of ours "
    "(tests/downstream/programs). What is compiled was compiled once, for stock; "
    "the other libpython is loaded in its place.",
)

#: What runs a suite and tells the outcomes; libtest is in the executables of Rust.
RUNNERS = ("pytest", "unittest", "libtest", "program", "executable")

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
    runner: str  # one of RUNNERS
    units: tuple[str, ...]  # glob patterns, or for programs command lines
    sdist: str = ""  # the project whose sdist has the tests, or
    crate: str = ""  # the crate of Rust that has them, as the distribution ships it, or
    package: str = ""  # the installed package that has them
    take: tuple[str, ...] = ()  # what is taken out of the sdist or crate
    config: str = ""  # of those taken, pytest's configuration
    arguments: tuple[str, ...] = ()  # more of them for each unit
    environment: dict[str, str] = field(default_factory=dict)
    timeout: int = TIMEOUT  # seconds, for each unit
    selection: str = ""  # why not all of the tests are run
    ci: tuple[str, ...] = ()  # what CI runs instead of the units; nothing when empty
    uses: tuple[str, ...] = ()  # more of our programs, which its programs need
    build: tuple[str, ...] = ()  # commands that build the tests in a copy of it
    load: str = ""  # what the programs do, in numbers
    embeds: bool = False  # loads libpython, from the interpreter it is run for


@dataclass(frozen=True)
class Library:
    """A library that starts, patches or watches threads."""

    name: str  # that of its distribution
    install: tuple[str, ...]  # what else its tests need, names of distributions
    suites: tuple[Suite, ...]
    distribution: bool = True  # False: it comes with Python, or with the system
    needs: tuple[str, ...] = ()  # commands of the system that it needs

    def part(self, ci: bool) -> Library:
        """Return the Library with the suites that are to be run, and no others.

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


def load(path: Path = LIBRARIES) -> dict[str, Library]:
    """Return the libraries in the file *path*, by name."""
    with files.data(path) as found:
        return {
            name: Library(
                name,
                tuple(entry.get("install", ())),
                tuple(_suite(suite) for suite in entry["suites"]),
                entry.get("distribution", True),
                tuple(entry.get("needs", ())),
            )
            for name, entry in found.items()
        }


def _suite(entry: dict[str, Any]) -> Suite:
    lists = {k: tuple(v) for k, v in entry.items() if isinstance(v, list)}
    return Suite(**{**entry, **lists})


def chosen(libraries: dict[str, Library], names: Sequence[str]) -> list[Library]:
    """Return those of *libraries* that are called *names*, or all.

    Raises Problem for a name that is none of theirs.
    """
    known = {canonical(name): library for name, library in libraries.items()}
    unknown = [name for name in names if canonical(name) not in known]
    if unknown:
        raise Problem(
            f"no library called {', '.join(unknown)}; there is: {', '.join(libraries)}"
        )
    return [known[canonical(name)] for name in names or libraries]


def require(libraries: Iterable[Library]) -> None:
    """Raise Problem if a command that one of *libraries* needs is missing."""
    for library in libraries:
        missing = [name for name in library.needs if not shutil.which(name)]
        if missing:
            raise Problem(
                f"{library.name} needs {', '.join(missing)}, which is not there; "
                "install it, or name other libraries"
            )


def canonical(name: str) -> str:
    """Return the *name* of a distribution in the form that compares equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(path: Path = CONSTRAINTS) -> dict[str, str]:
    """Return the versions that the file *path* pins, by canonical name."""
    lines = Path(path).read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {canonical(name): version.strip() for name, version in pairs}
