"""Configure, compile and install one CPython, out of its source tree."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core import files, process
from ..core.layout import BUILD
from ..host import packages
from ..series.catalog import DEFAULT_SERIES


@dataclass(frozen=True)
class Variant:
    """A way to build the interpreter."""

    summary: str  # for --help
    configure: tuple[str, ...]  # arguments
    both: bool = False  # stock is built too, to compare with
    cached: bool = True  # ccache may answer for the compiler
    slowness: int = 1  # how many times longer the tests may take
    environment: dict[str, str] = field(default_factory=dict)  # while it runs


VARIANTS = {
    "debug": Variant(
        "with the assertions of the C code: what the tests are best run on",
        ("--with-pydebug",),
        both=True,
    ),
    "release": Variant("as configure has it by default (-O3)", (), both=True),
    "pgo": Variant(
        "--enable-optimizations and --with-lto: fast, and slow to build",
        ("--enable-optimizations", "--with-lto"),
        # The compiler reads profiles that are no part of its command line.
        cached=False,
    ),
    "asan": Variant(
        "with AddressSanitizer",
        (
            "--with-pydebug",
            "--with-address-sanitizer",
            "--without-pymalloc",
            # Otherwise an object reuses the memory of another one, and a report
            # has the stack of that one.
            "--without-freelists",
        ),
        slowness=5,
        # CPython does not free all memory at exit.
        environment={"ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1"},
    ),
    "tsan": Variant(
        "with ThreadSanitizer",
        (
            "--with-pydebug",
            "--without-pymalloc",
            f"CFLAGS=-fsanitize=thread -include {Path(__file__).with_name('tsan.h')}",
            "LDFLAGS=-fsanitize=thread",
        ),
        slowness=10,
        # CPython itself has races, in what runs while it is built too.
        environment={"TSAN_OPTIONS": "exitcode=0"},
    ),
    "ubsan": Variant(
        "with UndefinedBehaviorSanitizer",
        ("--with-pydebug", "--with-undefined-behavior-sanitizer"),
        slowness=3,
    ),
}


def built(
    kind: str, variant: str = "debug", series: str = DEFAULT_SERIES, build: Path = BUILD
) -> Path:
    """Return the Path of the interpreter that ./build.sh makes.

    Parameters:
        kind: "stock" or "patched".
        variant: as VARIANTS has them.
        series: name of the series.
        build: the directory of all builds.
    """
    return build / series / variant / kind / "obj" / "python"


#: In each line with which make compiles a file.
_COMPILES = b" -c "

#: In each line of a training run that begins a test, for an interpreter with PGO.
_TRAINING = re.compile(rb"\[ *(\d+)/(\d+)[]/]")


class Interpreter:
    """One CPython to build: stock or patched, in one variant.

    Parameters:
        kind: "stock" or "patched".
        home: the variant's directory, build/3.11/debug.
        prefix: where it is to be installed; None for nowhere.
        options: further arguments for configure.
    """

    def __init__(
        self,
        kind: str,
        home: Path,
        variant: Variant,
        prefix: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.variant = variant
        self.source = home / kind / "src"
        self.objects = home / kind / "obj"
        self.python = self.objects / "python"
        self._logs = home / "log"
        self._prefix = prefix
        self._options = options

    def log(self, stage: str) -> Path:
        """Return the path of the log of *stage* ("compile")."""
        self._logs.mkdir(parents=True, exist_ok=True)
        return self._logs / f"{stage}-{self.kind}.log"

    def environment(self) -> dict[str, str]:
        """Return the environment in which this interpreter is built and run."""
        settings = dict(self.variant.environment)
        if "CCACHE_DIR" not in os.environ:
            settings["CCACHE_DIR"] = str(BUILD / "ccache")
        if "--enable-shared" in self._options:
            # Not one of the same name that is installed already.
            settings["LD_LIBRARY_PATH"] = str(self.objects)
        return process.environment(**settings)

    @contextlib.contextmanager
    def configuring(self) -> Iterator[None]:
        """Run configure beside the `with` block, unless its last run was the same.

        The end of the block waits for it, and raises process.Failed if it failed.
        """
        recipe = self._recipe()
        stamp = self.objects / "threadjoin.json"
        if stamp.exists() and stamp.read_text() == json.dumps(recipe):
            yield
            return
        files.remove(self.objects)
        self.objects.mkdir(parents=True)
        log = self.log("configure")
        command = ["../src/configure", *recipe["arguments"]]
        with process.started(
            command, log, cwd=self.objects, env=self.environment()
        ) as running:
            yield
            process.raise_for(running.wait(), log, f"configure ({self.kind})")
        stamp.write_text(json.dumps(recipe))

    def _recipe(self) -> dict[str, Any]:
        """Return everything that the result of configure depends on."""
        names = ("CC", "CFLAGS", "CPPFLAGS", "LDFLAGS", "LIBS")
        arguments = [*self.variant.configure, *self._options]
        arguments.append(f"CC={' '.join(packages.compiler())}")
        if self._prefix:
            arguments.append(f"--prefix={self._prefix}")
        return {
            "arguments": arguments,
            "environment": {n: os.environ[n] for n in names if n in os.environ},
            # With a library that was installed since, there is one more module.
            "missing": [need.name for need in packages.missing()],
            "place": str(self.objects),
            # The objects of another release are of no use.
            "source": self._release(),
        }

    def _release(self) -> str:
        """Return a digest that differs between releases of the source."""
        total = hashlib.sha256()
        for name in ("configure", "Include/patchlevel.h"):
            path = self.source / name
            total.update(path.read_bytes() if path.exists() else b"")
        return total.hexdigest()

    def compile(self, jobs: int, arguments: Sequence[str] = ()) -> None:
        """Run make with *jobs* compilers at once, and with further *arguments*.

        Raises process.Failed.
        """
        command = ["make", f"-j{jobs}", *arguments]
        compiler = packages.compiler()
        if self.variant.cached and "ccache" not in compiler and shutil.which("ccache"):
            # For make alone: what configure is told is what the interpreter
            # builds extensions with, wherever it is installed.
            command.append(f"CC=ccache {' '.join(compiler)}")
        try:
            self._check(command, "compile")
        except process.DiskFull:
            # A file that was cut short looks up to date to the next make.
            files.remove(self.objects)
            raise

    def compiled(self) -> str:
        """Return words on the progress of compile(), from the output of make."""
        log = self.log("compile")
        return far(log.read_bytes() if log.exists() else b"")

    def install(self) -> None:
        """Run `make install`, into the prefix. Raises process.Failed."""
        self._check(["make", "install"], "install")

    def _check(self, command: Sequence[str], stage: str) -> None:
        process.check(
            command,
            self.log(stage),
            f"{stage} ({self.kind})",
            cwd=self.objects,
            env=self.environment(),
        )


def far(said: bytes) -> str:
    """Return words on the progress of make, from its output *said*."""
    compiled = said.count(_COMPILES)
    words = f"{compiled} files compiled"
    tests = list(_TRAINING.finditer(said))
    if tests and tests[-1].start() > said.rfind(_COMPILES):
        words += ", then a training run: test {} of {}".format(
            *(number.decode() for number in tests[-1].groups())
        )
    return words


def configure(interpreters: Iterable[Interpreter]) -> None:
    """Configure all *interpreters*, at the same time. Raises process.Failed.

    configure keeps one processor busy at most, so this costs no more time
    than one of them.
    """
    with contextlib.ExitStack() as running:
        for one in interpreters:
            running.enter_context(one.configuring())
