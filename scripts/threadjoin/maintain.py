"""A series as git commits on its base, and those commits as patches again."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from . import exchange, git, news, origin, patchfile
from .errors import Problem
from .layout import BUILD, RELEASES, ROOT, load_series

BASE_TAG = "base"
BRANCH = "threadjoin"

#: The options that decide bytes of the output and whose defaults have changed
#: between versions of git, or might. Configuration is shut out by itself.
FORMAT = (
    "--zero-commit",
    "--no-signature",
    "--no-numbered",
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


def release(series, given=None):
    """Return the release that *series* is made for, an origin.Origin.

    Parameters:
        series: layout.Series.
        given: Path of the release's tarball, which has to have the right
            checksum, or of an unpacked tree of it, which is known by its
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


def commit_base(base, repository):
    """Make the directory *repository* a git repository of what is in it.

    Its one commit, tagged, is the release that *base* (a layout.Release) names,
    or a part of its files.
    """
    git.init(repository, BRANCH)
    git.run(repository, "add", "--all", "--force")
    message = f"Python {base.version}"
    git.run(repository, "commit", "--quiet", "--allow-empty", "-m", message)
    git.run(repository, "tag", BASE_TAG)


def apply(repository, patches):
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


def checkout(series, source, directory):
    """Make *directory* a git repository of the series on its base.

    Parameters:
        series: layout.Series.
        source: the origin.Origin that release() returned.
        directory: Path that does not exist yet, or an empty directory.

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
        repository.replace(directory)


@contextmanager
def _objects_of(repository):
    """Give a bare repository with the objects of *repository*, and no more.

    What *repository*'s own configuration and attributes say is left behind.
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


def _commits(repository):
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
        raise Problem(f"{repository}: {BRANCH} does not stand on {BASE_TAG}; rebase it")
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


def format_patches(repository, directory):
    """Write the series in *repository* as patches into *directory*.

    Writes the numbered patches and quilt's `series` file; their bytes depend
    on nothing but the commits. Returns the names in order. Raises Problem
    when the commits are not a series.
    """
    base, tip = _commits(repository)
    with _objects_of(repository) as bare:
        git.run(
            bare, "format-patch", "--quiet", *FORMAT,
            f"--output-directory={directory.resolve()}", f"{base}..{tip}",
        )  # fmt: skip
    names = sorted(path.name for path in directory.glob("*.patch"))
    (directory / "series").write_text("".join(f"{name}\n" for name in names))
    return names


def export(repository, name, root=ROOT):
    """Make the patches of a series those of its checkout.

    NEWS entries of the project are written anew from the patches of all its
    series with them.

    Parameters:
        repository: Path of a checkout, as checkout() makes it.
        name: the series, such as "3.11": its directory below patches/ has
            its releases.json, and what is neither a patch nor `series` stays.
        root: Path of the project.

    Returns the names of the patches. All or nothing: raises Problem when
    something tracked is not committed or the commits are not a series.
    """
    if not (repository / ".git").exists():
        raise Problem(
            f"{repository} is not a git checkout; make one with "
            "`scripts/series checkout`"
        )
    if not (root / "patches" / name / RELEASES).is_file():
        raise Problem(f"patches/{name} has no {RELEASES}, which a series starts with")
    if git.run(repository, "status", "--porcelain", "--untracked-files=no").strip():
        raise Problem(f"{repository} has changes that are not committed; commit them")
    with tempfile.TemporaryDirectory() as scratch:
        new = Path(scratch, "patches")
        new.mkdir()
        names = format_patches(repository, new)
        if not names:
            raise Problem(f"{repository} has no commit on {BASE_TAG} to export")
        patches = [*new.glob("*.patch"), *_patches_of_others(root, name)]
        entries = news.entries(map(patchfile.read, patches))
        present = [
            *(root / "patches" / name).glob("*.patch"),
            *(root / news.NEXT).rglob("*.rst"),
        ]
        contents = {path.relative_to(root).as_posix(): None for path in present}
        contents.update((f"patches/{name}/{path.name}", path) for path in new.iterdir())
        contents.update(news.write(entries, Path(scratch, "news")))
        exchange.put(contents, root)
    return names


def _patches_of_others(root, name):
    """Yield the Path of each patch of the series that are not called *name*."""
    for listing in (root / "patches").glob("*/series"):
        other = listing.parent.name
        if other != name:
            yield from load_series(other, root / "patches").patches
