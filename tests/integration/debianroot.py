"""Make root file systems of Debian, to build in and to install into."""

import os
import shutil
import subprocess
from pathlib import Path

from threadjoin.core import process
from threadjoin.source import aptsource

#: Mounts what programs expect, in its own mount namespace, and runs a command. However
#: that ends, nothing is left mounted, and no process is left.
_ENTER = """
mount --bind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/dev/shm"
cd "$1"
shift
exec chroot . "$@"
"""

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


def sources(*suites):
    """Return the lines for apt, made out of this machine's lines for *suites*."""
    lines = []
    for name in suites:
        for uri in aptsource.archives(name):
            lines.append(f"deb {uri} {name} main")
    return lines


class Root:
    """A root file system, of packages as the distribution released them.

    That is without updates: the archive may have the packages of one that it lacks
    the source of.

    Parameters:
        place: pathlib.Path of its directory, which is made.
        suite: "bookworm".
        packages: names of packages, besides those of every system.
        log: pathlib.Path of a file for what is said while it is made.
    """

    def __init__(self, place, suite, packages, log):
        self.place = place
        self.log = log
        process.check(
            ["mmdebstrap", "--variant=apt", f"--include={','.join(packages)}"]
            + [suite, str(place), *sources(suite)],
            log,
            "mmdebstrap",
            env=process.environment(),
        )
        shutil.copy("/etc/resolv.conf", place / "etc/resolv.conf")
        every = sources(suite, f"{suite}-updates", f"{suite}-security")
        lines = "".join(f"{line}\n" for line in every)
        (place / "etc/apt/sources.list").write_text(lines)

    def enter(self, *command):
        """Return the words that run *command* in there, a list."""
        namespaces = ["--mount", "--pid", "--fork", "--kill-child"]
        assignments = [f"{name}={value}" for name, value in _ENVIRONMENT.items()]
        # Variables that a test sets are for the command in there, too.
        passed = [f"{n}={v}" for n, v in os.environ.items() if n.startswith("DEB_")]
        inside = ["env", "--ignore-environment", *assignments, *passed, *command]
        return [
            *("unshare", *namespaces, "--propagation=private"),
            *("sh", "-euc", _ENTER, "sh", str(self.place), *inside),
        ]

    def run(self, *command, check=True, text=None):
        """Run *command* in there; return the CompletedProcess, and log what it says.

        Parameters:
            check: whether it has to succeed.
            text: for its standard input.
        """
        done = subprocess.run(
            self.enter(*command),
            input=text or "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        with open(self.log, "a") as stream:
            stream.write(f"\n$ {' '.join(command)}\n{done.stdout}")
        if check:
            last = done.stdout[-3000:]
            assert done.returncode == 0, f"{command}: see {self.log}\n{last}"
        return done

    def path(self, name):
        """Return the Path that the absolute path *name* in there has here."""
        return Path(f"{self.place}{name}")
