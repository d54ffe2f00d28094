"""Check the form of a series: one line for each thing that is wrong."""

from __future__ import annotations

import datetime
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path

from ..core import git, process
from ..core.errors import Problem
from ..core.layout import ROOT
from ..series import patchfile
from ..series.catalog import DEFAULT_SERIES, Series, available, load_series
from ..series.patchfile import Patch
from ..source import tarballs
from ..source.origin import Origin
from . import commits, news, registry, shared

#: Longest subject that `git log --oneline` and a mail's header keep whole.
SUBJECT_COLUMNS = 72

#: Widest line of a message that `git log`, which indents it, keeps within 80.
BODY_COLUMNS = 76

_SUBJECT = re.compile(r"gh-(\d+): [A-Z]\S*( \S+)+")
_BUG = re.compile(r"https://github\.com/python/cpython/issues/(\d+)")
_FORWARDED = re.compile(r"no|not-needed|yes|https?://\S+")
_NO_TABS = (".c", ".h", ".py", ".pyi", ".rst")


def _where(path: Path) -> str:
    return f"patches/{path.parent.name}/{path.name}"


def check_order(directory: Path) -> Iterator[str]:
    """Yield what is wrong with the `series` file of the series in *directory*."""
    files = sorted(path.name for path in directory.glob("*.patch"))
    if (directory / "series").read_text().splitlines() != files:
        yield (
            f"{_where(directory / 'series')}: is not the list of the patches that are "
            "there, in their order; export the series"
        )


def check_registry(
    known: registry.Registry, series: str, patches: Iterable[Patch]
) -> Iterator[str]:
    """Yield where one series differs from the registry.

    Parameters:
        series: the series' name.
    """
    present = set()
    for patch in patches:
        where = _where(patch.path)
        if patch.author != known.maintainers:
            yield f"{where}: is from {patch.author}, not from {known.maintainers}"
        problem = known.problem(patch, series)
        if problem:
            yield f"{where}: {problem}"
            continue
        name = dict(patch.fields())[registry.FIELD]
        entry = known.entries[name[:4]]
        present.add(entry.number)
        if patch.path.name != f"{name}.patch":
            yield f"{where}: `scripts/series export` calls it {name}.patch"
        values = [value for field, value in patch.fields() if field == "Bug"]
        bugs = [_BUG.fullmatch(value) for value in values]
        if {int(bug[1]) for bug in bugs if bug} != set(entry.issues):
            yield f"{where}: {registry.WHERE} has other issues than its `Bug:` fields"
    for entry in known.entries.values():
        if series not in entry.series:
            yield (
                f"{registry.WHERE}: {entry.number} does not say whether {series} "
                "has it: true, or why not"
            )
        elif entry.series[series] is True and entry.number not in present:
            yield f"{registry.WHERE}: {entry.number} is to be in {series}, and is not"


def check_message(patch: Patch) -> Iterator[str]:
    """Yield what is wrong with the message of *patch* (a patchfile.Patch)."""
    where = _where(patch.path)
    subject = _SUBJECT.fullmatch(patch.subject)
    if subject is None:
        yield f"{where}: the subject is not `gh-NNNNNN: Imperative sentence`"
    elif patch.subject.endswith("."):
        yield f"{where}: the subject ends in a full stop"
    if len(patch.subject) > SUBJECT_COLUMNS:
        yield (
            f"{where}: the subject has {len(patch.subject)} characters, more than "
            f"{SUBJECT_COLUMNS}"
        )
    fields = patch.fields()
    text = "\n".join(patch.body).strip().rpartition("\n\n")[0]
    if not text:
        yield f"{where}: the message has no text between subject and fields"
    elif "\n\n" not in text:
        yield (
            f"{where}: the message has one paragraph of text; say what is wrong in "
            "one, and what the patch does in the next"
        )
    for line in text.splitlines():
        # A line without blanks, such as a URL, cannot be broken.
        if len(line) > BODY_COLUMNS and " " in line.strip():
            yield f"{where}: a line of more than {BODY_COLUMNS} columns: {line!r}"
    if not fields:
        yield f"{where}: the message does not end in a paragraph of DEP-3 fields"
        return
    yield from (f"{where}: {problem}" for problem in _check_fields(fields, subject))
    updated = dict(fields).get("Last-Update", "")
    if patch.date and _is_date(updated) and updated < patch.date.isoformat():
        yield (
            f"{where}: `Last-Update: {updated}` is before its author's date, "
            f"{patch.date}; export the series"
        )


