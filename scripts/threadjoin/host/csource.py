"""Compile a C file of the project for this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..core import process
from ..core.errors import Problem
from . import packages


def compiled(source: Path, output: Path, options: Sequence[str], what: str) -> Path:
    """Compile and link *source*; return *output*.

    Parameters:
        source: the C file.
        output: the result. Other processes may use it, or make it, at the same time.
        options: of the compiler, a list of str.
        what: what it is, in two or three words, such as "the floor".

    Raises Problem when there is no compiler, process.Failed when it fails.
    """
    compiler = packages.compiler()
    if not compiler:
        raise Problem(f"no C compiler for {what}; install gcc, or set CC")
    output.parent.mkdir(parents=True, exist_ok=True)
    mine = output.with_name(f"{output.name}.{os.getpid()}")
    process.check(
        [*compiler, *options, str(source), "-o", str(mine)],
        output.with_suffix(".log"),
        f"compiling {what}",
    )
    os.replace(mine, output)
    return output
