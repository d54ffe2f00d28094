"""Name the directories of the project."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PATCHES = ROOT / "patches"
BUILD = ROOT / "build"