def _check_fields(
    fields: Iterable[tuple[str, str]], subject: re.Match[str] | None
) -> Iterator[str]:
    """Yield what is wrong with the DEP-3 *fields*, (name, value) pairs.

    *subject* is the match of the message's subject, or None.
    """
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    bugs = [_BUG.fullmatch(bug) for bug in values.get("Bug", ())]
    if not bugs or not all(bugs):
        yield "`Bug:` is not https://github.com/python/cpython/issues/NNNNNN"
    elif subject and subject[1] not in [bug[1] for bug in filter(None, bugs)]:
        yield f"no `Bug:` is the subject's gh-{subject[1]}"
    forwarded = values.get("Forwarded", [])
    if len(forwarded) != 1 or not _FORWARDED.fullmatch(forwarded[0]):
        yield "`Forwarded:` is not one of no, not-needed, yes, or a URL"
    updated = values.get("Last-Update", [])
    if len(updated) != 1 or not _is_date(updated[0]):
        yield "`Last-Update:` is not one date, YYYY-MM-DD"


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def check_whitespace(patch: Patch) -> Iterator[str]:
    """Yield what is wrong with the lines that *patch* adds."""
    where = _where(patch.path)
    for change in patch.changes:
        # Some files of the release, such as Visual Studio's, end lines in CRLF.
        crlf = any(line.endswith(b"\r") for line in change.kept)
        for number, line in change.added:
            text = line[:-1] if crlf and line.endswith(b"\r") else line
            problem = _check_line(text, change.name)
            if problem:
                yield f"{where}:{number}: {problem} ({change.name})"
        if change.created and change.added and not change.added[-1][1].strip():
            yield f"{where}: {change.name} ends in a blank line"
        if change.unended:
            yield f"{where}:{change.unended}: no newline at the end of {change.name}"


def _check_line(line: bytes, name: str) -> str | None:
    """Return what is wrong with the added *line* of the file *name*."""
    if line.endswith(b"\r"):
        return "ends in CRLF, where the file does not"
    if line != line.rstrip():
        return "trailing whitespace"
    if b"\t" in line and name.endswith(_NO_TABS):
        return "a tab"
    return None


def check_news(series: str, patches: Sequence[Patch]) -> Iterator[str]:
    """Yield what is wrong with the NEWS entries of one series.

    Parameters:
        series: its name.
    """
    for patch in patches:
        for change in patch.changes:
            if not change.name.startswith(news.NEXT + "/"):
                continue
            problem = (
                news.check(change.name, change.content())
                if change.created
                else "changes an entry; write it where it is made"
            )
            if problem:
                yield f"{_where(patch.path)}: {change.name}: {problem}"
    if not news.entries(patches):
        yield f"patches/{series}: no patch has a NEWS entry"


def check_news_copy(all_patches: Iterable[Patch], root: Path = ROOT) -> Iterator[str]:
    """Yield where the project's Misc/NEWS.d/next differs from the patches.

    Parameters:
        all_patches: the patchfile.Patch objects of every series.
        root: the project's directory.
    """
    wanted = news.entries(all_patches)
    present = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in (root / news.NEXT).rglob("*")
        if path.is_file()
    }
    for name in sorted(wanted.keys() | present.keys()):
        if name not in present:
            yield f"{name}: missing; `scripts/series export` writes it from the patches"
        elif name not in wanted:
            yield f"{name}: no patch adds it; entries come from `scripts/series news`"
        elif wanted[name] != present[name]:
            yield f"{name}: differs from the patch that adds it; export the series"


def check_round_trip(series: Series, release: Path, scratch: Path) -> Iterator[str]:
    """Yield how the series differs from its own export, once it applies.

    That the two are the same bytes proves that every patch applies at the
    very lines it names, with the very content around them, and that the
    stored form is the one that `scripts/series export` gives.

    Parameters:
        release: a tree of the release.
        scratch: an empty directory; `repository` in it is left with
            the series as commits.
    """
    repository, again = scratch / "repository", scratch / "again"
    try:
        commits.commit_touched(series, release, repository)
        formatted = commits.format_patches(repository, again)
    except Problem as exc:
        yield f"patches/{exc}"
        return
    for stored, new in zip(series.patches, formatted):
        if stored.read_bytes() != new.read_bytes():
            yield (
                f"{_where(stored)}: not what `scripts/series export` gives (an offset, "
                "or edited by hand?)"
            )


