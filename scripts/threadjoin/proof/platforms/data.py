"""Read which platforms there are: compilers, arguments, and how to run the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ...core import files, layout

#: The directory of the data, and of the files that it names.
HERE = layout.ROOT / "tests" / "platforms"

DATA = HERE / "platforms.json"


@dataclass(frozen=True)
class Platform:
    """One platform, or way to build, from platforms.json.

    Attributes:
        name: "arm64".
        summary: what it is, for people.
        compiler: the command of the C compiler; {here} is the directory of the data.
        commands: programs that have to be there.
        packages: those of Debian that bring them.
        configure: arguments for configure; {here} as above, {objects} the directory
            of the build, and {native} an interpreter of the same kind that runs here.
        builtin: whether the extension modules are in the interpreter itself.
        emulator: the program that runs what was built; "" where the machine does.
        root: the directory of the C library for the emulator.
        slowness: how many times longer the tests may take.
        tests: units of CPython's tests.
        ours: files of the project's tests, below the project.
        left_out: reasons by what is not run: a unit, one of ours, or a pattern of names
            of tests.
        known: reasons by the beginning of the id of a test that fails on both, or
            cannot be compared.
    """

    name: str
    summary: str
    compiler: str
    commands: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    configure: tuple[str, ...] = ()
    builtin: bool = False
    emulator: str = ""
    root: str = ""
    slowness: int = 1
    tests: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    @property
    def ignored(self) -> list[str]:
        """The patterns of names of tests that libregrtest is to leave out."""
        whole = {*self.tests, *self.ours}
        return [what for what in self.left_out if what not in whole]

    @property
    def units(self) -> list[str]:
        """The units of CPython's tests that are run."""
        return [unit for unit in self.tests if unit not in self.left_out]

    @property
    def files(self) -> list[str]:
        """The files of the project's tests that are run."""
        return [name for name in self.ours if name not in self.left_out]

    def reason(self, line: str) -> str | None:
        """Return why what *line* begins with is known to fail; None if it is not."""
        found = [why for what, why in self.known.items() if line.startswith(what)]
        return found[0] if found else None


def load(data: Path = DATA) -> dict[str, Platform]:
    """Return the Platforms that the file *data* lists, by name, in its order."""
    found = {}
    with files.data(data) as content:
        common = {"tests": tuple(content["tests"]), "ours": tuple(content["ours"])}
        for name, entry in content["platforms"].items():
            for key in ("left_out", "known"):
                entry[key] = {**content[key], **entry.get(key, {})}
            lists = {k: tuple(v) for k, v in entry.items() if isinstance(v, list)}
            found[name] = Platform(name, **{**common, **entry, **lists})
    return found
