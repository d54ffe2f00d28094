"""Random programs: what a seed gives, the operations in them, and the verdict."""

import ast
import json
import re
from collections import Counter

import pytest
import soakops
from threadjoin.proof import soak
from threadjoin.proof.soak.programs import SURFACE, Node, expectation, generate, source

SEEDS = range(300)


@pytest.fixture(scope="module")
def programs():
    return [generate(seed) for seed in SEEDS]


def test_same_seed_same_program(programs):
    assert [generate(seed) for seed in SEEDS] == programs
    assert len({source(program, "") for program in programs}) == len(SEEDS)


def test_a_program_of_a_seed_stays_what_it_is():
    # A seed that somebody has noted is to give the same program later; a change of
    # the surface changes this line, too.
    assert [node.name for node in generate(3).walk()][:4] == [
        "program",
        "parallel",
        "os_destructors",
        "batch",
    ]


def test_all_of_the_surface_is_reached(programs):
    nodes = [node for program in programs for node in program.walk()]
    names = {node.name for node in nodes}
    assert names == {"program", *SURFACE["operations"], *SURFACE["endings"]}
    for table in (SURFACE["operations"], SURFACE["endings"]):
        for name, entry in table.items():
            for key, what in entry["args"].items():
                if isinstance(what, dict):
                    found = {node.args[key] for node in nodes if node.name == name}
                    assert found == set(what["of"]), (name, key)
    ends = {node.args["how"] for node in nodes if node.name in ("program", "process")}
    assert ends == set(SURFACE["ends"]["how"]["of"])


def test_each_name_in_the_surface_exists():
    for table in (SURFACE["operations"], SURFACE["endings"]):
        for name in table:
            assert name in soakops.__all__
            assert callable(getattr(soakops, name))


def test_sources_are_python(programs):
    for program in programs:
        ast.parse(source(program, "a title"))


def below(node, *flags):
    """Yield the Nodes below *node*, each with the names of the nodes around it."""
    for child in node.body:
        yield child, flags
        yield from below(child, *flags, child.name)


#: Operations that signals must not disturb, nor, all but one, other threads.
ALONE = (
    "subinterpreters",
    "interrupted",
    "refused",
    "fork_handlers",
    "fork_subinterpreters",
)


def test_operations_that_must_not_be_nested(programs):
    for program in programs:
        for node, around in below(program):
            if node.name in ALONE:
                assert "signals" not in around or "fork" in around
            if node.name in ALONE and node.name != "interrupted":
                # The size of stacks, for example, is that of all threads of a process.
                within = [name for name in around if name in ("parallel", "fork")]
                assert within[-1:] != ["parallel"]
            if node.name in ("process", "terminated", *SURFACE["endings"]):
                assert set(around) <= {"process"}


def test_operations_for_the_end_come_last(programs):
    # Otherwise a child of a fork would do them, too.
    for program in programs:
        for node in program.walk():
            endings = [child.name in SURFACE["endings"] for child in node.body]
            assert endings == sorted(endings)


PROGRAM = Node(
    "program",
    {"how": "raise", "status": 4},
    (
        Node(
            "process",
            {"how": "SIGINT", "status": 3},
            (Node("leave", {"threads": 2, "how": "Thread", "daemon": False}),),
        ),
        Node(
            "process",
            {"how": "os._exit", "status": 3},
            (Node("chain", {"length": 2, "how": "Thread"}), Node("destructor")),
        ),
        Node("leave", {"threads": 2, "how": "Thread", "daemon": True}),
        Node("callback", {"what": "raise"}),
        Node("destructor"),
    ),
)


def test_expectation():
    expected = expectation(PROGRAM)
    done = ["1.1", "1", "2.1", "2.2", "2", "3", "4", "5"]
    lines = [f"done {number}" for number in done]
    lines += ["1.1 left 0", "1.1 left 1", "4 called"]
    assert expected.lines == Counter(lines)
    assert expected.status == 1
    assert expected.maybe == {"5 refused"}
    assert expected.reports == Counter(
        ["Expected: end", "KeyboardInterrupt", "Expected: 4"]
    )


@pytest.mark.parametrize(
    ("how", "status"),
    [("return", 0), ("sys.exit", 4), ("os._exit", 4), ("SIGTERM", -15)],
)
def test_expected_status(how, status):
    assert expectation(Node("program", {"how": how, "status": 4})).status == status


def test_source_is_for_people():
    text = source(PROGRAM, "seed 1")
    assert text.startswith("# seed 1\nimport soakops as do\n")
    assert "    lambda: do.leave(\"1.1\", threads=2, how='Thread'" in text
    assert text.endswith("do.end('raise', 4)\n")
    assert max(map(len, text.splitlines())) < 120


def test_the_surface_is_plain_data():
    assert json.loads(json.dumps(SURFACE)) == SURFACE
    for name in (*SURFACE["operations"], *SURFACE["endings"]):
        assert re.fullmatch("[a-z_]+", name)
    assert soak.programs.generate(0, SURFACE) == generate(0)