def check_standalone(
    known: registry.Registry, series: Series, repository: Path
) -> Iterator[str]:
    """Yield the patches that the registry calls standalone and that are not.

    Such a patch applies to the release without any other, with all its context.

    Parameters:
        repository: one as check_round_trip() leaves it.
    """
    git.run(repository, "read-tree", commits.BASE_TAG)
    alone = {entry.name for entry in known.entries.values() if entry.standalone}
    for path in series.patches:
        if path.stem not in alone:
            continue
        strict = ("apply", "--cached", "--check", "--whitespace=nowarn")
        done = git.attempt(repository, *strict, str(path.resolve()))
        if done.returncode:
            said = done.stderr.decode(errors="replace").partition("\n")[0]
            yield (
                f"{_where(path)}: is standalone, says {registry.WHERE}, and does not "
                f"apply to the release alone: {said.partition(': ')[2]}"
            )


def check_quilt(series: Series, release: Path, scratch: Path) -> Iterator[str]:
    """Yield the faults of the series that quilt, which must be installed, reports.

    Parameters:
        release: a tree of the release.
        scratch: a directory for quilt's work.
    """
    plain = scratch / "plain"
    commits.copy_touched(series, release, plain)
    done = process.said(
        ["quilt", "--quiltrc", "-", "push", "-a", "--fuzz=0"],
        cwd=plain,
        env=process.environment(
            QUILT_PATCHES=str(series.directory.resolve()),
            QUILT_PC=str(scratch / "pc"),
            QUILT_NO_DIFF_INDEX="1",
        ),
        stderr=subprocess.STDOUT,
    )
    lines = done.stdout.splitlines()
    if done.returncode:
        said = next((x for x in lines if "FAILED" in x), lines[-1] if lines else "")
        yield f"patches/{series.name}/series: quilt cannot push it all: {said}"


def _read(series: Series) -> tuple[list[Patch], list[str]]:
    """Return (patches, problems): those that can be read, and why others not."""
    patches, problems = [], []
    for path in series.patches:
        try:
            patches.append(patchfile.read(path))
        except Problem as exc:
            problems.append(f"patches/{exc}")
    return patches, problems


def check_on_base(
    series: Series, release_source: Origin, known: registry.Registry
) -> Iterator[str]:
    """Yield what is wrong when the series is applied to its release.

    Parameters:
        series: catalog.Series, with patches that patchfile can read.
        release_source: the origin.Origin of its release.
    """
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        release = scratch / "release"
        release_source.lay(release)
        problems = list(check_round_trip(series, release, scratch))
        yield from problems
        if not problems:
            yield from check_standalone(known, series, scratch / "repository")
            if shutil.which("quilt"):
                yield from check_quilt(series, release, scratch)


def check_shared(known: registry.Registry, every: Iterable[Series]) -> Iterator[str]:
    """Yield where the files that series share are not the same at each number.

    Parameters:
        every: the catalog.Series to compare, with patches that patchfile can read.
    """
    # The others are compared with the lead, where that is among them.
    ordered = sorted(every, key=lambda series: series.name != DEFAULT_SERIES)
    states = {}
    for series in ordered:
        try:
            states[series.name] = shared.states(series)
        except Problem as exc:
            yield f"patches/{exc}"
    yield from shared.problems(known, states)


def check(
    names: Container[str],
    find: Callable[[Series], Origin],
    root: Path = ROOT,
    unapplied: list[str] | None = None,
) -> Iterator[str]:
    """Yield all that is wrong with the series called *names*, a line each.

    Parameters:
        names: list of series; compared with one another too.
        find: a function from a catalog.Series to the origin.Origin of its release.
        root: the project's directory.
        unapplied: list that gets the names of those that could not be applied to
            their release, because no way leads to that.
    """
    every, readable = [], []
    known = registry.load(root / "patches")
    for name in available(root / "patches"):
        series = load_series(name, root / "patches")
        patches, unreadable = _read(series)
        every += patches
        if name not in names:
            continue
        yield from unreadable
        yield from check_order(series.directory)
        yield from check_registry(known, name, patches)
        for patch in patches:
            yield from check_message(patch)
            yield from check_whitespace(patch)
        yield from check_news(name, patches)
        if unreadable:
            continue
        readable.append(series)
        try:
            found = find(series)
        except tarballs.NoWay:
            if unapplied is None:
                raise
            unapplied.append(name)
        else:
            yield from check_on_base(series, found, known)
    yield from check_shared(known, readable)
    yield from check_news_copy(every, root)
