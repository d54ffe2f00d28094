"""Reducing a program that fails."""

import pytest
from threadjoin.proof.soak.programs import Node, generate
from threadjoin.proof.soak.reduce import reduce, smaller


def test_to_the_operation_that_fails():
    program = Node(
        "program",
        {"how": "raise", "status": 3},
        (
            Node("batch", {"times": 5}),
            Node("fork", {"running": 4}, (Node("batch"), Node("crowd", {"times": 9}))),
            Node("leave", {"threads": 3}),
        ),
    )

    def fails(candidate):
        return any(
            node.name == "crowd" and node.args["times"] >= 4
            for node in candidate.walk()
        )

    crowd = Node("crowd", {"times": 4})
    assert reduce(program, fails) == Node("program", program.args, (crowd,))


def test_to_two_that_fail_together():
    def fails(candidate):
        return {"fork_loop", "crowd"} <= {node.name for node in candidate.walk()}

    programs = [p for p in map(generate, range(50)) if fails(p)]
    assert programs
    for program in programs:
        names = sorted(node.name for node in reduce(program, fails).walk())
        assert names == ["crowd", "fork_loop", "program"]


def test_a_program_of_which_no_part_fails_stays_whole():
    program = generate(1)
    assert reduce(program, lambda candidate: False) == program


@pytest.mark.parametrize("seed", range(20))
def test_each_step_is_smaller(seed):
    program = generate(seed)

    def size(node):
        numbers = [v for v in node.args.values() if type(v) is int]
        return sum(numbers) + 1 + sum(map(size, node.body))

    for candidate in smaller(program):
        assert size(candidate) < size(program)


def test_seeds_and_statuses_are_not_reduced():
    node = Node("program", {"how": "return", "status": 9}, (Node("x", {"seed": 7}),))
    assert [one.body for one in smaller(node)] == [()]
