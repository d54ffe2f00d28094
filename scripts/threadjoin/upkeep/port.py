"""Start the series of another version: the lead's commits, picked one by one.

The repository has both: the lead, from the tag `lead-base` to the branch `lead`, and
the other series, from the tag `base` to the branch `threadjoin`, which is checked
out, as `scripts/series checkout` makes it. A pick that needs a person stays open in
the work tree, with git's marks in the files. The commits show what is done so far, so
the command can be run again at any time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core import git
from ..core.errors import Problem
from ..core.layout import ROOT
from ..series import patchfile
from ..series.catalog import Series, load_series
from ..source.origin import Origin
from . import commits, registry, shared

LEAD_TAG = "lead-base"
LEAD = "lead"

#: The key of the repository's configuration that says what it is a port of.
KEY = "threadjoin.port"


@dataclass(frozen=True)
class Report:
    """The outcome of a run.

    Attributes:
        picked: names of the patches that are committed now.
        gaps: {name of a patch: why the series does not have it}.
    """

    picked: tuple[str, ...]
    gaps: dict[str, str]


class Stopped(Problem):
    """A pick has a conflict that a person has to resolve."""


def begin(
    lead: Series, series: Series, sources: Sequence[Origin], directory: Path
) -> None:
    """Make the new *directory* a git repository to port *lead* in.

    Parameters:
        lead, series: catalog.Series; that of *series* needs no patches.
        sources: the origin.Origin of the base of each of the two.
        directory: one that does not exist yet, or is empty.

    Raises Problem, leaving nothing behind.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise Problem(
            f"{directory} exists and is no port of {lead.name} to {series.name}; name "
            "another directory"
        )
    parent = directory.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".port-", dir=parent) as scratch:
        repository = Path(scratch, "repository")
        commits.checkout(lead, sources[0], repository)
        git.run(repository, "tag", LEAD_TAG, commits.BASE_TAG)
        git.run(repository, "tag", "--delete", commits.BASE_TAG)
        git.run(repository, "branch", "--move", commits.BRANCH, LEAD)
        other = Path(scratch, "other")
        sources[1].lay(other)
        (repository / ".git").rename(other / ".git")
        git.run(other, "symbolic-ref", "HEAD", f"refs/heads/{commits.BRANCH}")
        git.run(other, "read-tree", "--empty")
        commits.commit_release(series.base, other)
        git.run(other, "config", KEY, f"{lead.name} {series.name}")
        other.replace(directory)


def is_port(directory: Path, lead: str, series: str) -> bool:
    """Whether begin() made *directory*, for series of these names."""
    if not directory.is_dir():
        return False
    found = git.attempt(directory, "config", "--local", KEY)
    return found.stdout.decode().strip() == f"{lead} {series}"


