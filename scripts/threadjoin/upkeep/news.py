"""Write NEWS entries with blurb, and check them with it.

An entry is a file that a patch adds below Misc/NEWS.d/next. A release of
CPython has no such directory, so blurb works in a tree that only looks like
CPython to it when entries are checked.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..core import git, process
from ..core.errors import Problem
from ..core.layout import StrPath
from ..host import devenv
from ..series.patchfile import Patch

#: Where entries are, both in CPython's tree and in the project.
NEXT = "Misc/NEWS.d/next"

#: The files by which blurb knows CPython's tree, and what it reads of them.
MARKERS = {
    "README.rst": b"This is Python version 3.0\n",
    "LICENSE": b"A. HISTORY OF THE SOFTWARE\n",
    "Include/Python.h": b"",
    "Python/ceval.c": b"",
}

ENTRY_NAME = re.compile(
    re.escape(NEXT) + r"/[\w-]+/\d{4}(-\d\d){5}\.gh-issue-(?P<issue>\d+)\.[\w-]+\.rst"
)


def _blurb(
    tree: StrPath, *args: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run blurb in *tree* without a terminal; return the CompletedProcess."""
    return process.said(
        [devenv.tool("blurb"), *args],
        cwd=tree,
        env={**git.environment(), **environment},
        stderr=subprocess.STDOUT,
    )


def _complaint(output: str) -> str:
    """Return, in one line, the error in blurb's *output*."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for index, line in enumerate(lines):
        if re.search(r"Error in \S+:\d+:$", line) and index + 1 < len(lines):
            # The error follows on a line of its own.
            return lines[index + 1]
        if line.startswith("Invalid "):
            return line
    return lines[-1] if lines else "blurb failed and said nothing"


def add(tree: Path, issue: str, section: str, body: str) -> Path:
    """Write an entry in the checkout *tree* with blurb, and stage it.

    Parameters:
        tree: a git checkout of CPython.
        issue: number of the upstream issue (a str; blurb takes a link too).
        section: one of blurb's sections, such as "Library".
        body: the entry's text, one paragraph of reST; blurb wraps it.

    Returns the new file's Path. Raises Problem with blurb's complaint.
    """
    _require_checkout(tree)
    before = set((tree / NEXT).rglob("*.rst"))
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "body"
        text.write_text(body.strip() + "\n", encoding="utf-8")
        # blurb takes the text from an editor alone: this one appends it.
        append = (
            "import sys; open(sys.argv[2], 'ab').write(open(sys.argv[1], 'rb').read())"
        )
        editor = shlex.join([sys.executable, "-c", append, str(text)])
        done = _blurb(tree, "add", "-i", issue, "-s", section, GIT_EDITOR=editor)
    if done.returncode:
        raise Problem(f"blurb refused the entry: {_complaint(done.stdout)}")
    (path,) = set((tree / NEXT).rglob("*.rst")) - before
    return path


def add_all(trees: Sequence[Path], issue: str, section: str, body: str) -> list[Path]:
    """Write one entry to all of the checkouts *trees*, as add() does; return Paths."""
    for tree in trees:
        _require_checkout(tree)
    first, *others = trees
    path = add(first, issue, section, body)
    paths = [path]
    for tree in others:
        paths.append(tree / path.relative_to(first))
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        paths[-1].write_bytes(path.read_bytes())
        git.run(tree, "add", "--", str(path.relative_to(first)))
    return paths


def _require_checkout(tree: Path) -> None:
    if not (tree / ".git").exists():
        raise Problem(
            f"{tree} is not a git checkout; make one with `scripts/series checkout`"
        )


def check(name: str, content: bytes) -> str | None:
    """Return what is wrong with a NEWS entry, or None.

    Parameters:
        name: the entry's path in CPython's tree.
        content: its bytes.
    """
    match = ENTRY_NAME.fullmatch(name)
    if match is None:
        return "not a name that blurb gives: make the entry with `scripts/series news`"
    with tempfile.TemporaryDirectory() as scratch:
        write({**MARKERS, name: content}, Path(scratch))
        output = Path(scratch, "NEWS")
        done = _blurb(scratch, "merge", str(output))
        # blurb skips a section that it does not know, without a message.
        merged = output.read_text(encoding="utf-8") if output.exists() else ""
    if done.returncode:
        return f"blurb refuses it: {_complaint(done.stdout)}"
    if f"- gh-{match['issue']}: " not in merged:
        return "blurb leaves it out: the directory is none of its sections"
    return None


def entries(patches: Iterable[Patch]) -> dict[str, bytes]:
    """Return the NEWS entries that *patches* add: a dict of name to bytes.

    Parameters:
        patches: patchfile.Patch objects, of one series or of several; an
            entry that several series add is the same in each.
    """
    return {
        change.name: change.content()
        for patch in patches
        for change in patch.changes
        if change.created and change.name.startswith(NEXT + "/")
    }


def write(found: Mapping[str, bytes], directory: Path) -> dict[str, Path]:
    """Write files below *directory*: *found* is their contents by name.

    Returns a dict of the names to the Paths of the files.
    """
    places = {name: directory / name for name in found}
    for name, content in found.items():
        places[name].parent.mkdir(parents=True, exist_ok=True)
        places[name].write_bytes(content)
    return places
