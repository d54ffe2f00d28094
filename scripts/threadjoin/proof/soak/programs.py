"""Make random programs over threads and processes from a seed, as data.

A program is a tree of operations, a Node each. surface.json lists the operations,
with their arguments and where they may stand; their code is in soakops. The result of
a program is known in advance.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from . import libraries

SURFACE = json.loads((libraries.HOME / "surface.json").read_text())


@dataclass(frozen=True)
class Node:
    """An operation of a program; or, with the name "program", all of it."""

    name: str
    args: dict[str, Any] = field(default_factory=dict)
    body: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """Yield this Node and all below it."""
        yield self
        for child in self.body:
            yield from child.walk()


@dataclass(frozen=True)
class Expectation:
    """The result that a program has to have."""

    status: int  # the exit status, negative for a signal
    lines: Counter[str]  # on stdout
    maybe: frozenset[str]  # lines that may be there as well
    reports: Counter[str]  # on stderr: how often which exception is shown


def generate(seed: int, surface: Any = SURFACE) -> Node:
    """Return the program of *seed*, an int: always the same Node.

    Parameters:
        surface: the content of surface.json.
    """
    return _Maker(random.Random(seed), surface).program()


class _Maker:
    def __init__(self, chance: random.Random, surface: Any) -> None:
        self._chance = chance
        self._surface = surface

    def program(self) -> Node:
        flags = frozenset(["main", "alone", "quiet", "end"])
        return self._process("program", flags, self._surface["depth"])

    def _process(self, name: str, flags: frozenset[str], depth: int) -> Node:
        """Return a Node whose body is a process, with the operations at its end."""
        body = self._operations(name, flags, depth)
        endings = self._surface["endings"]
        count = self._chance.choice([0, 0, 1, 2, 3])
        body += tuple(self._leaf(one, endings) for one in self._pick(endings, count))
        args = {key: self._value(self._surface["ends"][key]) for key in _END}
        return Node(name, args, body)

    def _operations(
        self, name: str, flags: frozenset[str], depth: int
    ) -> tuple[Node, ...]:
        """Return the Nodes of the body of *name*, where *flags* hold."""
        table = {
            key: entry
            for key, entry in self._surface["operations"].items()
            if flags >= set(entry.get("needs", ()))
            and (depth > 1 or key not in self._surface["lengths"])
        }
        count = self._value(self._surface["lengths"][name])
        return tuple(
            self._operation(key, table[key], flags, depth)
            for key in self._pick(table, count)
        )

    def _operation(
        self, name: str, entry: Any, flags: frozenset[str], depth: int
    ) -> Node:
        inner = flags - set(entry.get("takes", ())) | set(entry.get("gives", ()))
        if entry.get("ends"):
            return self._process(name, inner, depth - 1)
        node = self._leaf(name, {name: entry})
        if name not in self._surface["lengths"]:
            return node
        return replace(node, body=self._operations(name, inner, depth - 1))

    def _leaf(self, name: str, table: Mapping[str, Any]) -> Node:
        args = {key: self._value(what) for key, what in table[name]["args"].items()}
        return Node(name, args)

    def _pick(self, table: Mapping[str, Any], count: int) -> list[str]:
        weights = [entry["weight"] for entry in table.values()]
        return self._chance.choices(list(table), weights, k=count)

    def _value(self, what: Any) -> Any:
        if isinstance(what, dict):
            return self._chance.choice(what["of"])
        return self._chance.randint(*what)


#: The arguments that say how a process ends.
_END = ("how", "status")


def numbered(node: Node, number: str = "") -> list[tuple[str, Node]]:
    """Return pairs of a number ("2.1") and a Node, for the body of *node*."""
    return [
        (f"{number}.{index}" if number else str(index), child)
        for index, child in enumerate(node.body, 1)
    ]


def source(program: Node, title: str) -> str:
    """Return *program* as the text of a Python program.

    Parameters:
        title: what its first line says, a comment.
    """
    lines = [f"# {title}", "import soakops as do", "", "do.begin()"]
    for number, child in numbered(program):
        text = _call(number, child)
        lines += [f"{text[0]}", *text[1:]]
    arguments = ", ".join(repr(program.args[key]) for key in _END)
    return "\n".join([*lines, f"do.end({arguments})", ""])


def _call(number: str, node: Node) -> list[str]:
    """Return the lines of the call that *node* is."""
    args = "".join(f", {key}={value!r}" for key, value in node.args.items())
    if not node.body and node.name not in SURFACE["lengths"]:
        return [f'do.{node.name}("{number}"{args})']
    lines = [f'do.{node.name}("{number}"{args}, body=[']
    for inner, child in numbered(node, number):
        first, *rest = _call(inner, child)
        block = [f"    lambda: {first}", *(f"    {line}" for line in rest)]
        block[-1] += ","
        lines += block
    return [*lines, "])"]


def expectation(program: Node, surface: Any = SURFACE) -> Expectation:
    """Return the Expectation of *program*."""
    expected = _Expected(surface)
    expected.process(program, "")
    how, status = (program.args[key] for key in _END)
    fixed = {"raise": 1, "SIGTERM": -15, "SIGINT": -2}
    return Expectation(
        0 if how == "return" else fixed.get(how, status),
        expected.lines,
        frozenset(expected.maybe),
        expected.reports,
    )


class _Expected:
    def __init__(self, surface: Any) -> None:
        self._surface = surface
        self.lines: Counter[str] = Counter()
        self.maybe: set[str] = set()
        self.reports: Counter[str] = Counter()

    def process(self, node: Node, number: str) -> None:
        how = node.args["how"]
        if how == "raise":
            self.reports["Expected: end"] += 1
        if how == "SIGINT":
            self.reports["KeyboardInterrupt"] += 1
        cut_short = how in self._surface["ends"]["cut short"]
        for inner, child in numbered(node, number):
            self._node(inner, child, cut_short)

    def _node(self, number: str, node: Node, cut_short: bool) -> None:
        self.lines[f"done {number}"] += 1
        if node.name == "process":
            self.process(node, number)
            return
        for inner, child in numbered(node, number):
            self._node(inner, child, cut_short)
        if node.name in self._surface["endings"] and not cut_short:
            self._ending(number, node)

    def _ending(self, number: str, node: Node) -> None:
        entry = self._surface["endings"][node.name]
        if "maybe" in entry:
            self.maybe.add(f"{number} {entry['maybe']}")
        lines = entry.get("lines")
        if lines and not node.args.get(lines.get("unless")):
            first = lines.get("from", 0)
            for index in range(node.args.get(lines.get("each"), 1)):
                text = lines["text"].format(first + index)
                self.lines[f"{number} {text}"] += 1
        what = node.args.get("what")
        if what == "raise":
            self.reports[f"Expected: {number}"] += 1
        if what == "leave":
            self.lines[f"{number} left"] += 1
