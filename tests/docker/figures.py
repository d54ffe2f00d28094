"""Keep what the tests of the images have measured, and make a page of it.

The results are in build/docker/results.json, from run to run.
"""

import json
import os

from threadjoin.core import files, layout, tables

HOME = layout.BUILD / "docker"

_INTRODUCTION = """\
# The images, measured

<!-- Made by the tests in tests/docker. Do not edit. -->

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
        home: the directory of the results, which need not be there yet.
    """

    def __init__(self, home=HOME):
        self._path = home / "results.json"
        self.page = home / "docker.md"
        self._values = json.loads(self._path.read_text()) if self._path.exists() else {}

    def add(self, figure, image, value):
        """Note that the *figure* ("MB") of the *image* ("stock") is *value*."""
        self._values.setdefault(figure, {})[image] = value

    def add_build(self, image, seconds):
        """Note that the *image* has just been built, in so many *seconds*."""
        self.add("seconds to build", image, round(seconds))
        self.add("load while it was built", image, round(os.getloadavg()[1], 1))

    def save(self):
        """Write the results, and the page: a line a figure, a column an image."""
        files.write(self._path, json.dumps(self._values, indent=4) + "\n")
        images = list(dict.fromkeys(i for row in self._values.values() for i in row))
        rows = [
            [figure, *(str(row.get(image, "")) for image in images)]
            for figure, row in self._values.items()
        ]
        introduction = _INTRODUCTION.format(processors=os.cpu_count())
        table = tables.markdown([["", *images], *rows])
        files.write(self.page, f"{introduction}{table}\n")
