"""Compare the binary interface of a patched CPython with that of the stock one.

libabigail's abidiff compares what the two export, down to the layout of the
types in the public headers; CPython's own tool checks that all of the stable
ABI is there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core import layout, process
from ..core.errors import Problem
from ..core.layout import StrPath

#: Private names in public headers, in the form that abidiff reads.
PRIVATE = layout.PATCHES / "abi-private.ini"

#: The structures that may have new members behind their last one. Only the
#: runtime makes thread states, so no other code depends on their size.
GROWING = ("_ts",)

#: Seconds that a tool may take; some are usual.
PATIENCE = 600

_QUESTION = """
import json, sys, sysconfig
print(json.dumps({
    "shared": bool(sysconfig.get_config_var("Py_ENABLE_SHARED")),
    "library": sysconfig.get_config_var("LDLIBRARY"),
    "static": sysconfig.get_config_var("LIBRARY"),
    "libdir": sysconfig.get_config_var("LIBDIR"),
    "executable": sys.executable,
    "include": sysconfig.get_path("include"),
    "platinclude": sysconfig.get_path("platinclude"),
    "source": sysconfig.get_config_var("srcdir"),
    "build": sysconfig.is_python_build() and sysconfig.get_config_var("projectbase"),
}))
"""


@dataclass(frozen=True)
class Interface:
    """The binary interface of one interpreter, as files."""

    binary: Path  # the library that exports it, or the executable that does
    include: Path  # the headers
    config: Path  # pyconfig.h
    source: Path  # of CPython; only there for one in its build directory
    build: Path | None  # its build directory; None for one that is installed
    static: str  # the static library's name


def interface(python: StrPath) -> Interface:
    """Return the Interface of the interpreter *python*.

    Raises Problem when it does not run.
    """
    answer = process.ask(python, _QUESTION)
    build = Path(answer["build"]) if answer["build"] else None
    directory = build or Path(answer["libdir"])
    if answer["shared"]:
        binary = directory / answer["library"]
    else:
        binary = Path(answer["executable"]).resolve()
    return Interface(
        binary,
        Path(answer["include"]),
        Path(answer["platinclude"]) / "pyconfig.h",
        Path(answer["source"]),
        build,
        answer["static"],
    )


def public_headers(include: Path, config: Path, directory: Path) -> Path:
    """Copy the headers that extensions include into *directory*, made anew.

    Parameters:
        include: CPython's Include.
        config: pyconfig.h.

    Returns *directory*. The headers in internal/ are left out: abidiff then
    takes the types that they define for private.
    """
    shutil.copytree(include, directory, ignore=shutil.ignore_patterns("internal"))
    if not (directory / "pyconfig.h").exists():
        shutil.copy(config, directory)
    return directory


def compare(
    before: tuple[Path, Path], after: tuple[Path, Path]
) -> tuple[str, list[str]]:
    """Compare two binaries with their headers.

    Parameters:
        before, after: pairs of Paths, a binary and a directory of headers.

    Returns (report, forbidden): what abidiff reports, and a list of those of
    its lines that are not mere additions. Raises Problem when it cannot
    compare the two.
    """
    done = process.said(
        [
            "abidiff",
            # Each type that differs is reported once, where it differs itself.
            "--leaf-changes-only",
            *("--suppressions", PRIVATE),
            *("--headers-dir1", before[1], "--headers-dir2", after[1]),
            *(before[0], after[0]),
        ],
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
    )
    # The status is made of bits: 1 and 2 are errors, 4 is a difference.
    if done.returncode & 3:
        last = (done.stdout.strip() or "it says nothing").splitlines()[-1]
        raise Problem(f"abidiff failed ({last}); was this compiled with -g?")
    return done.stdout, list(forbidden(done.stdout))


_HEADING = re.compile(
    r"$|(Leaf changes|Changed leaf types|Removed/Changed/Added \w+) summary: "
    r"|\d+ Added (function|variable)s?:$"
)
_GROWN = re.compile(rf"'struct ({'|'.join(GROWING)}) at .*' changed:$")
_SIZE = re.compile(r"  type size changed from (\d+) to \d+ \(in bits\)$")
_MEMBERS = re.compile(r"  \d+ data member insertions?:$")
_MEMBER = re.compile(r"    '.*', at offset (\d+) \(in bits\)")


def forbidden(report: str) -> Iterator[str]:
    """Yield the lines of abidiff's *report* that are not mere additions.

    These are added functions and variables, and members at the end of the
    structures in GROWING.
    """
    size = None  # of the structure that the lines are about, before; in bits
    grown = False
    for line in report.splitlines():
        sized, member = _SIZE.match(line), _MEMBER.match(line)
        if _HEADING.match(line) or line.startswith("  [A] "):
            grown = False
        elif _GROWN.match(line):
            grown, size = True, None
        elif grown and sized:
            size = int(sized[1])
        elif grown and size and _MEMBERS.match(line):
            pass
        elif grown and size and member:
            if int(member[1]) < size:
                yield line
        else:
            yield line


def check_stable_abi(python: StrPath, facts: Interface, build: Path) -> bool:
    """Return whether the version has a list of its stable ABI, which 3.9 lacks.

    Parameters:
        python: path of the interpreter.
        facts: its Interface.
        build: its build directory.

    Raises Problem unless all of it is there. It is CPython's own tool that looks
    (`make check-limited-abi`), which expects headers and library in the current
    directory.
    """
    # Each has another path in earlier versions: before 3.12, and before 3.11.
    tools = [*facts.source.glob("Tools/*/stable_abi.py")]
    lists = [*facts.source.glob("Misc/stable_abi.t*")]
    if not (tools and lists):
        return False
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for path in (facts.include, facts.config, build / facts.static):
            (place / path.name).symlink_to(path)
        done = process.said(
            [python, *tools, "--all", *lists],
            stderr=subprocess.STDOUT,
            cwd=place,
            timeout=PATIENCE,
        )
    if done.returncode:
        raise Problem(f"the stable ABI is not complete: {done.stdout.strip()}")
    return True


def report(stock: StrPath, patched: StrPath) -> None:
    """Print how the interfaces of two interpreters (paths) differ.

    Raises Problem where that is not only by additions.
    """
    with tempfile.TemporaryDirectory() as place:
        sides = []
        for kind, python in (("stock", stock), ("patched", patched)):
            facts = interface(python)
            headers = Path(place, kind)
            sides.append((facts.binary, headers))
            public_headers(facts.include, facts.config, headers)
        differences, wrong = compare(*sides)
    print(differences.strip())
    if wrong:
        print("\nNot mere additions:", *wrong, sep="\n")
        raise Problem(
            f"{patched} cannot stand in for {stock}; see the differences above"
        )
    print("\nNothing is missing, and no field of a public structure has moved.")
    if facts.build is None:
        print("Stable ABI: not checked, that takes a build directory.")
        return
    listed = check_stable_abi(patched, facts, facts.build)
    why = "complete" if listed else "not checked, this version has no list of it"
    print(f"Stable ABI: {why}.")
