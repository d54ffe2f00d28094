"""Ask an interpreter for its version, and compute a digest of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core import process
from ..core.layout import StrPath

#: The kinds of interpreters that are compared, the stock one first.
KINDS = ("stock", "patched")

#: A digest, and not the path: an interpreter may be built anew in the same place.
_QUESTION = """
import _thread, hashlib, json, os, sys, sysconfig
stdlib = os.path.dirname(os.__file__)
names = ("LIBDIR", "LDLIBRARY")
library = os.path.join(*(sysconfig.get_config_var(n) or "" for n in names))
files = [sys.executable, *filter(os.path.isfile, [library])]
files += sorted(e.path for e in os.scandir(stdlib) if e.name.endswith(".py"))
total = hashlib.sha256()
for path in files:
    with open(path, "rb") as stream:
        total.update(hashlib.sha256(stream.read()).digest())
print(json.dumps({
    "version": sys.version,
    "digest": total.hexdigest(),
    "patched": sys.version_info < (3, 13) and hasattr(_thread, "_ThreadHandle"),
    "debug": hasattr(sys, "gettotalrefcount"),
}))
"""


@dataclass(frozen=True)
class Python:
    """An interpreter: its path, and what it reports about itself."""

    kind: str  # one of KINDS; "" if it is not compared
    path: Path  # absolute
    version: str  # sys.version
    digest: str  # of its files
    patched: bool = False  # has the series
    debug: bool = False

    @property
    def release(self) -> str:
        """The version for people: "3.11.2"."""
        return self.version.split()[0]

    @property
    def label(self) -> str:
        """The name for people: "3.11.2 patched"."""
        return f"{self.release} patched" if self.patched else self.release


def identify(path: StrPath, kind: str = "") -> Python:
    """Return the Python at *path*, which is compared as *kind*.

    Raises Problem if it is no Python.
    """
    path = Path(path).absolute()
    process.require_python(path)
    return Python(kind, path, **process.ask(path, _QUESTION))