class _Port:
    """A port under way in a repository."""

    def __init__(self, directory: Path, series: str, known: registry.Registry) -> None:
        self._directory = directory
        self._series = series
        self._known = known
        between = f"{LEAD_TAG}..{LEAD}"
        self._lead = self._commits(between)

    def _git(self, *arguments: str) -> str:
        return git.run(self._directory, *arguments).decode(errors="replace")

    def _commits(self, between: str) -> dict[str, str]:
        """Return {name of a patch: hash} of the commits *between*, in order."""
        found = {}
        listed = self._git("rev-list", "--reverse", between).split()
        for commit in listed:
            message = self._git("log", "-1", "--format=%B", commit)
            body = message.splitlines()[1:]
            fields = patchfile.Patch(self._directory, body=body).fields()
            name = dict(fields).get(registry.FIELD)
            if not name:
                raise Problem(
                    f"{self._directory}: the commit {message.partition(chr(10))[0]!r} "
                    f"has no `{registry.FIELD}:` line; amend it"
                )
            found[name] = commit
        return found

    def _gap(self, name: str) -> str | None:
        """Return why the series has no *name*, None where it has or may."""
        entry = self._known.entries.get(name[:4])
        why = entry.series.get(self._series) if entry else None
        return why if isinstance(why, str) else None

    def _open(self) -> str | None:
        """Return the name of the patch whose pick is not finished, or None."""
        head = git.attempt(self._directory, "rev-parse", "-q", "--verify", _PICKED)
        if head.returncode:
            return None
        commit = head.stdout.decode().strip()
        return next(n for n, known in self._lead.items() if known == commit)

    def settle(self) -> None:
        """Make sure that no pick is open; drop one that is no longer needed.

        Raises Stopped when a person has not finished it.
        """
        name = self._open()
        if name and self._gap(name):
            self._git("cherry-pick", "--abort")
        elif name:
            raise self._stop(name)
        elif self._git("status", "--porcelain", "--untracked-files=no").strip():
            raise Problem(
                f"{self._directory} has changes that are not committed; commit them"
            )

    def _conflicts(self) -> list[str]:
        """Return the names of the files that git could not merge."""
        listed = self._git("ls-files", "--unmerged", "-z").split("\0")
        return sorted({line.partition("\t")[2] for line in listed if line})

    def _stop(self, name: str) -> Stopped:
        files = self._conflicts()
        where = ", ".join(files) if files else "no file: it changes nothing here"
        return Stopped(
            f"{name} needs a person in {where}; resolve that in {self._directory} and "
            "`git add` it, then `git cherry-pick --continue`, or say in "
            f"{registry.WHERE} why {self._series} does not need it; then run it again"
        )

    def pick_all(self) -> Report:
        """Pick all that is not there yet, and return the Report."""
        done = self._commits(f"{commits.BASE_TAG}..{commits.BRANCH}")
        last = max(done, default="")
        picked, gaps = list(done), {}
        for name, commit in self._lead.items():
            why = self._gap(name)
            if why:
                gaps[name] = why
            elif name not in done and name > last:
                self._pick(name, commit)
                picked.append(name)
        return Report(tuple(picked), gaps)

    def _pick(self, name: str, commit: str) -> None:
        tried = git.attempt(
            self._directory, "cherry-pick", "--no-gpg-sign", "--allow-empty", commit
        )
        if tried.returncode and not self._open():
            said = tried.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise Problem(f"git cannot pick {name}: {said}")
        self._bring_shared(commit)
        if not tried.returncode:
            changed = self._git("status", "--porcelain", "--untracked-files=no")
            if changed.strip():
                self._git("commit", "--quiet", "--amend", "--no-edit")
        elif self._conflicts() or not self._staged():
            raise self._stop(name)
        else:
            self._commit(name)

    def _staged(self) -> int:
        return git.attempt(
            self._directory, "diff", "--cached", "--quiet", "HEAD"
        ).returncode

    def _bring_shared(self, commit: str) -> None:
        """Let the index and the work tree have the lead's new files, as in *commit*.

        A gap's change of them comes with the number after it.
        """
        listed = self._git(
            "diff-tree", "-r", "-z", "--no-renames", "--name-only",
            "--diff-filter=A", LEAD_TAG, commit,
        )  # fmt: skip
        files = [name for name in listed.split("\0") if name]
        wanted = shared.theirs(self._known, files, files)
        news = self._news_of_gaps()
        for name in sorted(wanted - news):
            self._git("checkout", "--quiet", commit, "--", name)

    def _news_of_gaps(self) -> set[str]:
        """Return the names of the NEWS entries of numbers that the series lacks."""
        found: set[str] = set()
        for name, commit in self._lead.items():
            if self._gap(name):
                listed = self._git(
                    "diff-tree", "-r", "-z", "--no-renames", "--name-only",
                    "--no-commit-id", "--diff-filter=A", commit,
                )  # fmt: skip
                found.update(filter(shared.is_news, listed.split("\0")))
        return found

    def _commit(self, name: str) -> None:
        """Commit the index as the lead's patch *name*."""
        if not self._staged():
            raise self._stop(name)
        self._git("commit", "--quiet", "--no-gpg-sign", "-C", self._lead[name])


_PICKED = "CHERRY_PICK_HEAD"


def start(
    lead: str,
    name: str,
    directory: Path,
    find: Callable[[Series], Origin],
    root: Path = ROOT,
) -> Report:
    """Begin a port in *directory*, or go on with it; return the Report.

    Parameters:
        lead: name of the series to pick from.
        name: that of the new one, whose releases.json is there.
        find: a function from a catalog.Series to the origin.Origin of its base.
        root: the project, which has the registry.

    Raises Stopped when a person is needed.
    """
    if not is_port(directory, lead, name):
        first, other = (load_series(one, root / "patches") for one in (lead, name))
        begin(first, other, [find(first), find(other)], directory)
    port = _Port(directory, name, registry.load(root / "patches"))
    port.settle()
    return port.pick_all()
