"""Number the revisions of a series, which packagers pin.

A revision is recorded beside the series, in its revision.json, with the digest of what
is compiled or imported at that time. The last patch of the series adds a module that
says it, in the interpreter; that patch is made here, and from nothing else.

Until a revision is released, it is recorded again after each change. After that, a
change is the next revision.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from ..core import exchange
from ..core.errors import Problem
from ..core.layout import ROOT
from ..series import catalog

#: Of the patch, as the registry has it.
NUMBER = "0990"
PATCH = f"{NUMBER}-revision.patch"

CHANGELOG = "CHANGELOG.md"
UNRELEASED = "not released yet"

_MODULE = """\
# Which revision of the threadjoin patches this Python has.  Nothing imports
# this; "python -m concurrent._threadjoin" prints it.

REVISION = '{revision}'

if __name__ == '__main__':
    print(REVISION)
"""

_PATCH = """\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
{author}
Date: Fri, 27 Nov 2026 00:00:00 +0000
Subject: [PATCH] gh-116372: Say which revision of the series this is

An interpreter with these patches does not tell which of their revisions it
has, once it is apart from the package that it came in.

Add a module that tells it: `python -m concurrent._threadjoin`. Nothing that
programs look at changes.

Bug: https://github.com/python/cpython/issues/116372
Forwarded: not-needed
Last-Update: {day}
Patch: 0990-revision
---
 {name} | {count} {pluses}
 1 file changed, {count} insertions(+)
 create mode 100644 {name}

diff --git a/{name} b/{name}
new file mode 100644
index 0000000000000000000000000000000000000000..{blob}
--- /dev/null
+++ b/{name}
@@ -0,0 +1,{count} @@
{added}"""


def text(series: catalog.Series, number: int, day: str) -> str:
    """Return the patch that says the revision *number* of *series*.

    Parameters:
        series: catalog.Series, with a patch whose author this one's is.
        number: int.
        day: of its last change, as 2026-11-27.
    """
    content = _MODULE.format(revision=f"{series.name}+tj{number}")
    lines = content.splitlines()
    first = series.patches[0].read_text(encoding="utf-8")
    (author,) = re.findall(r"^From: .*(?:\n .*)*", first, re.MULTILINE)[:1]
    blob = f"blob {len(content)}\0{content}".encode()
    return _PATCH.format(
        author=author,
        day=day,
        name=catalog.SAYS_REVISION,
        count=len(lines),
        pluses="+" * len(lines),
        blob=hashlib.sha1(blob).hexdigest(),
        added="".join(f"+{line}\n" for line in lines),
    )


def record(series: catalog.Series, day: str) -> str:
    """Record *series* as it is; return its name with the revision, "3.11+tj1".

    Its number is the next one if the last has been released and differs. Writes the
    patch that reports it, and adds that to the series if it is missing.

    Parameters:
        day: this one, as 2026-11-27.
    """
    last = series.revision or catalog.Revision(1, None, "")
    number, released = last.number, last.released
    if released and last.digest != series.digest:
        number, released = number + 1, None
    _write(series, catalog.Revision(number, released, series.digest), day)
    return f"{series.name}+tj{number}"


def release(series: catalog.Series, day: str, root: Path = ROOT) -> str:
    """Record that the revision of *series* is released; return its name.

    Parameters:
        day: this one, as 2026-11-27.
        root: the project's directory.

    Raises Problem when something is wrong with it.
    """
    if not series.revision:
        raise _unrecorded(series)
    released = replace(series.revision, released=series.revision.released or day)
    for problem in problems(replace(series, revision=released), root):
        raise Problem(problem)
    _write(series, released, day)
    return series.label


def _write(series: catalog.Series, revision: catalog.Revision, day: str) -> None:
    """Write the catalog.Revision of *series*, with all that follows: all or none."""
    path = series.directory / PATCH
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(r"^Last-Update: (.*)$", before, re.MULTILINE)
    patch = text(series, revision.number, found[1] if found else day)
    if patch != before:
        patch = text(series, revision.number, day)
    names = sorted({one.name for one in series.patches} | {PATCH})
    contents = {
        PATCH: patch,
        "series": "".join(f"{name}\n" for name in names),
        catalog.REVISION: json.dumps(asdict(revision), indent=4) + "\n",
    }
    with tempfile.TemporaryDirectory() as scratch:
        made = {name: Path(scratch, name) for name in contents}
        for name, content in contents.items():
            made[name].write_text(content, encoding="utf-8")
        exchange.put(made, series.directory)


def problems(series: catalog.Series, root: Path = ROOT) -> Iterator[str]:
    """Yield what is wrong with the revision of *series*, a line each.

    Parameters:
        root: the project's directory.
    """
    where = f"patches/{series.name}/{catalog.REVISION}"
    again = f"run `scripts/series revision {series.name} --record`"
    if not series.revision:
        yield str(_unrecorded(series))
        return
    number, released = series.revision.number, series.revision.released
    name = f"{series.name}+tj{number}"
    if series.revision.digest != series.digest:
        yield (
            f"{where}: what is compiled or imported is not that of {name}: "
            f"{series.digest}, not {series.revision.digest}; {again}"
        )
    patch = series.directory / PATCH
    said = patch.read_text(encoding="utf-8") if patch in series.patches else ""
    if f"\n+REVISION = '{name}'\n" not in said:
        yield f"patches/{series.name}/{PATCH}: does not say {name}; {again}"
    heads = re.findall(
        rf"^## {re.escape(name)}\b(.*)$", (root / CHANGELOG).read_text(), re.MULTILINE
    )
    if not heads:
        yield f"{CHANGELOG}: has no section {name}; write it"
    elif (UNRELEASED in heads[0]) == bool(released):
        yield (
            f"{CHANGELOG}: the head of {name} says "
            f"{'that it is ' + UNRELEASED if released else 'not ' + repr(UNRELEASED)}, "
            f"which {where} contradicts"
        )


def _unrecorded(series: catalog.Series) -> Problem:
    return Problem(
        f"the series {series.name} has no revision; run `scripts/series revision "
        f"{series.name} --record`"
    )
