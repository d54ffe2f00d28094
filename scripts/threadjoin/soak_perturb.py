"""Perturb the schedule of a soak's programs, by a library preloaded into them."""

import os
from pathlib import Path

from . import csource, layout

SOURCE = Path(__file__).with_name("soak_perturb.c")


def library(directory=layout.BUILD / "soak"):
    """Compile the library into *directory*, a Path, and return its path.

    Raises Problem where there is no compiler, process.Failed when it fails.
    """
    options = ["-O2", "-Wall", "-shared", "-fPIC", "-pthread"]
    output = directory / "perturb.so"
    return csource.compiled(SOURCE, output, options, "what perturbs programs")


def environment(path, seed):
    """Return the variables for a program to be perturbed, a dict.

    Parameters:
        path: of the library.
        seed: an int, from which it is drawn how.
    """
    others = os.environ.get("LD_PRELOAD", "").split()
    # Taken as a number without a sign.
    return {
        "LD_PRELOAD": ":".join([*others, str(path)]),
        "SOAK_PERTURB": str(seed % 2**64),
    }
