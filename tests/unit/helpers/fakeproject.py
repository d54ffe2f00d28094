"""A project with a tiny release of CPython, to maintain a series in."""

import datetime
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from threadjoin.core import git, layout
from threadjoin.series import catalog
from threadjoin.source import origin
from threadjoin.upkeep import commits, registry

SCRIPTS = layout.ROOT / "scripts"

#: The release: what the tools look for, and what a conversion would spoil.
RELEASE = {
    ".gitignore": b"*.tmp\n",
    "Include/patchlevel.h": b'#define PY_VERSION "3.11.2"\n',
    "Include/Python.h": b"",
    "LICENSE": b"A. HISTORY OF THE SOFTWARE\n",
    "Lib/threading.py": b"".join(b"line %d\n" % n for n in range(1, 31)),
    "PCbuild/core.vcxproj": b"<one/>\r\n<two/>\r\n<three/>\r\n",
    "Python/ceval.c": b"int x;\n",
    "Python/kept.tmp": b"\x00\x01\r\n\xff",
    "README.rst": b"This is Python version 3.11.2\n",
    "configure": b"#!/bin/sh\nexit 0\n",
}

ENTRY = "Misc/NEWS.d/next/Library/2026-11-23-20-58-35.gh-issue-116372.3C2OQi.rst"
ENTRY_TEXT = b"Joining a thread from several threads no longer fails.\n"

FIELDS = """\
Bug: https://github.com/python/cpython/issues/116372
Forwarded: not-needed
Last-Update: 2026-11-23"""


#: The day of FIELDS, on which exports are made unless they are told another.
DAY = datetime.date(2026, 11, 23)

MAINTAINERS = "The maintainers <maintainers@invalid.invalid>"

#: What the registry calls the patches of a good series, and more to come.
NAMES = ("0010-wait", "0020-windows")
MORE = ("0030-third", "0040-fourth")


def message(
    subject="gh-116372: Wait for the event in join()", fields=FIELDS, name=NAMES[0]
):
    """Return a commit message that the linter accepts."""
    text = "The lock was tested twice.\n\nTest an event."
    return f"{subject}\n\n{text}\n\n{fields}\nPatch: {name}\n"


def edited(*numbers, by=b"changed"):
    """Return Lib/threading.py with the lines of those *numbers* changed."""
    lines = RELEASE["Lib/threading.py"].splitlines(keepends=True)
    for number in numbers:
        lines[number - 1] = by + b"\n"
    return b"".join(lines)


class Project:
    """A project in a directory: the tools, patches/3.11 and its release."""

    def __init__(self, place):
        self.root = place / "project"
        self.tree = place / "Python-3.11.2"
        self.tarball = place / "Python-3.11.2.tgz"

    def create(self):
        """Make the release, and a series without patches."""
        for name, content in RELEASE.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (self.tree / "configure").chmod(0o755)
        with tarfile.open(self.tarball, "w:gz") as archive:
            archive.add(self.tree, self.tree.name)
        self.add_series("3.11")
        self.register(*NAMES)
        return self

    def copy(self, place):
        """Return a Project with the same content in the directory *place*."""
        shutil.copytree(self.root.parent, place, dirs_exist_ok=True)
        return Project(place)

    def add_series(self, name):
        """Add a series without patches, on the one release there is."""
        directory = self.root / "patches" / name
        directory.mkdir(parents=True)
        release = {
            "version": "3.11.2",
            "checked": True,
            "tgz": hashlib.sha256(self.tarball.read_bytes()).hexdigest(),
            "xz": "0" * 64,
        }
        data = {
            "base": "3.11.2",
            "url": "https://invalid.invalid/{version}/{name}",
            "releases": [release],
        }
        (directory / "releases.json").write_text(json.dumps(data))
        (directory / "series").write_text("")

    def register(self, *names, **changes):
        """Make *names* those that the registry knows, with *changes* of the values
        of the last.
        """
        entries = [
            {
                "number": name[:4],
                "slug": name[5:],
                "issues": [116372],
                "mends": "What the name says.",
                "series": {"3.11": True, "3.12": True},
            }
            for name in names
        ]
        entries[-1].update(changes)
        data = {"maintainers": MAINTAINERS, "patches": entries}
        (self.root / registry.WHERE).write_text(json.dumps(data))

    def series(self, name="3.11"):
        return catalog.load_series(name, self.root / "patches")

    def patches(self, name="3.11"):
        """Return all files of the series but releases.json, as a dict of bytes."""
        directory = self.root / "patches" / name
        return {
            path.name: path.read_bytes()
            for path in directory.iterdir()
            if path.name != "releases.json"
        }

    def checkout(self, name="repository", series="3.11"):
        """Check the series out beside the project and return the directory."""
        directory = self.root.parent / name
        source = origin.given(str(self.tarball))
        commits.checkout(self.series(series), source, directory)
        return directory

    def export(self, repository, series="3.11", day=DAY):
        return commits.export(repository, series, self.root, day)

    def fill(self, series="3.11"):
        """Give the series two patches that nothing is wrong with.

        Returns the directory of the checkout that they came from.
        """
        repository = self.checkout(f"filled-{series}", series)
        commit(
            repository,
            message(),
            {"Lib/threading.py": edited(10), ENTRY: ENTRY_TEXT},
        )
        commit(
            repository,
            message("gh-116372: Add the file to the project of Windows", name=NAMES[1]),
            {
                "PCbuild/core.vcxproj": b"<one/>\r\n<new/>\r\n<two/>\r\n<three/>\r\n",
                "Python/event.c": b"int event;\n",
            },
        )
        self.export(repository, series)
        return repository

    def command(self, *arguments, **environment):
        """Run one of the scripts of a copy of the tools in this project."""
        scripts = self.root / "scripts"
        if not scripts.exists():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(SCRIPTS, scripts, ignore=ignore)
        return subprocess.run(
            [sys.executable, str(scripts / arguments[0]), *map(str, arguments[1:])],
            cwd=self.root.parent,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@functools.cache
def _filled():
    """Return one Project with a good series, and what removes it at exit."""
    scratch = tempfile.TemporaryDirectory(prefix="fakeproject-")
    project = Project(Path(scratch.name)).create()
    project.fill()
    return project, scratch


def filled(place):
    """Return a Project in *place* with two patches; its checkout is there too,
    as `filled-3.11`.
    """
    return _filled()[0].copy(place)


def commit(repository, text, files):
    """Commit *files*, a dict of names to bytes, with the message *text*."""
    for name, content in files.items():
        path = Path(repository, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    git.run(repository, "add", "--all", "--force")
    git.run(repository, "commit", "--quiet", "--allow-empty", "-m", text)
