"""Carry the files that series share from the lead into all other series.

There is no merge: for each number, the tree of the other series' commit gets the
lead's text of those files, and is committed again as it was.
"""

from __future__ import annotations

import contextlib
import datetime
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from ..core import git
from ..core.errors import Problem
from ..core.layout import ROOT
from ..series.catalog import Series, load_series
from ..source.origin import Origin
from . import commits, registry, shared


def graft(
    lead: str,
    others: Iterable[str],
    source: Callable[[Series], Origin],
    root: Path = ROOT,
    today: datetime.date | None = None,
) -> list[tuple[str, str, list[str]]]:
    """Let the series *others* have the new files that *lead* has.

    Parameters:
        lead: name of the series that has them as they are to be.
        others: names of the series that get them.
        source: a function from a catalog.Series to the origin.Origin of its base.
        root, today: as commits.export() has them.

    Returns [(series, file name of a patch, [names of files])]: what has changed.
    All or nothing: raises Problem when a series cannot have them, and then none has
    changed.
    """
    patches = root / "patches"
    known = registry.load(patches)
    files = shared.states(load_series(lead, patches))
    changes, checkouts = [], {}
    with contextlib.ExitStack() as stack:
        for name in others:
            series = load_series(name, patches)
            missing = _missing(known, lead, files, series)
            if not missing:
                continue
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            release = scratch / "release"
            source(series).lay(release)
            for file in sorted({file for _, names in missing for file in names}):
                if (release / file).exists():
                    raise Problem(
                        f"{name}: {file} is one of CPython {series.base.version}'s own "
                        f"files; {lead} has to give its file another name"
                    )
            repository = scratch / "repository"
            commits.commit_touched(series, release, repository)
            _rewrite(repository, series, shared.wanted(known, files, _numbers(series)))
            checkouts[name] = repository
            changes += [(name, patch, names) for patch, names in missing]
        commits.export_all(checkouts, root, today)
    return changes


def _numbers(series: Series) -> list[str]:
    return [path.name[:4] for path in series.patches]


def _missing(
    known: registry.Registry, lead: str, files: shared.States, series: Series
) -> list[tuple[str, list[str]]]:
    """Return [(file name of a patch, names of files)]: where *series* has other files.

    These are the patches after which files differ from the lead's. *files* are the
    states() of the series called *lead*. Raises Problem if it cannot have these files.
    """
    numbers = _numbers(series)
    if not numbers:
        raise Problem(f"patches/{series.name} has no patch; `scripts/series port` it")
    for number, name in shared.late(known, files, numbers):
        raise Problem(
            f"{lead} changes {name} in {number}, and {series.name} has no patch of "
            f"that or a later number; add {number} to it"
        )
    right = shared.wanted(known, files, numbers)
    found = []
    for path, (number, have) in zip(series.patches, shared.states(series).items()):
        mine = shared.theirs(known, shared.names(files), have)
        strange = sorted(mine - shared.names(files))
        if strange:
            raise Problem(
                f"{series.name} has {strange[0]} from {have[strange[0]].since} on, and "
                f"{lead} has not; take it out in a checkout, or say in "
                f"{registry.WHERE} (per_version) why it is there"
            )
        wanted = right[number]
        names = sorted(mine | wanted.keys())
        wrong = [n for n in names if shared.difference(have.get(n), wanted.get(n))]
        if wrong:
            found.append((path.name, wrong))
    return found


def _rewrite(repository: Path, series: Series, right: shared.States) -> None:
    """Commit the series in *repository* anew, with the files that are *right*.

    Parameters:
        right: what shared.wanted() returned for it.
    """
    between = f"{commits.BASE_TAG}..{commits.BRANCH}"
    listed = git.run(repository, "rev-list", "--reverse", between).decode().split()
    every = shared.names(right)
    base = f"{commits.BASE_TAG}^{{commit}}"
    parent = git.run(repository, "rev-parse", base).decode().strip()
    for commit, files in zip(listed, right.values()):
        git.run(repository, "read-tree", commit)
        for name in sorted(every):
            _place(repository, name, files.get(name))
        tree = git.run(repository, "write-tree").decode().strip()
        parent = commits.again(repository, commit, parent, tree=tree)
    git.run(repository, "update-ref", f"refs/heads/{commits.BRANCH}", parent)
    git.run(repository, "reset", "--quiet", "--hard")


def _place(repository: Path, name: str, file: shared.File | None) -> None:
    """Put *file*, a shared.File or None, into the index as *name*."""
    if file is None:
        git.run(repository, "update-index", "--force-remove", "--", name)
        return
    written = git.run(repository, "hash-object", "-w", "--stdin", given=file.content)
    entry = f"{file.mode},{written.decode().strip()},{name}"
    git.run(repository, "update-index", "--add", "--cacheinfo", entry)
