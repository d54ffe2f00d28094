"""Get a release's tarball from the distribution, and the patches of its package.

apt works on a state of its own, in a directory that is removed afterwards.
The machine's configuration is read (where its mirror is, which key signs it,
which proxy to use) and never written.
"""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from ..core import process
from .fetch import TIMEOUT, Unavailable

ETC = Path("/etc/apt")

#: Names that the distribution gives a suite besides its own.
ALIASES = {"stable", "oldstable", "oldoldstable", "testing", "unstable", "sid"}

#: Fields of an entry that say whether its archive is to be trusted.
TRUST = ("Signed-By", "Trusted", "Check-Valid-Until", "Check-Date")


@dataclass(frozen=True)
class Entry:
    """An archive, as one entry of apt's configuration names it."""

    uris: tuple
    suites: tuple
    components: tuple
    trust: dict = field(default_factory=dict)  # of TRUST, as they are written


def fetch(debian, path, log):
    """Write the release's tarball, from its source package, to the file *path*.

    Parameters:
        debian: the catalog.Debian.
        path: pathlib.Path where the tarball goes.
        log: path of a file for apt's own words, overwritten.

    Raises Unavailable when that does not work here.
    """
    # Security's version may have files that the mirror lacks; this one is the same.
    with _fetched(
        debian, [debian.suite], "--tar-only", debian.orig, path, log
    ) as found:
        os.replace(found, path)


def fetch_patches(debian, directory, log):
    """Put what a source package adds to the release into *directory*.

    The newest version that answers is taken: the security archive's, else that of
    the distribution's release.

    Returns the file's path; its name says the version of the package. Other
    parameters as fetch() has them. Raises Unavailable when that does not work here.
    """
    suites = [f"{debian.suite}-security", debian.suite]
    pattern = f"{debian.package}_{debian.version}-*.debian.tar.*"
    place = directory / pattern
    with _fetched(debian, suites, "--diff-only", pattern, place, log) as found:
        os.replace(found, directory / found.name)
        return directory / found.name


@contextlib.contextmanager
def _fetched(debian, suites, only, pattern, place, log):
    """Give the path of a file of a source package, which is there for the while.

    Parameters:
        suites: those of the distribution to ask, in order.
        only: the option of `apt-get source` that says which files to get.
        pattern: the file's name.
        place: a path beside which a scratch directory may be.

    Other parameters, and what is raised: as fetch() has them.
    """
    if not shutil.which("apt-get"):
        raise Unavailable("no apt-get on this machine")
    asked = [(suite, one) for suite in suites for one in _archives(suite)]
    if not asked:
        raise Unavailable("apt is not set up with a Debian archive")
    complaint = ""
    settings = configuration()
    for suite, archive in asked:
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".apt-") as state:
            env = prepare(Path(state), archive, suite, settings)
            complaint = _download(Path(state), [only, debian.package], env, log)
            found = next(Path(state).glob(pattern), None)
            if found:
                yield found
                return
    raise Unavailable(complaint or f"it has no {pattern}")


def _archives(suite):
    """Return the archives that may have *suite*, (URI, trust) pairs."""
    configured = entries(ETC)
    if suite.endswith("-security"):
        aliases = {f"{alias}-security" for alias in ALIASES}
        return list(mirrors(configured, {suite, *aliases}).items())
    # An archive that calls a suite by its alias may be anybody's: those last.
    archives = mirrors(configured, {suite, *_codename()})
    for uri, trust in mirrors(configured, ALIASES).items():
        archives.setdefault(uri, trust)
    return list(archives.items())


def entries(etc):
    """Return the Entries of apt's configuration in the directory *etc*."""
    parts = etc / "sources.list.d"
    found = []
    for path in [etc / "sources.list", *sorted(parts.glob("*.list"))]:
        found += parse_list(_read(path))
    for path in sorted(parts.glob("*.sources")):
        found += parse_deb822(_read(path))
    return found


