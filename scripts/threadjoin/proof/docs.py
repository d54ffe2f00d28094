"""Check the documentation: its links, and the commands that it names.

Pages of results that were measured with a series as it was before are named, and
are no fault: to measure takes an hour.
"""

import functools
import os
import re
import subprocess

from ..core.layout import ROOT
from . import pages

_LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*?) *#*$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?<![\w./-])(?:\./)?(build\.sh|scripts/[\w.-]*\w)(?![\w/])")

#: Seconds that a command gets to print its help.
HELP_TIMEOUT = 60


def anchors(text):
    """Return the anchors of the headings in the Markdown *text*, a set."""
    headings = _HEADING.findall(_FENCE.sub("", text))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def documents(root):
    """Return the Paths of all documents of the project at *root*."""
    return [*sorted(root.glob("*.md")), *sorted(root.glob("docs/*.md"))]


def check_links(document):
    """Yield what is wrong with the links of *document* (a Path).

    Only those within the project are followed.
    """
    text = document.read_text()
    for link in _LINK.findall(_FENCE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        if not target.exists():
            yield f"links to {name}, which is not there"
        elif anchor and target.is_file() and anchor not in anchors(target.read_text()):
            yield f"links to {link}, and there is no such heading"


def commands(document):
    """Return the names of the commands that *document* (a Path) names."""
    return sorted(set(_COMMAND.findall(document.read_text())))


def check_command(name, root):
    """Return what is wrong with the command *name*, or None.

    Parameters:
        name: its path below *root*, such as "scripts/apply".
        root: Path of the project.
    """
    path = root / name
    if not path.exists():
        return f"{name} is not there"
    if path.is_dir():
        return None
    if not os.access(path, os.X_OK):
        return f"{name} cannot be executed"
    try:
        done = subprocess.run(
            [path, "--help"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=HELP_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"{name} --help does not run: {exc}"
    if done.returncode or not done.stdout.strip():
        return f"{name} --help ends with {done.returncode} and prints no help"
    return None


def check(root=ROOT):
    """Yield all that is wrong with the documentation of the project at *root*."""
    # Most commands are in several documents.
    problem = functools.lru_cache(None)(lambda name: check_command(name, root))
    for document in documents(root):
        problems = [*check_links(document), *map(problem, commands(document))]
        for found in filter(None, problems):
            yield f"{document.relative_to(root)}: {found}"
    if not (root / "README.md").is_file():
        yield "README.md: is not there"


def outdated(root=ROOT):
    """Yield a line for each page of the project at *root* that is of an old series."""
    for document in documents(root):
        for line in pages.outdated(document.read_text(), root / "patches"):
            yield f"{document.relative_to(root)}: not of the series as it is: {line}"
