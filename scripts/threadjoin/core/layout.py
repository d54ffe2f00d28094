"""Name the directories of the project."""

from pathlib import Path
from typing import Union

ROOT = Path(__file__).resolve().parents[3]
PATCHES = ROOT / "patches"
BUILD = ROOT / "build"

#: A path, as the standard library takes one.
StrPath = Union[str, Path]
