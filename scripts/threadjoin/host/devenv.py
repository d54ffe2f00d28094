"""Set up the tools that work on the project needs, in a virtual environment.

They come from the package index that pip is set up for, in the versions that
tests/requirements.txt pins, and live in build/venv. Nothing that a user runs
to apply or to build needs them.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from ..core import process
from ..core.errors import Problem
from ..core.layout import BUILD, ROOT, StrPath
from ..core.progress import Progress
from . import packages

VENV = BUILD / "venv"
REQUIREMENTS = ROOT / "tests" / "requirements.txt"

#: The oldest Python on which the pinned tools run.
OLDEST_PYTHON = (3, 11)


def tool(name: str, venv: Path = VENV) -> str:
    """Return the path of the development tool *name*.

    Looks beside the running interpreter (a hook has an environment of its
    own), then in the project's environment, then on PATH. Raises Problem
    when it is nowhere.
    """
    places = (os.path.dirname(sys.executable), venv / "bin", os.environ["PATH"])
    found = shutil.which(name, path=os.pathsep.join(map(str, places)))
    if found is None:
        raise Problem(
            f"{name} is not installed; run `scripts/test --setup`, which puts it "
            "into build/venv"
        )
    return found


def ensure(
    progress: Progress, venv: Path = VENV, requirements: Path = REQUIREMENTS
) -> None:
    """Set up the virtual environment *venv*, unless it is as it should be.

    Parameters:
        venv: its directory.
        requirements: the file that pip is to install from.

    Raises Problem, saying what to do, when it cannot be made.
    """
    stamp = venv / "threadjoin-stamp"
    wanted = hashlib.sha256(
        b"\0".join([requirements.read_bytes(), sys.version.encode(), bytes(venv)])
    ).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise Problem(
            f"the development tools need Python {oldest} or later, and this is "
            f"{sys.version.split()[0]}; run `python{oldest} scripts/test`"
        )
    venv.parent.mkdir(parents=True, exist_ok=True)
    log = venv.with_name(f"{venv.name}.log")
    _provide(progress, log)
    python = venv / "bin" / "python"
    install: list[StrPath] = [
        python,
        "-m",
        "pip",
        "install",
        "--requirement",
        requirements,
    ]
    with progress.stage(f"set up {venv.parent.name}/{venv.name}"):
        make: list[StrPath] = [sys.executable, "-m", "venv", "--clear", venv]
        process.check(make, log, "python -m venv")
        process.check(install, log, "pip install")
    stamp.write_text(wanted)


def _provide(progress: Progress, log: Path) -> None:
    """Install the system packages that the tools need and that are missing.

    Raises Problem if one is missing that all of the tools need.
    """
    needs = {
        "venv": packages.named("python3", debian="python3-venv"),
        "quilt": packages.named("quilt"),
    }

    def lacking() -> Iterator[str]:
        importlib.invalidate_caches()
        if importlib.util.find_spec("ensurepip") is None:
            yield "venv"
        if shutil.which("quilt") is None:
            yield "quilt"

    packages.install([needs[name] for name in lacking()], progress, log)
    if "venv" in lacking():
        advice = packages.advice([needs["venv"]])
        raise Problem(f"Python's venv module is not complete; {advice}")
    if "quilt" in lacking():
        advice = packages.advice([needs["quilt"]])
        progress.note(f"note: quilt is missing, nothing is checked with it; {advice}")
