"""Where the project keeps its things, and the data beside each series."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import Problem

ROOT = Path(__file__).resolve().parents[2]
PATCHES = ROOT / "patches"
BUILD = ROOT / "build"

#: The series that a command takes when it is given none.
DEFAULT_SERIES = "3.11"


@dataclass(frozen=True)
class Base:
    """The release of CPython that a series is made for, from base.json."""

    version: str  # "3.11.2"
    tarball: str  # file name on python.org
    sha256: str  # of the tarball, whichever way it comes
    url: str
    debian: dict  # suite, package, orig: where the same file is as .orig


@dataclass(frozen=True)
class Series:
    """One directory of patches/: a base, and the patches on it in order."""

    name: str  # "3.11"
    directory: Path
    base: Base
    patches: tuple  # of Path, in the order of the `series` file

    @property
    def digest(self):
        """What it makes of its base, as twelve hexadecimal digits.

        Of the changes alone: dates, messages and names make no other interpreter.
        """
        total = hashlib.sha256(self.base.sha256.encode())
        for path in self.patches:
            changes = re.search(rb"^diff --git .*", path.read_bytes(), re.M | re.S)
            total.update(hashlib.sha256(changes[0]).digest())
        return total.hexdigest()[:12]


def built(kind, variant="debug", series=DEFAULT_SERIES):
    """Return the Path of the interpreter that ./build.sh makes.

    Parameters:
        kind: "stock" or "patched".
        variant: as interpreter.VARIANTS has them.
        series: name of the series.
    """
    return BUILD / series / variant / kind / "obj" / "python"


def available(patches=PATCHES):
    """Return the names of the series in the project, oldest version first."""
    names = [p.parent.name for p in patches.glob("*/series")]
    return sorted(names, key=lambda name: tuple(map(int, name.split("."))))


def load_series(name=DEFAULT_SERIES, patches=PATCHES):
    """Return the Series called *name* ("3.11").

    Raises Problem when there is none of that name, saying which there are,
    or when its `series` file lists a patch that does not exist.
    """
    directory = patches / name
    try:
        base = Base(**json.loads((directory / "base.json").read_text()))
        lines = (directory / "series").read_text().splitlines()
    except FileNotFoundError:
        raise Problem(
            f"no series for Python {name}; there is one for: "
            + ", ".join(available(patches))
        ) from None
    # quilt's own syntax: a name a line, blank lines and # comments skipped.
    listed = [line.split("#")[0].strip() for line in lines]
    paths = tuple(directory / entry for entry in listed if entry)
    for path in paths:
        if not path.is_file():
            raise Problem(
                f"{directory.name}/series lists {path.name}, which does not "
                "exist; restore it from git, or export the series again"
            )
    return Series(name, directory, base, paths)


def series_for(version, patches=PATCHES):
    """Return the Series for a CPython of *version* ("3.11.9", "3.13.0rc1+").

    Raises Problem as load_series() does.
    """
    return load_series(".".join(version.split(".")[:2]), patches)
