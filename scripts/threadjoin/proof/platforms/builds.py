"""Build stock and patched for a platform, with the modules of ./build.sh."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...building import interpreter
from ...building.identity import KINDS
from ...core import files, process
from ...core.errors import Problem
from ...core.progress import Progress
from ...host import csource
from ...series.catalog import Series
from ...source import origin
from .. import prefixes
from . import data

#: The program that runs an interpreter by its emulator, and the name of its source.
EMULATED = "emulated"

#: In Setup.stdlib, what the modules begin with that cannot be in the interpreter.
_SHARED = "\n*shared*\n"


@dataclass(frozen=True)
class Built:
    """The interpreters of a platform, and facts about them.

    Attributes:
        interpreters: interpreter.Interpreters by role.
        warnings: the compiler's that patched has and stock lacks.
        compiler: what the compiler says it is.
        emulator: what the emulator says it is; "" for none.
    """

    interpreters: dict[str, interpreter.Interpreter]
    warnings: tuple[str, ...]
    compiler: str
    emulator: str


def said_version(command: Sequence[str]) -> str:
    """Return the first line that the program *command* prints about its version."""
    # An emulator says it on stdout, and a script that runs a compiler as that does.
    done = process.said([*command, "--version"])
    return (done.stdout or done.stderr).partition("\n")[0].strip()


def compile_command(platform: data.Platform) -> str:
    """Return the command of the C compiler of *platform*."""
    return platform.compiler.format(here=data.HERE)


def build(
    platform: data.Platform,
    series: Series,
    source: origin.Origin,
    home: Path,
    progress: Progress,
    jobs: int = 1,
) -> Built:
    """Build stock and patched for *platform*; return the Built.

    Parameters:
        source: the origin.Origin of its release.
        home: a directory for this platform alone, and that is there.
        jobs: how many compilers at the same time.

    Raises Problem, or process.Failed, when one of them cannot be built.
    """
    made, said = {}, {}
    for kind in KINDS:
        one = made[kind] = _interpreter(platform, kind, home)
        with progress.stage(f"{platform.name}: build {kind}"):
            said[kind] = _build(platform, one, series, source, jobs)
    command = compile_command(platform)
    return Built(
        made,
        tuple(sorted(said["patched"] - said["stock"])),
        said_version(command.split()[:1]),
        said_version([platform.emulator]) if platform.emulator else "",
    )


def _interpreter(
    platform: data.Platform, kind: str, home: Path
) -> interpreter.Interpreter:
    native = interpreter.built(kind)
    objects = home / kind / "obj"
    words = {"here": data.HERE, "native": native, "objects": objects}
    arguments = tuple(word.format(**words) for word in platform.configure)
    if any("{native}" in word for word in platform.configure) and not native.exists():
        raise Problem(
            f"{platform.name} needs an interpreter that runs here, {native}; run "
            "`./build.sh --no-test`"
        )
    variant = interpreter.Variant(platform.summary, (), slowness=platform.slowness)
    one = interpreter.Interpreter(kind, home, variant, options=arguments)
    if platform.emulator:
        one.python = one.objects / EMULATED
    return one


def _build(
    platform: data.Platform,
    one: interpreter.Interpreter,
    series: Series,
    source: origin.Origin,
    jobs: int,
) -> set[str]:
    """Build the Interpreter *one*; return the warnings of all its files."""
    kept = one.log("warnings")
    changed = origin.prepare(source, series, one.source, one.kind == "patched")
    if changed is not None or not kept.exists():
        # Afresh: a warning is only given when a file is compiled.
        files.remove(one.objects)
        kept.unlink(missing_ok=True)
    with process.variable("CC", compile_command(platform)):
        interpreter.configure([one])
        if platform.builtin:
            _take_in(one.objects)
        one.compile(jobs)
    if not kept.exists():
        kept.write_bytes(one.log("compile").read_bytes())
    if platform.emulator:
        csource.compiled(
            data.HERE / f"{EMULATED}.c",
            one.python,
            _options(platform),
            f"the start of {platform.emulator}",
        )
    # The linker names files by their whole path, which has the kind in it.
    said = kept.read_text(errors="replace")
    return prefixes.warnings(said.replace(f"{one.objects}/", ""))


def _options(platform: data.Platform) -> list[str]:
    emulator = shutil.which(platform.emulator)
    return [
        *("-O1", "-Wall", "-static"),
        f'-DEMULATOR="{emulator}"',
        f'-DROOT="{platform.root}"',
    ]


def _take_in(objects: Path) -> None:
    """Have the extension modules of the build in *objects* be part of the interpreter.

    Those alone are left out that have to be libraries.
    """
    modules = objects / "Modules"
    text = (modules / "Setup.stdlib").read_text().partition(_SHARED)[0] + "\n"
    local = modules / "Setup.local"
    if local.read_text() != text:
        # It is newer than the Makefile then, which is made again.
        files.write(local, text)
