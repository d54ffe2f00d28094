"""Read a patch that `git format-patch` wrote: its message and its changes."""

from __future__ import annotations

import datetime
import email
import email.policy
import re
from dataclasses import dataclass, field
from pathlib import Path

from ..core.errors import Problem

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_FIELD = re.compile(r"([A-Z][\w-]*): (.*)")
_UPDATED = re.compile(rb"^Last-Update:.*\n?", re.MULTILINE)

#: The parts of a patch that a change of another patch can change: blobs and places.
_PLACES = re.compile(rb"^(?:index|@@) .*$", re.MULTILINE)


@dataclass(frozen=True)
class Hunk:
    """One hunk: where it is, and its lines as the patch has them."""

    start: int  # line of the old file
    place: str  # the @@ line, for people
    lines: tuple[bytes, ...]  # each with its first character

    def side(self, new: bool) -> list[bytes]:
        """Return the lines (bytes, with newlines) before it; with *new*, after it."""
        found: list[bytes] = []
        kept = False
        for line in self.lines:
            if line.startswith(b"\\"):
                if kept:
                    found[-1] = found[-1][:-1]
                continue
            kept = not line.startswith(b"-" if new else b"+")
            if kept:
                found.append(line[1:] + b"\n")
        return found


@dataclass
class Change:
    """The changes that a patch makes to one file."""

    name: str
    created: bool = False
    deleted: bool = False
    mode: str = ""  # of a file that it creates
    # With the line in the patch.
    added: list[tuple[int, bytes]] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)  # context and removed
    hunks: list[Hunk] = field(default_factory=list)
    unended: int = 0  # line in the patch where the new file's end has no newline

    def content(self) -> bytes:
        """Return the bytes of the file, which the patch creates."""
        text = b"".join(line + b"\n" for _, line in self.added)
        return text[:-1] if self.unended else text


@dataclass
class Patch:
    """One patch: where it is, its message, and what it changes."""

    path: Path
    subject: str = ""
    body: list[str] = field(default_factory=list)  # the message's lines below it
    changes: list[Change] = field(default_factory=list)
    author: str = ""
    date: datetime.date | None = None  # the author's, in UTC

    def fields(self) -> list[tuple[str, str]]:
        """Return the DEP-3 fields as (name, value) pairs, in order.

        They are the message's last paragraph; when anything but fields and
        their continuation lines is in it, there are none.
        """
        text = "\n".join(self.body).strip()
        pairs = []
        for line in text.rpartition("\n\n")[2].splitlines():
            match = _FIELD.fullmatch(line)
            if match:
                pairs.append((match[1], match[2]))
            elif line.startswith(" ") and pairs:
                name, value = pairs[-1]
                pairs[-1] = (name, f"{value} {line.strip()}")
            else:
                return []
        return pairs


def read(path: Path) -> Patch:
    """Return the Patch in the file *path* (a pathlib.Path).

    Raises Problem when it is not in the form of `git format-patch`.
    """
    lines = path.read_bytes().split(b"\n")
    try:
        blank = lines.index(b"")
        fence = lines.index(b"---", blank)
    except ValueError:
        raise _malformed(path, "no message that ends in a line `---`") from None
    header = b"\n".join(lines[1:blank]) + b"\n\n"
    fields = email.message_from_bytes(header, policy=email.policy.default)
    subject = fields["Subject"]
    if not lines[0].startswith(b"From ") or not subject:
        raise _malformed(path, "no From line or no Subject")
    body = [line.decode(errors="replace") for line in lines[blank + 1 : fence]]
    patch = Patch(path, re.sub(r"^\[PATCH[^]]*\] ", "", subject), body)
    patch.author = str(fields["From"] or "")
    if fields["Date"] and fields["Date"].datetime:
        patch.date = fields["Date"].datetime.astimezone(datetime.timezone.utc).date()
    _read_changes(patch, lines, fence + 1)
    return patch


def _read_changes(patch: Patch, lines: list[bytes], number: int) -> None:
    """Fill *patch*.changes from *lines* on, where *number* is the next."""
    change = None
    while number < len(lines):
        line = lines[number]
        if line.startswith(b"diff --git "):
            change = Change(line.rpartition(b" b/")[2].decode(errors="replace"))
            patch.changes.append(change)
        elif change and line.startswith(b"new file mode"):
            change.created = True
            change.mode = line.split()[-1].decode()
        elif change and line.startswith(b"deleted file mode"):
            change.deleted = True
        elif change and line.startswith(b"@@ "):
            number = _read_hunk(patch, change, lines, number)
            continue
        number += 1


def _read_hunk(patch: Patch, change: Change, lines: list[bytes], number: int) -> int:
    """Read the hunk whose @@ line is *lines*[*number*]; return what follows."""
    match = _HUNK.match(lines[number])
    if match is None:
        raise _malformed(patch.path, f"line {number + 1} is no hunk's header")
    start = int(match[1])
    old, new = (1 if count is None else int(count) for count in match.groups()[1:])
    first = number + 1
    on_new_side = False
    while True:
        number += 1
        line = lines[number] if number < len(lines) else b""
        if line.startswith(b"\\"):
            change.unended = number if on_new_side else change.unended
        elif old <= 0 and new <= 0:
            place = lines[first - 1].decode(errors="replace")
            change.hunks.append(Hunk(start, place, tuple(lines[first:number])))
            return number
        elif line[:1] in (b"+", b"-", b" "):
            on_new_side = line[:1] != b"-"
            old -= line[:1] != b"+"
            new -= on_new_side
            if line.startswith(b"+"):
                change.added.append((number + 1, line[1:]))
            else:
                change.kept.append(line[1:])
        else:
            raise _malformed(patch.path, f"line {number + 1} is not part of its hunk")


def essence(content: bytes) -> tuple[bytes, bytes]:
    """Return the parts of a patch, the bytes *content*, that do not depend on others.

    These are its message without Last-Update, and its changes without the blobs and
    the numbers of lines.
    """
    head, _, rest = content.partition(b"\n---\n")
    message = head.partition(b"\nSubject:")[2] + b"\n"
    changes = rest[rest.find(b"\ndiff --git ") :]
    return _UPDATED.sub(b"", message), _PLACES.sub(b"@@", changes)


def updated(content: bytes) -> str | None:
    """Return the day of Last-Update in the patch *content*, or None."""
    head = content.partition(b"\n---\n")[0]
    found = re.search(rb"^Last-Update: (\d{4}-\d\d-\d\d)$", head, re.MULTILINE)
    return found and found[1].decode()


def dated(content: bytes, day: str) -> bytes:
    """Return the patch *content* with Last-Update: *day*.

    If the field is missing, it is added as the last.
    """
    head, fence, rest = content.partition(b"\n---\n")
    field = f"Last-Update: {day}".encode()
    new, times = re.subn(rb"^Last-Update:.*$", field, head, flags=re.MULTILINE)
    return (new if times else head + b"\n" + field) + fence + rest


def _malformed(path: Path, why: str) -> Problem:
    return Problem(
        f"{path.parent.name}/{path.name} is not a patch of `git format-patch`: "
        f"{why}; export the series again"
    )
