"""Read the reports of GCC's sanitizers, and tell one report from another.

The same report has other addresses, threads and processes in each run, and other line
numbers on stock and patched. Its signature has none of them: it is the kind of the
report, and the functions and files in its stacks.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from ...core import layout

#: Frames of each stack that a signature has.
DEPTH = 2

#: An indirect leak can be reached from a direct one, and is not a report of its own.
_BEGIN = re.compile(
    r"^(?:WARNING: ThreadSanitizer: (?P<tsan>.+?) \(pid=\d+\)"
    r"|==\d+==ERROR: AddressSanitizer:? (?P<asan>.+?)(?: on | \(|:|$).*"
    r"|==\d+==(?P<fatal>ThreadSanitizer: .+|AddressSanitizer.* CHECK failed.*)"
    r"|==\d+==ERROR: (?P<lsan>LeakSanitizer: (?!detected memory leaks).+)"
    r"|(?P<leak>Direct leak) of \d+ byte.*"
    r"|(?P<place>\S+?):\d+(?::\d+)?: runtime error: (?P<ubsan>.+))$",
    re.MULTILINE,
)
_END = re.compile(r"^(?:SUMMARY: |Indirect leak )", re.MULTILINE)
_FRAME = re.compile(r"^ +#(\d+) (?:0x[0-9a-f]+ +(?:in +)?)?(.*)$")
_MODULE = re.compile(r" *\((\S+)\+0x[0-9a-f]+\)(?: \(BuildId: \w+\))?$")

#: Numbers, addresses and sizes of types in a message.
_NUMBER = re.compile(r"0x[0-9a-f]+|-?\b\d+\b")

#: Stacks that show where memory or a thread comes from, not what happens to it.
_ORIGIN = re.compile(r"created|Location is|allocated by thread|is located in")

#: Functions between the code and the system: a report is not about them. Nor is it
#: about a function that the series has split off take_gil(): the stack is as on stock.
_BETWEEN = re.compile(
    r"^(?:_PyEval_TakeGIL|pthread_\w+|<null>|"
    r"__interceptor_.*|__(?:tsan|asan|ubsan|sanitizer)_.*|"
    r"(?:malloc|calloc|realloc|free|strdup|wcsdup)|"
    r"_?Py(?:Mem|Object)_(?:Raw|Debug|DebugRaw)?(?:Malloc|Calloc|Realloc|Alloc|Free)|"
    r"_PyMem_\w*|_?PyObject_GC_(?:New|NewVar|Resize)|gc_alloc|_?PyObject_(?:New|NewVar)|"
    r"_?PyType_(?:GenericAlloc|AllocNoTrack))$"
)


@dataclass(frozen=True)
class Frame:
    """A function, and the file that it is in, below the source tree."""

    function: str
    file: str

    def __str__(self) -> str:
        return f"{self.function} ({self.file})"


@dataclass(frozen=True)
class Report:
    """One thing that a sanitizer has found."""

    kind: str  # "data race"
    stacks: tuple[tuple[Frame, ...], ...]  # the innermost first, DEPTH at most
    text: str  # as it was written

    @property
    def signature(self) -> str:
        """The key by which two reports are the same."""
        # Of two that race with each other, either comes first.
        stacks = sorted(" < ".join(map(str, stack)) for stack in self.stacks)
        return ": ".join([self.kind, " | ".join(stacks) or "no stack"])

    def touches(self, files: Container[str]) -> bool:
        """Return whether its stacks have code in one of *files*."""
        return any(frame.file in files for stack in self.stacks for frame in stack)


def parse(text: str) -> list[Report]:
    """Return the list of Report in *text*, the output of one process."""
    begins = list(_BEGIN.finditer(text))
    ends = [begin.start() for begin in begins[1:]] + [len(text)]
    return [
        _report(begin, text[begin.start() : end]) for begin, end in zip(begins, ends)
    ]


def _report(begin: re.Match[str], text: str) -> Report:
    # What comes after it and is not the next one.
    text = _END.split(text, maxsplit=1)[0]
    found = begin.groupdict()
    kind = next(found[name] for name in found if name != "place" and found[name])
    stacks = _stacks(text)
    if found["ubsan"] and not stacks:
        stacks = [("", (Frame("?", _below_source(found["place"])),))]
    about = [stack for head, stack in stacks if not _ORIGIN.search(head)]
    chosen = about or [stack for _, stack in stacks]
    return Report(_NUMBER.sub("N", kind.strip()), tuple(chosen), text.strip())


def _stacks(text: str) -> list[tuple[str, tuple[Frame, ...]]]:
    """Return pairs of the line above a stack and its frames."""
    found: list[tuple[str, list[Frame]]] = []
    head, within = "", False
    for line in text.splitlines():
        match = _FRAME.match(line)
        if match is None:
            head, within = line, False
            continue
        if not within or match[1] == "0":
            found.append((head, []))
            within = True
        found[-1][1].append(_frame(match[2]))
    return [(head, _innermost(frames)) for head, frames in found]


def _innermost(frames: list[Frame]) -> tuple[Frame, ...]:
    """Return DEPTH frames of those that the report is about."""
    known = [frame for frame in frames if not frame.file.startswith("libsanitizer/")]
    ours = [frame for frame in known if not _BETWEEN.match(frame.function)]
    return tuple((ours or known or frames)[:DEPTH])


def _frame(text: str) -> Frame:
    # "func ../src/Python/x.c:1:2 (python+0x1)", with <null> for what is not
    # known; or "func (libc.so.6+0x1)" and " (libc.so.6+0x1)".
    module = _MODULE.search(text)
    text = _MODULE.sub("", text)
    match = re.fullmatch(r"(.*) (\S+?)(?::\d+)*", text)
    function, file = match.groups() if match else (text, "<null>")
    if file == "<null>" and module:
        file = module[1].rpartition("/")[2]
    return Frame(function.strip() or "<null>", _below_source(file))


def _below_source(path: str) -> str:
    """Return *path* without what is ahead of the source tree in it, or of ours."""
    return path.removeprefix(f"{layout.ROOT}/").rpartition("/src/")[2]
