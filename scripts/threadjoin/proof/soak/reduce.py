"""Reduce a program that fails to a smaller one that fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from .programs import Node


def reduce(program: Node, fails: Callable[[Node], bool]) -> Node:
    """Return the smallest program found that still fails, as a Node.

    Parameters:
        program: the programs.Node that failed.
        fails: a function that says of a Node whether it fails, having run it
            often enough: a Node that passes is not tried again.
    """
    while True:
        for candidate in smaller(program):
            if fails(candidate):
                program = candidate
                break
        else:
            return program


def smaller(node: Node) -> Iterator[Node]:
    """Yield what *node* can be reduced to in one step, the smallest first."""
    body = node.body
    size = len(body)
    while size:
        for start in range(0, len(body), size):
            rest = body[:start] + body[start + size :]
            # An operation that runs others has at least one.
            if rest or node.name == "program":
                yield replace(node, body=rest)
        size //= 2
    for index, child in enumerate(body):
        before, after = body[:index], body[index + 1 :]
        if child.body:
            # Its body without it. Operations at the end of a process, and forks, may
            # stand further out, too.
            yield replace(node, body=before + child.body + after)
        for one in smaller(child):
            yield replace(node, body=(*before, one, *after))
    for key, value in node.args.items():
        # Counts; not truth values, times in fractions, or seeds.
        if type(value) is int and key not in ("seed", "status") and value > 1:
            for less in sorted({1, value // 2, value - 1}):
                yield replace(node, args={**node.args, key: less})
