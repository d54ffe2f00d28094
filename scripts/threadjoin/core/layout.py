"""Name the directories of the project."""

from pathlib import Path
from typing import Union

ROOT = Path(__file__).resolve().parents[3]
PATCHES = ROOT / "patches"
BUILD = ROOT / "build"

#: The list of the defects, with a reproducer for each; a copy of the project that only
#: builds has none.
DEFECTS = ROOT / "tests" / "defects" / "defects.json"

#: A path, as the standard library takes one.
StrPath = Union[str, Path]
