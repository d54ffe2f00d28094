"""Make one patch of a series, for packagers who need one file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..core import git
from ..series import patchfile, tree
from ..series.catalog import Series
from ..source.origin import Origin
from . import commits


def patch(series: Series, source: Origin, without_tests: bool = False) -> bytes:
    """Return *series* as one patch, in the form of `git format-patch`.

    It changes each file once: some tools refuse a patch that does so twice.

    Parameters:
        source: the origin.Origin of its base.
        without_tests: whether to leave out what is below Lib/test and Doc.
    """
    with tempfile.TemporaryDirectory(prefix="threadjoin-") as scratch:
        release, repository = Path(scratch, "release"), Path(scratch, "repository")
        source.lay(release)
        commits.commit_touched(series, release, repository)
        git.run(repository, "reset", "--quiet", "--soft", commits.BASE_TAG)
        if without_tests:
            git.run(repository, "reset", "--quiet", "--", *tree.TESTS)
        first = patchfile.read(series.patches[0])
        git.run(
            repository, "commit", "--quiet", f"--author={first.author}",
            f"--date={_date(series)}", "--message", _message(series),
        )  # fmt: skip
        return git.run(repository, "format-patch", "--stdout", *commits.FORMAT, "-1")


def _date(series: Series) -> str:
    dates = [patchfile.read(path).date for path in series.patches]
    return f"{max(filter(None, dates)).isoformat()}T00:00:00+0000"


def _message(series: Series) -> str:
    names = "\n".join(path.stem for path in series.patches)
    return (
        f"Make Thread.join(), fork() and shutdown free of races ({series.label})\n\n"
        f"One patch made of:\n\n{names}\n"
    )
