"""Show what the tests of the images have measured.

They keep it in build/docker/results.json, from run to run: `scripts/test
tests/docker` measures.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from ..core import files, layout, tables
from ..core.errors import Problem

RESULTS = layout.BUILD / "docker" / "results.json"
PAGE = layout.ROOT / "docs" / "docker.md"

_INTRODUCTION = """\
# The images, measured

<!-- Made by scripts/dockerfigures --write. Do not edit. -->

From runs of `scripts/test tests/docker` on a machine with {processors} processors.
Each image is built by the classic builder, except where it says BuildKit. Sizes are
those that `docker image ls` tells, times to start are medians. `load` is the average
of the five minutes before the build's end: where it is above {processors}, other work
was under way, and the seconds say little. The web application is gunicorn with
threads (`tests/docker/swap`), as a user other than root, on a file system that cannot
be written to: threads join the same thread, and every tenth request forks.

"""


class Results:
    """The figures: name of a figure to name of an image to number.

    Parameters:
        path: a JSON file, which need not be there yet.
    """

    def __init__(self, path: Path = RESULTS) -> None:
        self._path = path
        self._values = json.loads(path.read_text()) if path.exists() else {}

    def add(self, figure: str, image: str, value: float) -> None:
        """Note that the *figure* ("MB") of the *image* ("stock") is *value*."""
        self._values.setdefault(figure, {})[image] = value

    def add_build(self, image: str, seconds: float) -> None:
        """Note that the *image* has just been built, in so many *seconds*."""
        self.add("seconds to build", image, round(seconds))
        self.add("load while it was built", image, round(os.getloadavg()[1], 1))

    def save(self) -> None:
        """Write the file."""
        files.write(self._path, json.dumps(self._values, indent=4) + "\n")

    def page(self) -> str:
        """Return the page for the documentation."""
        return _INTRODUCTION.format(processors=os.cpu_count()) + self.table()

    def table(self) -> str:
        """Return a table in Markdown: a line for each figure, a column for each image.

        Raises Problem when nothing has been measured.
        """
        if not self._values:
            raise Problem("nothing was measured yet; run `scripts/test tests/docker`")
        images = list(dict.fromkeys(i for row in self._values.values() for i in row))
        rows = [
            [figure, *(str(row.get(image, "")) for image in images)]
            for figure, row in self._values.items()
        ]
        return tables.markdown([["", *images], *rows]) + "\n"