def parse_list(text):
    """Return the Entries of *text* in the one-line form (sources.list)."""
    found = []
    for line in text.splitlines():
        parsed = re.fullmatch(
            r"\s*deb(?:-src)?\s+(?:\[(?P<options>[^]]*)\]\s*)?"
            r"(?P<uri>[^\s\[]+)\s+(?P<suite>\S+)(?P<components>[^#]*)(?:#.*)?",
            line,
        )
        if parsed:
            options = dict(
                option.split("=", 1)
                for option in (parsed["options"] or "").split()
                if "=" in option
            )
            trust = {f: options[f.lower()] for f in TRUST if f.lower() in options}
            components = tuple(parsed["components"].split())
            found.append(Entry((parsed["uri"],), (parsed["suite"],), components, trust))
    return found


def parse_deb822(text):
    """Return the Entries of *text* in the form of the .sources files."""
    found = []
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        # A line that begins with a space continues the field above it.
        fields = {
            name.lower(): value.strip(" \t")
            for name, value in re.findall(
                r"^([A-Za-z-]+):((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE
            )
        }
        if fields.get("enabled", "yes").lower() in ("no", "false", "0", "off"):
            continue
        found.append(
            Entry(
                *(
                    tuple(fields.get(key, "").split())
                    for key in ("uris", "suites", "components")
                ),
                {f: fields[f.lower()] for f in TRUST if f.lower() in fields},
            )
        )
    return found


def mirrors(configured, suites):
    """Return the URIs, a dict to their trust, of those Entries that may be of
    the distribution's archive: with the component main in one of *suites*.
    """
    found = {}
    for entry in configured:
        if suites.intersection(entry.suites) and "main" in entry.components:
            for uri in entry.uris:
                if not uri.startswith("cdrom:"):
                    found.setdefault(uri, entry.trust)
    return found


def configuration():
    """Return the lines of apt's configuration that say how to download.

    Not the hooks, which would work on the machine's own state.
    """
    dump = subprocess.run(
        ["apt-config", "dump"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return [
        line
        for line in dump.stdout.splitlines()
        if line.startswith("Acquire::") and not line.startswith("Acquire::IndexTargets")
    ]


def prepare(state, archive, suite, settings):
    """Make a state for apt in the directory *state*.

    Parameters:
        state: pathlib.Path of an empty directory.
        archive: a (URI, trust) item of what mirrors() returns.
        suite: the only suite to read.
        settings: lines as configuration() has them.

    Returns the environment in which apt uses that state, a dict.
    """
    uri, trust = archive
    for name in ("lists/partial", "cache/archives/partial", "sources", "none"):
        (state / name).mkdir(parents=True)
    fields = {
        "Types": "deb-src",
        "URIs": uri,
        "Suites": suite,
        "Components": "main",
        **trust,
    }
    (state / "sources" / "release.sources").write_text(
        "".join(f"{name}: {value}\n" for name, value in fields.items())
    )
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
        # Else apt downloads as a user who may not look into our directories.
        own["APT::Sandbox::User"] = "root"
    lines = [*settings, *(f'{name} "{value}";' for name, value in own.items())]
    (state / "apt.conf").write_text("\n".join(lines) + "\n")
    return process.environment(APT_CONFIG=str(state / "apt.conf"))


def _download(state, words, env, log):
    """Let apt fetch files of a source package into *state*.

    Parameters:
        words: what `apt-get source` is told.

    Returns apt's first complaint, "" for none.
    """
    script = "apt-get -q update && apt-get -q source --download-only "
    process.status(["sh", "-c", script + shlex.join(words)], log, cwd=state, env=env)
    process.raise_if_disk_full(log)
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith(("E: ", "W: Failed to fetch ")):
            return line[3:].strip()
    return ""


def _codename():
    for line in _read(Path("/etc/os-release")).splitlines():
        if line.startswith("VERSION_CODENAME="):
            return shlex.split(line.partition("=")[2])
    return []


def _read(path):
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace")
    return ""
