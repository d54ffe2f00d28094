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

#: The release: files that the tools look for, and files that a conversion of line
#: ends or of encodings would damage.
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


#: The day in FIELDS, which is that of an export by default.
DAY = datetime.date(2026, 11, 23)

MAINTAINERS = "The maintainers <maintainers@invalid.invalid>"

#: A file that may be different in each series, as the registry says.
OWN = {"Include/own.h": "names are others in each version"}

#: The names in the registry of the patches of a good series, and of two more.
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
        self.release("3.11.2")
        self.add_series("3.11")
        self.register(*NAMES)
        return self

    def release(self, version, changed=None):
        """Make a release, with *changed* (a dict of names to bytes) in it.

        Returns the path of its tarball; the tree is beside that.
        """
        tree = self.root.parent / f"Python-{version}"
        header = RELEASE["Include/patchlevel.h"].replace(b"3.11.2", version.encode())
        files = {**RELEASE, "Include/patchlevel.h": header, **(changed or {})}
        for name, content in files.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (tree / "configure").chmod(0o755)
        tarball = tree.with_name(f"{tree.name}.tgz")
        with tarfile.open(tarball, "w:gz") as archive:
            archive.add(tree, tree.name)
        return tarball

    def copy(self, place):
        """Return a Project with the same content in the directory *place*."""
        shutil.copytree(self.root.parent, place, dirs_exist_ok=True)
        return Project(place)

    def add_series(self, name, version="3.11.2"):
        """Add a series without patches, on the *version* that release() made."""
        directory = self.root / "patches" / name
        directory.mkdir(parents=True)
        tarball = self.root.parent / f"Python-{version}.tgz"
        release = {
            "version": version,
            "checked": True,
            "tgz": hashlib.sha256(tarball.read_bytes()).hexdigest(),
            "xz": "0" * 64,
        }
        data = {
            "base": version,
            "url": "https://invalid.invalid/{version}/{name}",
            "gpg_key": "A1",
            "releases": [release],
        }
        (directory / "releases.json").write_text(json.dumps(data))
        (directory / "series").write_text("")

    def register(self, *names, gaps=None, **changes):
        """Make *names* those that the registry knows, with *changes* of the values
        of the last, and {(name, series): why} as the *gaps*.
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
        for (name, series), why in (gaps or {}).items():
            entries[names.index(name)]["series"][series] = why
        entries[-1].update(changes)
        data = {"maintainers": MAINTAINERS, "per_version": OWN, "patches": entries}
        (self.root / registry.WHERE).write_text(json.dumps(data))

    def series(self, name="3.11"):
        return catalog.load_series(name, self.root / "patches")

    def source(self, series):
        """Return the origin.Origin of the base of a catalog.Series."""
        name = f"Python-{series.base.version}.tgz"
        return origin.given(str(self.root.parent / name))

    def patches(self, name="3.11"):
        """Return all files of the series but releases.json, as a dict of bytes."""
        directory = self.root / "patches" / name
        return {
            path.name: path.read_bytes()
            for path in directory.iterdir()
            if path.name != "releases.json"
        }

    def change(self, number, old, new):
        """Have the patch *number* of 3.12 say *new* where it says *old*."""
        (path,) = (self.root / "patches/3.12").glob(f"{number}-*.patch")
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new))

    def checkout(self, name="repository", series="3.11"):
        """Check the series out beside the project and return the directory."""
        directory = self.root.parent / name
        wanted = self.series(series)
        commits.checkout(wanted, self.source(wanted), directory)
        return directory

    def export(self, repository, series="3.11", day=DAY):
        return commits.export(repository, series, self.root, day)

    def fill(self, series="3.11"):
        """Give the series two good patches.

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


#: The patches of several() as 3.11 has them: message, and files.
SEVERAL = ("0010-event", "0020-more", "0030-join")
EVENT = "Python/event.c"
EVENTS = (
    b"int one;\nint two;\n",
    b"int one;\nint half;\nint two;\n",
    b"int one;\nint half;\nint two;\nint three;\n",
)
GAP = "upstream has mended it"


def several(place):
    """Return a Project with two series that share a file, EVENT.

    3.12 lacks 0020, in which 3.11 changes that file. In 3.12.1, other lines of
    threading.py are changed.
    """
    project = Project(place).create()
    project.release("3.12.1", {"Lib/threading.py": edited(20, by=b"of 3.12")})
    project.register(*SEVERAL, gaps={(SEVERAL[1], "3.12"): GAP})
    lead = project.checkout("lead")
    files = [
        {"Lib/threading.py": edited(5), "Include/own.h": b"int of_3_11;\n"},
        {"Lib/threading.py": edited(5, 10), ENTRY: ENTRY_TEXT},
        {"Lib/threading.py": edited(5, 10, 28)},
    ]
    for name, event, changed in zip(SEVERAL, EVENTS, files):
        text = message(f"gh-116372: Do {name}", name=name)
        commit(lead, text, {**changed, EVENT: event})
    project.export(lead)
    project.add_series("3.12", "3.12.1")
    other = project.checkout("other", "3.12")
    old = edited(20, by=b"of 3.12").splitlines(keepends=True)
    for name, event in ((SEVERAL[0], EVENTS[0]), (SEVERAL[2], EVENTS[2])):
        text = message(f"gh-116372: Do {name}", name=name)
        old[4 if name == SEVERAL[0] else 27] = b"changed\n"
        files = {"Lib/threading.py": b"".join(old), EVENT: event}
        if name == SEVERAL[0]:
            files["Include/own.h"] = b"int of_3_12;\n"
        else:
            files[ENTRY.replace("3C2OQi", "OTHER1")] = b"Of the other series.\n"
        commit(other, text, files)
    project.export(other, "3.12")
    return project


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
