"""Make a series git commits on its base, and those commits patches again."""

from __future__ import annotations

import datetime
import os
import re
import shutil
import tempfile
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..core import exchange, git
from ..core.errors import Problem
from ..core.layout import BUILD, ROOT
from ..series import patchfile
from ..series.catalog import RELEASES, Release, Series, load_series
from ..source import origin
from ..source.origin import Origin
from . import news, registry

BASE_TAG = "base"
BRANCH = "threadjoin"

#: The options that decide bytes of the output and whose defaults have changed
#: between versions of git, or might. Configuration is shut out by itself.
FORMAT = (
    "--zero-commit",
    "--no-signature",
    "--no-numbered",
    "--numbered-files",
    "--encode-email-headers",
    "--stat=72",
    "--summary",
    "--patch",
    "--binary",
    "--full-index",
    "--no-renames",
    "--diff-algorithm=myers",
    "--indent-heuristic",
    "--unified=3",
    "--inter-hunk-context=0",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


def release(series: Series, given: Path | None = None) -> Origin:
    """Return the release that *series* is made for, an origin.Origin.

    Parameters:
        given: the release's tarball, which has to have the right
            checksum, or an unpacked tree of it, which is known by its
            version; None to get the tarball as a build does.

    Raises Problem when *given* is something else.
    """
    base = series.base
    if given is None:
        BUILD.mkdir(exist_ok=True)
        return origin.release(series, BUILD / "source.log")
    digest = base.xz if given.suffix == ".xz" else base.tgz
    found = origin.given(str(given), None if given.is_dir() else digest)
    if given.is_dir() and origin.version(found) != base.version:
        raise Problem(
            f"{given} is CPython {origin.version(found)}, and the series "
            f"{series.name} is made on {base.version}; give a tree of that"
        )
    return found


def commit_base(base: Release, repository: Path) -> None:
    """Make the directory *repository* a git repository of what is in it.

    Its one commit, tagged, is the release that *base* (a catalog.Release) names,
    or a part of its files.
    """
    git.init(repository, BRANCH)
    commit_release(base, repository)


def commit_release(base: Release, repository: Path) -> None:
    """Make what is in the directory of *repository* the commit of commit_base()."""
    git.run(repository, "add", "--all", "--force")
    message = f"Python {base.version}"
    git.run(repository, "commit", "--quiet", "--allow-empty", "-m", message)
    git.run(repository, "tag", BASE_TAG)


def apply(repository: Path, patches: Iterable[Path]) -> None:
    """Commit each of *patches* (Paths) in order on *repository*'s branch.

    Authors and dates are the patches' own; the committer and its date are
    fixed, so the commits are the same wherever they are made. Raises Problem
    naming the first patch that does not apply.
    """
    for patch in patches:
        done = git.attempt(
            repository,
            "am",
            "--quiet",
            "--keep-cr",
            "--no-3way",
            "--no-scissors",
            "--no-gpg-sign",
            "--whitespace=nowarn",
            str(patch.resolve()),
        )
        if done.returncode:
            lines = (done.stderr + done.stdout).decode(errors="replace").splitlines()
            said = next((x for x in lines if x.startswith(("error:", "fatal:"))), "")
            raise Problem(
                f"{patch.parent.name}/{patch.name}: does not apply on what comes "
                f"before it: {said.partition(': ')[2] or 'no patch in it'}"
            )


def commit_touched(series: Series, release: Path, repository: Path) -> None:
    """Make the new directory *repository* a git repository of a series.

    Of the *release*, a tree, it has those files alone that the patches of the
    catalog.Series *series* touch: the rest makes no difference to how they apply.
    """
    copy_touched(series, release, repository)
    commit_base(series.base, repository)
    apply(repository, series.patches)


def copy_touched(series: Series, release: Path, place: Path) -> None:
    """Copy the files that *series* touches from the tree *release* to *place*."""
    place.mkdir()
    patches = map(patchfile.read, series.patches)
    for name in {change.name for patch in patches for change in patch.changes}:
        if (release / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(release / name, place / name)


def checkout(series: Series, source: Origin, directory: Path) -> None:
    """Make *directory* a git repository of the series on its base.

    Parameters:
        source: the origin.Origin that release() returned.
        directory: one that does not exist yet, or is empty.

    The tag `base` is the release, byte for byte; the branch `threadjoin` has
    one commit a patch. Raises Problem, leaving nothing behind.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise Problem(f"{directory} exists and is not empty; name another directory")
    parent = directory.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".checkout-", dir=parent) as scratch:
        repository = Path(scratch, "repository")
        source.lay(repository)
        commit_base(series.base, repository)
        apply(repository, series.patches)
        # `git commit --amend --trailer "Patch: ..."` gives a commit another number.
        trailer = f"trailer.{registry.FIELD.lower()}.ifexists"
        git.run(repository, "config", trailer, "replace")
        repository.replace(directory)


@contextmanager
def _objects_of(repository: Path) -> Iterator[Path]:
    """Give a bare repository with the objects of *repository*, and nothing else.

    It does not have the configuration and the attributes of *repository*.
    """
    shared = git.run(repository, "rev-parse", "--git-path", "objects")
    objects = repository.absolute() / os.fsdecode(shared.rstrip(b"\n"))
    with tempfile.TemporaryDirectory() as scratch:
        bare = Path(scratch, "bare.git")
        git.run(scratch, "init", "--quiet", "--bare", "--template=", str(bare))
        (bare / "info").mkdir(exist_ok=True)
        (bare / "info" / "attributes").write_text(git.ATTRIBUTES)
        (bare / "objects" / "info" / "alternates").write_text(f"{objects}\n")
        yield bare


def _commits(repository: Path) -> tuple[str, str]:
    """Return (base, tip), hashes of the series in *repository*.

    Raises Problem when what is between them is not one patch a commit.
    """
    ends = []
    for name in (f"refs/tags/{BASE_TAG}", f"refs/heads/{BRANCH}"):
        found = git.attempt(
            repository, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"
        )
        if found.returncode:
            raise Problem(
                f"{repository} has no {name}; make it with `scripts/series checkout`"
            )
        ends.append(found.stdout.decode().strip())
    base, tip = ends
    if git.attempt(repository, "merge-base", "--is-ancestor", base, tip).returncode:
        raise Problem(f"{repository}: {BRANCH} is not based on {BASE_TAG}; rebase it")
    between = f"{base}..{tip}"
    listed = git.run(
        repository, "log", "--no-color", "--no-show-signature", "--no-renames",
        "--format=%x00%P%x01%s", "--raw", "--no-abbrev", between,
    ).decode(errors="replace")  # fmt: skip
    for commit in listed.split("\0")[1:]:
        parents, _, rest = commit.partition("\1")
        subject, _, changes = rest.partition("\n")
        if len(parents.split()) != 1 or not changes.strip():
            raise Problem(
                f"{repository}: the commit {subject!r} is a merge or changes "
                "nothing; the series is one patch a commit"
            )
    return base, tip


def _by(author: str, base: str, tip: str, bare: Path) -> str:
    """Return the hash of *tip* with *author* for all commits from *base* on.

    The dates stay. The new commits are in the repository *bare*.
    """
    between = git.run(bare, "rev-list", "--reverse", f"{base}..{tip}")
    parent = base
    for commit in between.decode().split():
        parent = again(bare, commit, parent, author=author)
    return parent


def again(
    repository: Path,
    commit: str,
    parent: str,
    tree: str | None = None,
    author: str | None = None,
) -> str:
    """Make *commit* once more on the commit *parent*; return its hash.

    Parameters:
        tree, author: what it has instead; None for what *commit* has. The dates stay.
    """
    raw = git.run(repository, "cat-file", "commit", commit)
    head, _, message = raw.partition(b"\n\n")
    # What else there may be, a signature, is of the commit as it was.
    kept = rb"^(tree|author|committer|encoding) (.*)$"
    fields = dict(re.findall(kept, head, re.MULTILINE))
    if author:
        when = fields[b"author"].rpartition(b"> ")[2]
        fields[b"author"] = author.encode() + b" " + when
    if tree:
        fields[b"tree"] = tree.encode()
    lines = [b"tree " + fields.pop(b"tree"), b"parent " + parent.encode()]
    lines += [name + b" " + value for name, value in fields.items()]
    text = b"\n".join(lines) + b"\n\n" + message
    write = ("hash-object", "-t", "commit", "-w", "--stdin")
    return git.run(repository, *write, given=text).decode().strip()


def format_patches(
    repository: Path, directory: Path, author: str | None = None
) -> list[Path]:
    """Write the series in *repository* as patches into the new *directory*.

    Their bytes depend on nothing but the commits and *author*, who becomes the author
    of all; None for the authors of the commits. Returns the Paths in order.
    Raises Problem when the commits are not a series.
    """
    base, tip = _commits(repository)
    directory.mkdir()
    with _objects_of(repository) as bare:
        if author:
            tip = _by(author, base, tip, bare)
        git.run(
            bare, "format-patch", "--quiet", *FORMAT,
            f"--output-directory={directory.resolve()}", f"{base}..{tip}",
        )  # fmt: skip
    return sorted(directory.iterdir(), key=lambda path: int(path.name))


def _date(patch: patchfile.Patch, stored: Path, today: datetime.date) -> bytes:
    """Return the bytes of *patch*, a patchfile.Patch, with a true Last-Update.

    Parameters:
        stored: the directory with the series as it was exported before:
            where the patch of that number is the same but for where it applies,
            it keeps its day.
        today: datetime.date for one that is not the same.
    """
    content = patch.path.read_bytes()
    day = today.isoformat()
    number = dict(patch.fields())[registry.FIELD][:4]
    for path in stored.glob(f"{number}-*.patch"):
        before = path.read_bytes()
        if patchfile.essence(before) == patchfile.essence(content):
            day = patchfile.updated(before) or day
    # What was written later is not as it was before, whatever the clock says here.
    written = patch.date.isoformat() if patch.date else day
    return patchfile.dated(content, max(day, written))


def export(
    repository: Path, name: str, root: Path = ROOT, today: datetime.date | None = None
) -> list[str]:
    """Make the patches of a series those of its checkout; return their names.

    As export_all() does it.

    Parameters:
        repository: a checkout, as checkout() makes it.
        name: the series, such as "3.11": its directory below patches/ has
            its releases.json, and what is neither a patch nor `series` stays.
    """
    return export_all({name: repository}, root, today)[name]


def export_all(
    checkouts: Mapping[str, Path], root: Path = ROOT, today: datetime.date | None = None
) -> dict[str, list[str]]:
    """Make the patches of several series those of their checkouts.

    A patch is called what its commit's `Patch:` field says, which the registry
    has to know; it is from the maintainers, and its Last-Update is the day on
    which an export found it changed. NEWS entries of the project are written
    anew from the patches of all its series.

    Parameters:
        checkouts: {name of a series: Path of its checkout}.
        root: the project's directory.
        today: datetime.date; None for this day, in UTC.

    Returns {name of a series: names of its patches}. All or nothing, of all of them:
    raises Problem when something tracked is not committed, the commits are not a
    series, or are not as the registry has them.
    """
    for name, repository in checkouts.items():
        _require_checkout(repository, name, root)
    known = registry.load(root / "patches")
    today = today or datetime.datetime.now(datetime.timezone.utc).date()
    with tempfile.TemporaryDirectory() as scratch:
        made = {}
        patches: list[Path] = []
        for name, repository in checkouts.items():
            new = Path(scratch, name)
            stored = root / "patches" / name
            made[name] = _write(repository, name, new, known, stored, today)
            patches += new.glob("*.patch")
        patches += _patches_of_others(root, checkouts)
        entries = news.entries(map(patchfile.read, patches))
        present = list((root / news.NEXT).rglob("*.rst"))
        for name in checkouts:
            present += (root / "patches" / name).glob("*.patch")
        contents: dict[str, Path | None] = {}
        contents.update((path.relative_to(root).as_posix(), None) for path in present)
        for name in checkouts:
            for path in Path(scratch, name).iterdir():
                contents[f"patches/{name}/{path.name}"] = path
        contents.update(news.write(entries, Path(scratch, "news")))
        exchange.put(contents, root)
    return made


def _require_checkout(repository: Path, name: str, root: Path) -> None:
    """Raise Problem unless *repository* can be exported as the series *name*."""
    if not (repository / ".git").exists():
        raise Problem(
            f"{repository} is not a git checkout; make one with "
            "`scripts/series checkout`"
        )
    if not (root / "patches" / name / RELEASES).is_file():
        raise Problem(f"patches/{name} has no {RELEASES}, which a series needs")
    if git.run(repository, "status", "--porcelain", "--untracked-files=no").strip():
        raise Problem(f"{repository} has changes that are not committed; commit them")


def _write(
    repository: Path,
    name: str,
    new: Path,
    known: registry.Registry,
    stored: Path,
    today: datetime.date,
) -> list[str]:
    """Write the patches of one series, and its `series` file, to the directory *new*.

    Parameters:
        repository: its checkout.
        name: that of the series.
        stored: the directory with the patches as they were.

    Returns the names of the patches.
    """
    new.mkdir()
    raw = format_patches(repository, new / "raw", known.maintainers)
    if not raw:
        raise Problem(f"{repository} has no commit on {BASE_TAG} to export")
    made = list(map(patchfile.read, raw))
    names = known.names(made, name)
    for patch, called in zip(made, names):
        (new / called).write_bytes(_date(patch, stored, today))
    shutil.rmtree(new / "raw")
    (new / "series").write_text("".join(f"{called}\n" for called in names))
    return names


def _patches_of_others(root: Path, names: Container[str]) -> Iterator[Path]:
    """Yield the Path of each patch of the series that are not among *names*."""
    for listing in (root / "patches").glob("*/series"):
        other = listing.parent.name
        if other not in names:
            yield from load_series(other, root / "patches").patches
