"""Check the documentation: its links, and the commands that it names."""

import os
import re
import subprocess

from . import errors
from .errors import Problem
from .layout import ROOT

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


def check_links(document):
    """Yield the links of *document* (a Path) that lead to nothing.

    Only those within the project are followed.
    """
    text = document.read_text()
    for link in _LINK.findall(_FENCE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        if not target.exists():
            yield f"{document.name}: links to {name}, which is not there"
        elif anchor and target.is_file() and anchor not in anchors(target.read_text()):
            yield f"{document.name}: links to {link}, and there is no such heading"


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
    documents = sorted(root.glob("*.md"))
    for document in documents:
        yield from check_links(document)
        for name in commands(document):
            problem = check_command(name, root)
            if problem:
                yield f"{document.name}: {problem}"
    if not documents:
        yield "README.md: is not there"


def main(argv):
    """Run the command line *argv* (a list of str)."""
    parser = errors.Parser(prog="scripts/docs", description=__doc__)
    parser.parse_args(argv)
    problems = list(check())
    for problem in problems:
        print(problem)
    if problems:
        raise Problem(f"{len(problems)} found in the documentation; mend them")
