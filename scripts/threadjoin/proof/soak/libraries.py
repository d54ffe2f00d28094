"""Compile the two C libraries of a soak.

Programs call one; the other is preloaded into them, and makes their threads pause.
"""

from __future__ import annotations

import os
from pathlib import Path

from ...core import layout
from ...core.layout import StrPath
from ...host import csource, packages

#: What the interpreter under test runs: the operations, and libraries of C.
HOME = layout.ROOT / "tests" / "soak"
SOURCE = HOME / "perturb.c"
HELPER = HOME / "helper.c"

OPTIONS = ["-O2", "-Wall", "-shared", "-fPIC", "-pthread"]


def helper(directory: Path = layout.BUILD / "soak") -> Path | None:
    """Compile the library that programs call into *directory*; return its path.

    Returns None if there is no compiler: the operations that need it then do
    nothing. Raises process.Failed when it fails.
    """
    if not packages.compiler():
        return None
    output = directory / "helper.so"
    return csource.compiled(HELPER, output, OPTIONS, "what programs call")


def library(directory: Path = layout.BUILD / "soak") -> Path:
    """Compile the library into *directory*, a Path, and return its path.

    Raises Problem where there is no compiler, process.Failed when it fails.
    """
    output = directory / "perturb.so"
    return csource.compiled(SOURCE, output, OPTIONS, "what perturbs programs")


def environment(path: StrPath, seed: int) -> dict[str, str]:
    """Return the variables for a program to be perturbed.

    Parameters:
        path: of the library.
        seed: an int that determines how.
    """
    others = os.environ.get("LD_PRELOAD", "").split()
    # The library reads a number without a sign.
    return {
        "LD_PRELOAD": ":".join([*others, str(path)]),
        "SOAK_PERTURB": str(seed % 2**64),
    }
