"""Get a release's tarball from the distribution, and the patches of its package.

apt works on a state of its own, in a directory that is removed afterwards, with a copy
of the machine's sources in which all are of source packages. The machine's
configuration is read (where its mirror is, which key signs it, which proxy to use) and
never written.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..core import process
from ..series.catalog import Debian
from .fetch import TIMEOUT, Unavailable

ETC = Path("/etc/apt")

#: Names that the distribution gives a suite besides its own.
ALIASES = {"stable", "oldstable", "oldoldstable", "testing", "unstable", "sid"}


def fetch(debian: Debian, path: Path, log: Path) -> None:
    """Write the release's tarball, from its source package, to the file *path*.

    Parameters:
        path: where the tarball goes.
        log: path of a file for apt's own words, overwritten.

    Raises Unavailable when that does not work here.
    """
    # Security's version may have files that the mirror lacks; this one is the same.
    names = [f"{debian.package}/{debian.suite}", debian.package]
    with _fetched(debian, names, "--tar-only", debian.orig, path, log) as found:
        os.replace(found, path)


def fetch_patches(debian: Debian, directory: Path, log: Path) -> Path:
    """Put what a source package adds to the release into *directory*.

    The newest version that answers is taken: the security archive's, else that of
    the distribution's release.

    Returns the file's path; its name says the version of the package. Other
    parameters as fetch() has them. Raises Unavailable when that does not work here.
    """
    names = [debian.package, f"{debian.package}/{debian.suite}"]
    pattern = f"{debian.package}_{debian.version}-*.debian.tar.*"
    place = directory / pattern
    with _fetched(debian, names, "--diff-only", pattern, place, log) as found:
        os.replace(found, directory / found.name)
        return directory / found.name


@contextlib.contextmanager
def _fetched(
    debian: Debian,
    names: Sequence[str],
    only: str,
    pattern: str,
    place: Path,
    log: Path,
) -> Iterator[Path]:
    """Give the path of a file of a source package, which exists in the `with` block.

    Parameters:
        names: names of the package for apt, tried in turn.
        only: the option of `apt-get source` that says which files to get.
        pattern: the file's name.
        place: a path beside which a scratch directory may be.

    Other parameters, and what is raised: as fetch() has them.
    """
    if not shutil.which("apt-get"):
        raise Unavailable("no apt-get on this machine")
    source = ("apt-get", "-q", "source", "--download-only", only)
    attempts = " || ".join(shlex.join([*source, name]) for name in names)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".apt-") as name:
        state = Path(name)
        # The lists of another archive may be missing.
        command = ["sh", "-c", f"apt-get -q update; {attempts}"]
        process.status(command, log, cwd=state, env=prepare(state, debian.suite))
        process.raise_if_disk_full(log)
        found = next(state.glob(pattern), None)
        if not found:
            raise Unavailable(_complaint(log) or f"it has no {pattern}")
        yield found


def prepare(state: Path, suite: str) -> dict[str, str]:
    """Make a state for apt in the directory *state*, with the sources of *suite*.

    Returns the environment in which apt uses that state, a dict.
    """
    for name in ("lists/partial", "cache/archives/partial", "sources", "none"):
        (state / name).mkdir(parents=True)
    for path in [ETC / "sources.list", *(ETC / "sources.list.d").glob("*")]:
        if path.suffix in _FORMS and path.is_file():
            text = as_sources(path.suffix, path.read_text(errors="replace"), suite)
            (state / "sources" / path.name).write_text(text)
    own = {
        "Dir::Etc::Parts": state / "none",
        "Dir::Etc::Main": os.devnull,
        "Dir::Etc::SourceList": os.devnull,
        "Dir::Etc::SourceParts": state / "sources",
        "Dir::State::Lists": state / "lists",
        "Dir::Cache": state / "cache",
        "Acquire::Retries": 1,
        "Acquire::http::Timeout": TIMEOUT,
        "Acquire::https::Timeout": TIMEOUT,
    }
    if os.geteuid() == 0:
        # Otherwise apt downloads as a user who may not read our directories.
        own["APT::Sandbox::User"] = "root"
    # The settings for downloads, and not the hooks, which use the machine's state.
    lines = [
        line
        for line in process.said(["apt-config", "dump"]).stdout.splitlines()
        if line.startswith("Acquire::") and not line.startswith("Acquire::IndexTargets")
    ]
    lines += [f'{name} "{value}";' for name, value in own.items()]
    (state / "apt.conf").write_text("\n".join(lines) + "\n")
    return process.environment(APT_CONFIG=str(state / "apt.conf"))


#: For each format of a file, patterns for the type of packages and for the names of
#: suites, each with the text before it.
_FORMS = {
    ".list": (
        r"(^[ \t]*)deb(?:-src)?(?=\s)",
        r"(^\s*deb-src(?: \[.*\])?\s+\S+)(\s+\S+)",
    ),
    ".sources": (r"(?i)(^Types:[ \t]*)\S.*", r"(?i)(^Suites:)(.*(?:\n[ \t].*)*)"),
}


def as_sources(form: str, text: str, suite: str) -> str:
    """Return *text*, of a file of apt's, with the source packages of *suite* instead.

    Parameters:
        form: the file's suffix.
    """
    kind, suites = _FORMS[form]
    own = "|".join({*ALIASES, *_codename()})
    # "bookworm" in "bookworm-security", and not a component that is called so.
    here = re.compile(rf"(?<=\s)({own})(?=[-/\s]|$)")
    text = re.sub(kind, r"\1deb-src", text, flags=re.MULTILINE)
    return re.sub(
        suites,
        lambda found: found[1] + here.sub(suite, found[2]),
        text,
        flags=re.MULTILINE,
    )


def _complaint(log: Path) -> str:
    """Return the first error of apt in the file *log*, "" for none."""
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith(("E: ", "W: Failed to fetch ")):
            return line[3:].strip()
    return ""


def _codename() -> list[str]:
    with contextlib.suppress(OSError):
        found = re.search(
            r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.M
        )
        return [found[1]] if found else []
    return []
