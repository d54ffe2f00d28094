"""Find which libraries use private names of threading and _thread.

Reads the wheels, runs nothing. A module of Python is parsed, so that what is
found is a use and not a mention. tests/downstream/names.json says by hand what has to
keep working.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core import tables
from . import data

NAMES = data.HOME / "names.json"

#: Names that classes of all kinds have. They count only where they are looked
#: up in one of the two modules, or in a class that derives from a thread.
AMBIGUOUS = frozenset(
    """
    _active _after_fork _args _bootstrap _count _delete _enumerate _handle _ident
    _kwargs _limbo _local _main_thread _native_id _RLock _set_ident _shutdown _sleep
    _started _stop _target start_new start_new_thread
    """.split()
)

#: Parts of a path that say that a file is a library's test, not the library.
TESTS = re.compile(r"(^|/)(tests?|testing|_tests?)/|(^|/)(test_|conftest)")

#: Uses of one name that are listed, of one library.
PLACES = 3


INTRODUCTION = """\
Found by parsing the wheels of the libraries in downstream.md and of all that
these and their tests install; their own tests are left out. A use may be one for
another version of Python: whether it is, only reading tells. C and Cython are not
read. `by name` is a string, as for `hasattr()` or in a list of what is replaced."""


@dataclass(frozen=True, order=True)
class Use:
    """One place where a private name is used."""

    library: str
    version: str
    name: str
    how: str  # "read", "assigned", "called", "overridden" or "by name"
    where: str  # file:line


class _Finder(ast.NodeVisitor):
    """Collects the uses of private names in one module of Python."""

    def __init__(self, names: Container[str]) -> None:
        self._names = names
        self._modules: set[str] = set()  # what the two modules are called here
        # Whether each class around derives from a thread.
        self._classes: list[bool] = []
        self.found: list[tuple[str, str, int]] = []  # name, how, line

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name in ("threading", "_thread"):
                self._modules.add(alias.asname or alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            # Also what a package keeps for itself: `from .saved import threading`.
            if alias.name in ("threading", "_thread"):
                self._modules.add(alias.asname or alias.name)
            elif node.module in ("threading", "_thread"):
                self._add(alias.name, "read", node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        bases = " ".join(map(ast.unparse, node.bases))
        self._classes.append("Thread" in bases)
        if self._classes[-1]:
            for item in node.body:
                if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    self._add(item.name, "overridden", item)
        self.generic_visit(node)
        self._classes.pop()

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            self._attribute(node.func, "called")
            self.visit(node.func.value)
        else:
            self.visit(node.func)
            self._asked(node)
        for child in [*node.args, *node.keywords]:
            self.visit(child)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._attribute(node, "read" if isinstance(node.ctx, ast.Load) else "assigned")
        self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        # As for hasattr(), or in a list of what is to be replaced.
        if isinstance(node.value, str) and node.value not in AMBIGUOUS:
            self._add(node.value, "by name", node)

    def _asked(self, node: ast.Call) -> None:
        """Take in hasattr(thread, "_handle") and its like."""
        asked = isinstance(node.func, ast.Name) and node.func.id.endswith("attr")
        name = node.args[1] if asked and len(node.args) > 1 else None
        if isinstance(name, ast.Constant) and name.value in AMBIGUOUS:
            if self._modules:
                self._add(name.value, "by name", node)

    def _attribute(self, node: ast.Attribute, how: str) -> None:
        owner = ast.unparse(node.value)
        module = owner in self._modules or "thread" in owner.rpartition(".")[2]
        ours = owner in ("self", "cls") and any(self._classes)
        if node.attr not in AMBIGUOUS or module or ours:
            self._add(node.attr, how, node)

    def _add(self, name: str, how: str, node: ast.stmt | ast.expr) -> None:
        if name in self._names:
            self.found.append((name, how, node.lineno))


def uses(source: str | bytes, names: Container[str]) -> list[tuple[str, str, int]]:
    """Return the uses of *names* in the *source* of a module, bytes or str.

    A list of tuples of the name, how it is used, and the line. Empty for what
    is no Python.
    """
    finder = _Finder(names)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    finder.visit(tree)
    return finder.found


def scan(wheel: Path, names: Container[str]) -> list[Use]:
    """Return the Uses of *names* in the file *wheel*."""
    library, version = wheel.name.split("-")[:2]
    found = []
    with zipfile.ZipFile(wheel) as archive:
        for path in sorted(archive.namelist()):
            if path.endswith(".py") and not TESTS.search(path):
                found += [
                    Use(data.canonical(library), version, name, how, f"{path}:{line}")
                    for name, how, line in uses(archive.read(path), names)
                ]
    return found


def page(wheels: Iterable[Path], judged: Any = None) -> str:
    """Return the survey over *wheels* (Paths) for the documentation.

    Parameters:
        judged: what names.json has: `names`, those that are looked for, with
            what has to keep working, and `others`, by library and name: what
            is something else of the same name.
    """
    judged = judged or json.loads(NAMES.read_text())
    names, others = judged["names"], judged["others"]
    found, silent = [], []
    for wheel in sorted(wheels):
        all_ours = scan(wheel, names)
        ours = [use for use in all_ours if f"{use.library} {use.name}" not in others]
        found += ours
        if not ours:
            silent.append("-".join(wheel.name.split("-")[:2]))
    parts = [
        "# Who uses private names of threading",
        "<!-- Made by scripts/downstream --names. Do not edit. -->",
        INTRODUCTION,
        "## What has to keep working",
        _names_table(found, names),
        "## Where",
        *_places(found),
        "## Of the same name, but something else",
        "\n".join(f"- {name}: {what}" for name, what in others.items()) or "Nothing.",
        "## Nothing found in",
        textwrap.fill(", ".join(silent) + ".", width=80, break_on_hyphens=False),
    ]
    return "\n\n".join(parts) + "\n"


def _names_table(found: Iterable[Use], names: Mapping[str, str]) -> str:
    users = defaultdict(set)
    for use in found:
        users[use.name].add(use.library)
    rows = [
        [f"`{name}`", ", ".join(sorted(users[name])), keep]
        for name, keep in names.items()
        if users[name]
    ]
    return tables.markdown(
        [["name", "used by", "what has to keep working"], *rows], None
    )


def _places(found: Iterable[Use]) -> Iterator[str]:
    libraries: dict[str, dict[tuple[str, str], list[str]]]
    libraries = defaultdict(lambda: defaultdict(list))
    for use in found:
        libraries[f"{use.library} {use.version}"][use.name, use.how].append(use.where)
    for library, by_name in sorted(libraries.items()):
        rows = [["name", "how", "where"]]
        for (name, how), places in sorted(by_name.items()):
            more = len(places) - PLACES
            text = ", ".join(f"`{place}`" for place in places[:PLACES])
            text += f" and {more} more" if more > 0 else ""
            rows.append([f"`{name}`", how, text])
        yield f"### {library}"
        yield tables.markdown(rows, None)
