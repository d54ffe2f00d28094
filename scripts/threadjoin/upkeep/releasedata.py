"""Add releases to the data of a series, and write the lines that are generated from it.

The releases are in the releases.json of a series. Dockerfile and docker-bake.hcl cannot
read it, and have lines that are generated from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from ..core import layout
from ..core.errors import Problem
from ..series import catalog

#: The lines before and after the generated lines, in any file.
BEGIN = "# Made of patches/*/releases.json by `series releases --write`."
END = "# End of what is made."

#: Files that have such lines.
GENERATED = ("Dockerfile", "docker-bake.hcl")


def add(
    series: catalog.Series,
    version: str,
    tgz: str,
    xz: str,
    checked: bool,
    root: Path = layout.ROOT,
) -> list[str]:
    """Add a release to the data of *series*, or record that it is checked now.

    Parameters:
        version: that of the release.
        tgz, xz: the SHA-256 of its tarballs.
        checked: whether the series was tried on it.
        root: the project's directory.

    Writes the lines that are made of the data, too, and returns the names of all
    files that have changed. Raises Problem when the release is
    not one of the series, or is known with other sums.
    """
    if not re.fullmatch(re.escape(series.name) + r"\.\d+", version):
        raise Problem(f"{version!r} is no release of Python {series.name}")
    path = series.directory / catalog.RELEASES
    data = json.loads(path.read_text())
    entry = {"version": version, "checked": checked, "tgz": tgz, "xz": xz}
    others = [one for one in data["releases"] if one["version"] != version]
    known = [one for one in data["releases"] if one["version"] == version]
    if known and (known[0]["tgz"], known[0]["xz"]) != (tgz, xz):
        raise Problem(
            f"{version} is in {path.relative_to(root)} with other checksums; change "
            "them there, if those are wrong"
        )
    data["releases"] = sorted(
        [*others, entry], key=lambda one: tuple(map(int, one["version"].split(".")))
    )
    # Before anything is written: this fails if a file has no place for the lines.
    contents(root)
    path.write_text(json.dumps(data, indent=4) + "\n")
    return [str(path.relative_to(root)), *write(root)]


def _dockerfile(known: Iterable[catalog.Series]) -> list[str]:
    series = next(one for one in known if one.name == catalog.DEFAULT_SERIES)
    return [
        f"ARG SERIES={series.name}",
        f"ARG PYTHON_VERSION={series.newest.version}",
        f"ARG PYTHON_SHA256={_sum(series)}",
        f"ARG GPG_KEY={series.gpg_key}",
    ]


def _sum(series: catalog.Series) -> str:
    """Return the SHA-256 that images of python.org's release have in their settings."""
    return next(iter(series.newest.tarballs.values()))


def _bake(known: Iterable[catalog.Series]) -> list[str]:
    lines = []
    for series in known:
        lines += [
            "{",
            f'  series  = "{series.name}"',
            f'  version = "{series.newest.version}"',
            f'  sha256  = "{_sum(series)}"',
            f'  gpg_key = "{series.gpg_key}"',
            "},",
        ]
    return lines


def generated(text: str, lines: Iterable[str], called: str) -> str:
    """Return *text* with *lines* as its generated lines.

    Raises Problem when it has no place for them; it calls the file *called*.
    """
    parts = re.fullmatch(
        rf"(.*^([ ]*){re.escape(BEGIN)}\n).*?(^[ ]*{re.escape(END)}\n.*)",
        text,
        re.DOTALL | re.MULTILINE,
    )
    if not parts:
        raise Problem(f"{called} has no lines between {BEGIN!r} and {END!r}")
    head, indent, tail = parts.groups()
    return head + "".join(f"{indent}{line}\n" for line in lines) + tail


def contents(root: Path = layout.ROOT) -> dict[str, str]:
    """Return what the files with such lines are to be, a dict of names to text.

    Raises Problem as generated() does.
    """
    patches = root / "patches"
    known = [catalog.load_series(name, patches) for name in catalog.available(patches)]
    makers = {"Dockerfile": _dockerfile, "docker-bake.hcl": _bake}
    return {
        name: generated((root / name).read_text(), makers[name](known), name)
        for name in GENERATED
        if (root / name).exists()
    }


def write(root: Path = layout.ROOT) -> list[str]:
    """Write the lines that are made of the data; return the names of the files."""
    written = []
    for name, text in contents(root).items():
        if (root / name).read_text() != text:
            (root / name).write_text(text)
            written.append(name)
    return written
