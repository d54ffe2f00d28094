"""Find and install the system packages that a build of CPython needs.

The needs, and the names of each system's packages for them, are data in
packages.json. The compiler tells whether a need is met, not a package manager: that
works everywhere, and for libraries that were installed by hand.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import process
from ..core.errors import Problem
from ..core.progress import Progress

DATA = json.loads(Path(__file__).with_name("packages.json").read_text())


@dataclass(frozen=True)
class Need:
    """A program or a library that a build needs."""

    name: str  # for people
    required: bool  # or the build only lacks a module without it
    commands: tuple[str, ...]  # one of these is there, or
    header: str  # this can be included
    packages: dict[str, str]  # of package manager to the name it has there


def needs(data: dict[str, Any] = DATA) -> list[Need]:
    """Return the Needs that the content of packages.json, *data*, lists."""
    return [_need(entry, data["managers"]) for entry in data["tools"] + data["headers"]]


def _need(entry: dict[str, Any], managers: Iterable[str]) -> Need:
    return Need(
        entry["name"],
        entry.get("required", "commands" in entry),
        tuple(entry.get("commands", ())),
        entry.get("header", ""),
        {manager: entry[manager] for manager in managers},
    )


def named(package: str, debian: str | None = None) -> Need:
    """Return the Need for *package*, which Debian may call otherwise."""
    names = dict.fromkeys(DATA["managers"], package)
    names["apt-get"] = debian or package
    return Need(package, True, (), "", names)


def compiler() -> list[str]:
    """Return the command of the C compiler; [] for none.

    That is CC of the environment where it is set, else the usual names.
    Raises Problem when CC names a program that is not there.
    """
    words = shlex.split(os.environ.get("CC", ""))
    if words:
        if not shutil.which(words[0]):
            raise Problem(f"no compiler: CC is {words[0]}, which is not there")
        return words
    commands = next(need.commands for need in needs() if "gcc" in need.commands)
    return next(([name] for name in commands if shutil.which(name)), [])


def missing() -> list[Need]:
    """Return the Needs that this system does not meet."""
    listed = needs()
    command = compiler()
    headers = _includable([need.header for need in listed if need.header], command)
    return [
        need
        for need in listed
        if not (
            need.header in headers
            or any(map(shutil.which, need.commands))
            # Named by CC, it may have any name.
            or (command and "gcc" in need.commands)
        )
    ]


def _includable(headers: Sequence[str], command: Sequence[str]) -> set[str]:
    """Return the set of those *headers* that the compiler *command* finds."""
    if not command:
        return set()
    lines = []
    for number, header in enumerate(headers):
        lines += [f"#if __has_include(<{header}>)", f"found {number}", "#endif"]
    done = process.said(
        [*command, *shlex.split(os.environ.get("CPPFLAGS", "")), "-xc", "-E", "-"],
        input="\n".join(lines) + "\n",
    )
    return {headers[int(n)] for n in re.findall(r"^found (\d+)$", done.stdout, re.M)}


def provide(progress: Progress, log: Path, only_say: bool = False) -> None:
    """Make sure that the system has what a build needs.

    Installs what is missing where we may (apt, as root or with a sudo that
    asks for no password); says what to install where we may not.

    Parameters:
        log: path of a file for the package manager's output.
        only_say: install nothing, and raise Problem when anything is missing.

    Raises Problem when something is missing that no build can do without.
    """
    lacking = missing()
    if only_say and lacking:
        raise Problem(f"{_names(lacking)} missing; {advice(lacking)}")
    install(lacking, progress, log)
    lacking = missing() if lacking else []
    required = [need for need in lacking if need.required]
    if required:
        raise Problem(f"{_names(required)} missing; {advice(lacking)}")
    if lacking:
        progress.note(
            f"note: {_names(lacking)} missing, and Python's modules that need it "
            f"will be, too; {advice(lacking)}"
        )


def install(lacking: Sequence[Need], progress: Progress, log: Path) -> None:
    """Install the packages for the Needs *lacking* where we may.

    Does nothing for none, or where we may not; what could not be installed
    is still missing afterwards. Other parameters as provide() has them.
    """
    may = _privilege() if lacking and shutil.which("apt-get") else None
    if may is not None:
        names = [need.packages["apt-get"] for need in lacking]
        progress.note(f"note: to be installed with apt-get: {' '.join(names)}")
        with progress.stage(f"install {', '.join(need.name for need in lacking)}"):
            _install(names, may, log)


def provide_tool(
    command: str, progress: Progress, log: Path, data: dict[str, Any] = DATA
) -> None:
    """Make sure that the tool *command* of a check is there, as provide_commands().

    Parameters:
        command: its name, one of those under "checks" in packages.json.
    """
    entry = next(e for e in data["checks"] if command in e["commands"])
    provide_commands([command], [_need(entry, data["managers"])], progress, log)


def provide_commands(
    commands: Collection[str], needs: Sequence[Need], progress: Progress, log: Path
) -> None:
    """Make sure that all of the programs *commands* are there.

    Parameters:
        needs: the Needs that bring them, and what they need.
        progress, log: as provide() has them.

    Installs these where we may; raises Problem, saying how to, when a program is
    missing after that.
    """
    if all(map(shutil.which, commands)):
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    install(needs, progress, log)
    lacking = [command for command in commands if not shutil.which(command)]
    if lacking:
        raise Problem(f"there is no {', '.join(lacking)}; {advice(needs)}")


def advice(
    lacking: Sequence[Need], which: Callable[[str], str | None] = shutil.which
) -> str:
    """Return words on how to install the Needs *lacking* on this system."""
    for manager, command in DATA["managers"].items():
        if which(manager):
            names = " ".join(need.packages[manager] for need in lacking)
            sudo = "" if os.geteuid() == 0 else "sudo "
            return f"install with: {sudo}{command} {names}"
    return f"install {', '.join(need.name for need in lacking)} (with headers)"


def _names(lacking: Sequence[Need]) -> str:
    verb = "is" if len(lacking) == 1 else "are"
    return f"{', '.join(need.name for need in lacking)} {verb}"


def _privilege() -> list[str] | None:
    """Return the words before a command that make it run as root; None when
    we may not.
    """
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and not process.said(["sudo", "-n", "true"]).returncode:
        return ["sudo", "-n"]
    return None


def _install(names: Sequence[str], privilege: Sequence[str], log: Path) -> None:
    """Install the packages *names* with apt; a package that fails is still missing."""
    apt = [*privilege, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    install = [*apt, "-o", "DPkg::Lock::Timeout=120", "install", "-y"]
    install.append("--no-install-recommends")
    # A list of packages that is older than the archive names files that are
    # gone. Most machines have a fresh one, so another one comes second. Last,
    # one by one: a name that the archive lacks is not to stop the others.
    attempts = [[*install, *names], [*apt, "update"], [*install, *names]]
    attempts += [[*install, name] for name in names]
    for command in attempts:
        result = process.status(command, log, env=process.environment(), group=False)
        process.raise_if_disk_full(log)
        if result == 0 and command[-1] == names[-1]:
            return
