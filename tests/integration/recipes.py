"""Run the recipes of docs/packaging.md as they are on the page.

A block of the page that begins with ```sh NAME is a recipe for a shell. A block
```text NAME has what that recipe prints, where "..." stands for anything. Blocks in
other languages are parts of files, which the tests put into such a file. A block that
says not-tried behind its name is run by nothing.
"""

import json
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from threadjoin.core import layout, process
from threadjoin.series import catalog
from threadjoin.source import origin, workcopy
from threadjoin.upkeep import revisions

PAGE = layout.ROOT / "docs" / "packaging.md"

#: The digest of a made-up revision.
DAY = "2026-01-01"

#: How many characters of a recipe's output are shown when it fails.
END = 5000

#: A spec without the recipe: its tags, and its sections.
_SPEC = """\
Name: python
Version: {version}
Summary: Python
License: PSF-2.0
Source0: python.tgz
AutoReqProv: no
{tags}
%description
Python.

{sections}"""

_BLOCK = re.compile(r"^```(\w+) ([\w-]+)( not-tried)?\n(.*?)^```$", re.M | re.S)
_FENCE = re.compile(r"^```.*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of the page."""

    language: str
    name: str
    tried: bool
    text: str


def blocks(text):
    """Return the Blocks of the page's *text*. Each has a name."""
    found = [
        Block(language, name, not untried, body)
        for language, name, untried, body in _BLOCK.findall(text)
    ]
    assert len(_FENCE.findall(text)) == 2 * len(found), "a block has no name"
    return found


class Page:
    """The page, changed to be about a given series.

    Parameters:
        series: the catalog.Series that the recipes are run for.
        text: the page, that of the project where it is None.
    """

    def __init__(self, series, text=None):
        lead = catalog.load_series()
        # The longest first: the name is part of the others.
        self._words = [
            (lead.label, series.label),
            (lead.base.version, series.base.version),
            (lead.name, series.name),
        ]
        found = blocks(PAGE.read_text() if text is None else text)
        self._blocks = {(one.language, one.name): one for one in found}

    def text(self, language, name):
        """Return the text of a block."""
        return self._of_series(self._blocks[language, name].text)

    def _of_series(self, text):
        marked = text
        for number, (word, _) in enumerate(self._words):
            marked = marked.replace(word, f"\0{number}\0")
        for number, (_, word) in enumerate(self._words):
            marked = marked.replace(f"\0{number}\0", word)
        return marked

    def run(self, name, cwd, change=("", ""), inside=("bash",), **variables):
        """Run the recipe *name* in the directory *cwd*; return what it prints.

        It has to succeed, and to print what the page says.

        Parameters:
            change: a text in the recipe, and what is there instead.
            inside: the command line of the shell.
            variables: of the environment; THREADJOIN is this checkout, unless given.
        """
        script = self.text("sh", name).replace(*change)
        given = {"THREADJOIN": layout.ROOT, "GIT_CONFIG_GLOBAL": "/dev/null"}
        given.update(variables)
        env = process.environment(**{name: str(value) for name, value in given.items()})
        done = subprocess.run(
            [*inside, "-euo", "pipefail", "-c", script],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        said = f"{script}\n{done.stdout[-END:]}\n{done.stderr[-END:]}"
        assert done.returncode == 0, said
        if ("text", name) in self._blocks:
            wanted = self.text("text", name).replace(*change)
            assert matches(wanted, done.stdout), f"{wanted}\n{said}"
        return done.stdout


def matches(wanted, said):
    """Tell whether *said* matches *wanted*, in which "..." stands for anything."""
    parts = map(re.escape, wanted.strip().split("..."))
    return re.fullmatch("(?s:.*)".join(parts), said.strip()) is not None


def earlier(series, place):
    """Make *place* a checkout of the project at the revision before, to update from.

    It is made up: it lacks the last fix of *series*. Returns the catalog.Series as it
    is there.
    """
    for name in ("scripts", "patches"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(layout.ROOT / name, place / name, ignore=ignored)
    (place / "build").mkdir()
    (place / "build" / "cache").symlink_to(layout.BUILD / "cache")
    home = place / "patches" / series.name
    number = series.revision.number - 1
    last = series.patches[-2].name
    (home / last).unlink()
    listing = home / "series"
    listing.write_text(listing.read_text().replace(f"{last}\n", ""))
    (home / revisions.PATCH).write_text(revisions.text(series, number, DAY))
    left = catalog.load_series(series.name, place / "patches")
    state = {"number": number, "released": DAY, "digest": left.digest}
    (home / catalog.REVISION).write_text(json.dumps(state))
    return catalog.load_series(series.name, place / "patches")


def files(place):
    """Return the files in the directory *place*: a dict of names to contents."""
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(place).parts
    }


def told(tree):
    """Return the revision of the series in the source *tree*, None for none."""
    module = tree / catalog.SAYS_REVISION
    if not module.exists():
        return None
    return re.search(r"^REVISION = '(.*)'$", module.read_text(), re.MULTILINE)[1]


def pyenv(place, release):
    """Return the environment of a pyenv without versions, a dict; None for no pyenv.

    It is the pyenv of this machine with another root, so that the versions of the user
    stay as they are.

    Parameters:
        place: pathlib.Path of a directory for it.
        release: the origin.Origin of a release, which it need not fetch.
    """
    program = shutil.which("pyenv")
    if not program:
        return None
    asked = [program, "root"]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    home = place / "pyenv"
    (home / "cache").mkdir(parents=True)
    (home / "plugins").symlink_to(Path(done.stdout.strip(), "plugins"))
    # pyenv has its own names for the tarballs.
    stem, form = re.fullmatch(r"(.*)\.(tgz|tar\.xz)", release.path.name).groups()
    form = "tar.gz" if form == "tgz" else form
    shutil.copy(release.path, home / "cache" / f"{stem}.{form}")
    found = {"PYENV_ROOT": home, "TMPDIR": place}
    if form == "tar.gz":
        found["_PYTHON_BUILD_FORCE_SKIP_XZ"] = 1
    return found


def spec(page, series, sections=""):
    """Return an RPM's spec for the release: with the recipe, and *sections* behind."""
    tags, prep = page.text("spec", "rpm").split("\n\n", 1)
    return _SPEC.format(
        version=series.base.version, tags=tags, sections=f"{prep}\n{sections}"
    )


def source_package(release, package, place):
    """Make a source package of Debian's in *place*, as apt-get does; return its tree.

    Parameters:
        release: the origin.Origin of a tarball.
        package: the debian.Package.
        place: pathlib.Path of a directory.
    """
    name, version = package.data.package, package.data.version
    form = release.path.suffix.replace("tgz", "gz")
    shutil.copy2(package.path, place)
    shutil.copy2(release.path, place / f"{name}_{version}.orig.tar{form}")
    unpacked = place / f"{name}-{version}"
    workcopy.unpack(release.path, unpacked)
    workcopy.unpack(package.path, unpacked / "debian")
    # It applies the package's own patches.
    unpack = ["dpkg-source", "--before-build", unpacked]
    subprocess.run(unpack, check=True, stdout=subprocess.DEVNULL)
    return unpacked


def tarball(tree, path):
    """Make the tarball *path* of the directory *tree*; return its origin.Origin."""
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tree, path.stem)
    return origin.given(str(path))
