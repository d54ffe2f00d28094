"""Make what libraries are tested in: wheels, sdists, virtual environments.

Everything comes from the package index that pip is set up for, once, into
build/downstream; both interpreters then get the same files.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...building.identity import Python
from ...core import files, process
from ...core.errors import Problem
from ...core.layout import BUILD, StrPath
from ...core.progress import Progress
from . import data

HOME = BUILD / "downstream"

#: Where Debian's packages of crates have their sources.
CRATES = Path("/usr/share/cargo/registry")

#: The tools that the tests of most libraries are run with.
PYTEST = ("pytest", "pytest-reportlog")


def pin(
    libraries: Iterable[data.Library], path: Path, pip: Sequence[str], log: Path
) -> None:
    """Write the newest versions of all that *libraries* need to *path*.

    Parameters:
        path: the file of constraints.
        pip: the command that runs pip, in the Python that they are for.
        log: a file for its output.

    Raises process.Failed if they conflict.
    """
    names = {name for lib in libraries for name in _distributions(lib)}
    report = log.with_suffix(".json")
    command = [*pip, "install", "--dry-run", "--ignore-installed", "--quiet"]
    command += ["--prefer-binary", "--report", str(report), *sorted(names), *PYTEST]
    process.check(command, log, "pip install --dry-run", env=process.environment())
    found = (e["metadata"] for e in json.loads(report.read_text())["install"])
    lines = {f"{data.canonical(e['name'])}=={e['version']}" for e in found}
    head = "# Written by scripts/downstream --pin: all that the suites need."
    path.write_text("\n".join([head, *sorted(lines)]) + "\n")


def crate(name: str, home: Path = CRATES) -> Path:
    """Return the Path of the sources of the crate *name*.

    Raises Problem when there is none.
    """
    found = sorted(home.glob(f"{name}-[0-9]*"))
    if not found:
        raise Problem(
            f"the crate {name} is not there; install librust-{name}-dev, or name "
            "other libraries"
        )
    return found[-1]


def pinned_wheels(directory: Path, constraints: Path = data.CONSTRAINTS) -> list[Path]:
    """Return the Paths of those wheels in *directory* that are pinned."""
    versions = data.pinned(constraints)
    return [
        wheel
        for wheel in sorted(directory.glob("*.whl"))
        if versions.get(data.canonical(wheel.name.split("-")[0]))
        == wheel.name.split("-")[1]
    ]


def _distributions(library: data.Library) -> list[str]:
    """Return the names of what is installed for *library*."""
    return [*([library.name] if library.distribution else []), *library.install]


class Environments:
    """Makes virtual environments that differ only in their interpreter.

    Parameters:
        pythons: the two Python, the stock one first.
        pip: the command that runs pip.
        home: the directory for all that is made.
        constraints: the file that pins the versions.
    """

    def __init__(
        self,
        pythons: Sequence[Python],
        progress: Progress,
        pip: Sequence[str],
        home: Path = HOME,
        constraints: Path = data.CONSTRAINTS,
    ) -> None:
        self._pythons = pythons
        self._progress = progress
        self._home = home
        self._constraints = constraints
        self._pip = pip

    def provide(self, library: data.Library) -> dict[str, Path]:
        """Make the environments of *library* (a Library).

        Returns a dict of the Path of each one's interpreter by its role.
        Raises Problem if something that it needs cannot be installed.
        """
        requirements = self._requirements(library)
        return {
            python.kind: self._environment(python, library, requirements)
            for python in self._pythons
        }

    def sdist(self, name: str) -> Path:
        """Return the Path of the unpacked sdist of the project *name*."""
        version = data.pinned(self._constraints)[data.canonical(name)]
        directory = self._home / "sdists" / f"{data.canonical(name)}-{version}"
        if not directory.is_dir():
            with self._progress.stage(f"sdist of {name} {version}"):
                self._fetch_sdist(f"{name}=={version}", directory)
        return directory

    def built(self, suite: data.Suite, interpreter: Path) -> Path:
        """Return the Path of what *suite* comes from, with its tests built in it.

        Parameters:
            suite: a Suite with something to build.
            interpreter: the interpreter to build them for, that of an
                environment.

        They are built once: both interpreters run the same files. Raises
        process.Failed when that fails, and Problem when the crate is missing.
        """
        sdist = crate(suite.crate) if suite.crate else self.sdist(suite.sdist)
        directory = self._home / "built" / sdist.name
        stamp = directory / "threadjoin-stamp"
        wanted = json.dumps([suite.build, str(interpreter), self._pythons[0].digest])
        if stamp.is_file() and stamp.read_text() == wanted:
            return directory
        files.remove(directory)
        shutil.copytree(sdist, directory)
        log = directory.with_name(f"{sdist.name}.log")
        env = process.environment()
        env["PATH"] = f"{interpreter.parent}{os.pathsep}{env['PATH']}"
        with self._progress.stage(f"build the tests of {sdist.name}"):
            for line in suite.build:
                command = line.format(python=interpreter).split()
                process.check(command, log, command[0], cwd=directory, env=env)
        stamp.write_text(wanted)
        return directory

    def _requirements(self, library: data.Library) -> tuple[str, ...]:
        """Return what is installed for *library*: sorted `name==version`."""
        versions = data.pinned(self._constraints)
        tools = PYTEST if any(s.runner == "pytest" for s in library.suites) else ()
        names = {data.canonical(n) for n in (*_distributions(library), *tools)}
        missing = sorted(names - set(versions))
        if missing:
            raise Problem(
                f"{self._constraints.name} pins no version of {', '.join(missing)}; "
                "add it"
            )
        return tuple(sorted(f"{name}=={versions[name]}" for name in names))

    def _environment(
        self, python: Python, library: data.Library, requirements: Sequence[str]
    ) -> Path:
        directory = self._home / "venvs" / python.kind / library.name
        interpreter = directory / "bin" / "python"
        stamp = directory / "threadjoin-stamp"
        wanted = json.dumps(
            [str(python.path), python.version, requirements, self._pins()]
        )
        if stamp.is_file() and stamp.read_text() == wanted:
            return interpreter
        directory.parent.mkdir(parents=True, exist_ok=True)
        log = directory.with_name(f"{library.name}.log")
        with self._progress.stage(f"{library.name}: environment ({python.kind})"):
            make = [str(python.path), "-m", "venv", "--without-pip", "--clear"]
            make.append(str(directory))
            process.check(make, log, "python -m venv", env=process.environment())
            if requirements:
                self._install(interpreter, requirements, log)
        stamp.write_text(wanted)
        return interpreter

    def _install(
        self, interpreter: Path, requirements: Sequence[str], log: Path
    ) -> None:
        """Install from the wheels that are here; download the others."""
        install = ["install", "--no-index", "--no-compile", *requirements]
        install += ["--find-links", str(self._wheels)]
        there = ["--python", str(interpreter)]
        if self._run_pip([*there, *install], log) == 0:
            return
        fetch = ["wheel", "--prefer-binary", "-w", str(self._wheels), *requirements]
        process.raise_for(self._run_pip([*there, *fetch], log), log, "pip wheel")
        process.raise_for(self._run_pip([*there, *install], log), log, "pip install")

    def _fetch_sdist(self, requirement: str, directory: Path) -> None:
        download = self._home / "download"
        shutil.rmtree(download, ignore_errors=True)
        download.mkdir(parents=True)
        log = self._home / "sdist.log"
        name = requirement.partition("==")[0]
        fetch = ["download", "--no-deps", "--no-binary", name, "-d", str(download)]
        result = self._run_pip([*fetch, requirement], log)
        process.raise_for(result, log, f"pip download ({requirement})")
        with tarfile.open(next(download.iterdir())) as archive:
            archive.extractall(download)
        (top,) = (entry for entry in download.iterdir() if entry.is_dir())
        directory.parent.mkdir(parents=True, exist_ok=True)
        top.rename(directory)

    def _run_pip(self, arguments: Sequence[StrPath], log: Path) -> int:
        command = [*self._pip, "--quiet", "--disable-pip-version-check", *arguments]
        # As a variable it also reaches the environments that builds run in.
        env = process.environment(PIP_CONSTRAINT=str(self._constraints))
        return process.status(command, log, env=env)

    @property
    def _wheels(self) -> Path:
        return self._home / "wheels"

    def _pins(self) -> str:
        return hashlib.sha256(self._constraints.read_bytes()).hexdigest()
