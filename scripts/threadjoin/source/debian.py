"""Apply the patches of Debian's source package to a release, security fixes above all.

Patches that only Debian's own packages need (for the places of files, the build of
extensions, no pip) are left out: with them, an interpreter in another place does not
find what pip installs. The series' releases.json lists them; a patch that is not
listed is a fix, and is taken. A patch may apply with an offset, but not with fuzz: if
one does not apply, nothing is built.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import Problem
from ..series import catalog, tree
from . import aptsource, tarballs, workcopy
from .fetch import Unavailable

#: Seconds for which a package that was fetched counts as the newest.
FRESH = 24 * 60 * 60


@dataclass(frozen=True)
class Package:
    """Debian's source package of a release, without the release itself."""

    path: Path  # its .debian.tar file
    data: catalog.Debian

    @property
    def version(self) -> str:
        """Its version, such as "3.11.2-6+deb12u8"."""
        return self.path.name.partition("_")[2].partition(".debian.")[0]

    @property
    def name(self) -> str:
        """The name for people: "python3.11 3.11.2-6+deb12u8"."""
        return f"{self.data.package} {self.version}"

    @property
    def digest(self) -> str:
        """A digest of its patches, as hexadecimal digits."""
        total = hashlib.sha256(tarballs.sha256(self.path).encode())
        total.update(" ".join(sorted(self.data.left_out)).encode())
        for path in self.data.added:
            total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def apply(self, place: Path) -> int:
        """Apply the patches to the release's source in the directory *place*.

        Returns how many of Debian's there are. Raises Problem when one does not
        apply, or when this is no such package.
        """
        with tempfile.TemporaryDirectory(prefix="threadjoin-") as scratch:
            unpacked = Path(scratch).resolve() / "debian"
            workcopy.unpack(self.path, unpacked)
            patches = self._patches(unpacked / "patches")
            for patch in (*patches, *self.data.added):
                complaint = tree.apply_one(place, patch)
                if complaint:
                    raise Problem(
                        f"{patch.name} does not apply to {self.data.package}'s "
                        f"release ({self.name}): {complaint}; give another source "
                        "with --release or --source"
                    )
        return len(patches)

    def _patches(self, directory: Path) -> list[Path]:
        """Return the Paths of the patches to take, in their order."""
        try:
            lines = (directory / "series").read_text().splitlines()
        except FileNotFoundError:
            raise Problem(f"{self.path} has no debian/patches/series") from None
        # After a name, quilt has options.
        words = [line.split("#")[0].split() for line in lines]
        names = [found[0] for found in words if found]
        return [directory / name for name in names if name not in self.data.left_out]


def cached(data: catalog.Debian, cache: Path) -> Package | None:
    """Return the newest Package in the directory *cache*, None for none."""
    pattern = f"{data.package}_{data.version}-*.debian.tar.*"
    found = sorted(cache.glob(pattern), key=lambda path: path.stat().st_mtime)
    return Package(found[-1], data) if found else None


def obtain(data: catalog.Debian, cache: Path, log: Path) -> Package:
    """Return the newest Package that there is.

    One that was fetched within a day is taken from *cache*; an older one only when
    the distribution does not answer.

    Parameters:
        data, cache: as cached() has them.
        log: path of a file for apt's own words.

    Raises Unavailable when there is none.
    """
    known = cached(data, cache)
    if known and time.time() - known.path.stat().st_mtime < FRESH:
        return known
    cache.mkdir(parents=True, exist_ok=True)
    try:
        path = aptsource.fetch_patches(data, cache, log)
    except Unavailable:
        if known:
            return known
        raise
    # apt sets the time at which the package was made.
    path.touch()
    return Package(path, data)
