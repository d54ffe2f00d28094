"""Run git without any configuration of the user or the system."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .errors import Problem
from .layout import StrPath

#: The committer of the tools' commits. Fixed, so that the same release and the same
#: patches give the same commits on every machine.
IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (
        ("NAME", "threadjoin"),
        ("EMAIL", "threadjoin@localhost"),
        ("DATE", "@0 +0000"),
    )
}

#: Beats every other source of attributes: no conversion of any file, and
#: hunk headers found by the same rule for every kind of file.
ATTRIBUTES = "* -text !eol !ident !filter !working-tree-encoding !diff !merge\n"


def environment() -> dict[str, str]:
    """Return an environment in which git reads no configuration but the
    repository's own, and in which a surrounding git (we may run as a hook)
    has no say in which repository is meant.
    """
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env.update(
        IDENTITY,
        GIT_CONFIG_NOSYSTEM="1",
        GIT_ATTR_NOSYSTEM="1",
        # Nothing can be below it. (git before 2.32 has no GIT_CONFIG_GLOBAL.)
        HOME=os.devnull,
        XDG_CONFIG_HOME=os.devnull,
        GIT_EDITOR="false",
        GIT_TERMINAL_PROMPT="0",
        LC_ALL="C",
        TZ="UTC",
    )
    return env


def attempt(
    directory: StrPath, *args: str, given: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run `git ARGS` in *directory* and return the CompletedProcess.

    It reads *given* (bytes), and has *variables* in its environment; its stdout and
    stderr are bytes. Raises Problem when git is not there.
    """
    try:
        return subprocess.run(
            ["git", "-c", "gc.auto=0", *args],
            cwd=directory,
            env={**environment(), **variables},
            input=given,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise Problem(
            "git is not installed; install it (apt-get install git)"
        ) from None


def run(directory: StrPath, *args: str, given: bytes = b"") -> bytes:
    """Run `git ARGS` in *directory* on *given* and return its output.

    Raises Problem with git's first line of complaint when it fails.
    """
    done = attempt(directory, *args, given=given)
    if done.returncode:
        complaint = (done.stderr or done.stdout).decode(errors="replace").strip()
        first = complaint.splitlines()[0] if complaint else f"status {done.returncode}"
        raise Problem(f"git {args[0]} failed in {directory}: {first}")
    return done.stdout


def init(directory: Path, branch: str) -> None:
    """Make an empty repository in *directory* that converts no file."""
    run(directory, "init", "--quiet", "--template=", f"--initial-branch={branch}")
    run(directory, "config", "core.autocrlf", "false")
    info = directory / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(ATTRIBUTES)
