"""The functions that the models describe: found, and seen to have changed."""

import json
import os

import pytest
from threadjoin.core.errors import Problem
from threadjoin.proof import models
from tinycpython import shell_script

C = """\
static int first(int x);

static inline int
first(int x)
{
    if (x) {
        return second(x);
    }
    return 0;
}

void *
second(PyObject *module,
       int y)
{
    first(1);
}
"""

PYTHON = """\
def join(self):
    return 0

class Thread:
    def start(self):
        pass

    def join(self):
        return 1
"""


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "code.c").write_text(C)
    (tmp_path / "code.py").write_text(PYTHON)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "name", "begin", "end"),
    [
        ("code.c", "first", "first(int x)\n{", "return 0;\n}"),
        ("code.c", "second", "second(PyObject", "first(1);\n}"),
        ("code.py", "join", "def join", "return 0"),
        ("code.py", "Thread.join", "def join", "return 1"),
    ],
)
def test_function_text(tree, file, name, begin, end):
    text = models.function_text(tree / file, name)
    assert begin in text
    assert text.endswith(end)
    assert text.count("{\n") <= 2


@pytest.mark.parametrize("file", ["code.c", "code.py"])
def test_no_such_function(tree, file):
    with pytest.raises(Problem, match=rf"{file} has no third\(\)"):
        models.function_text(tree / file, "third")


def test_record_and_change(tree):
    data = tree / "models.json"
    functions = {"code.c": {"first": ""}, "code.py": {"Thread.join": ""}}
    entry = {"of": "patched", "functions": functions, "runs": []}
    data.write_text(json.dumps({"model.pml": entry}))
    trees = {"patched": tree}
    assert models.changed(entry, trees) == ["first", "Thread.join"]
    models.record(trees, data)
    recorded = models.load(data)["model.pml"]
    assert models.changed(recorded, trees) == []
    (tree / "code.py").write_text(PYTHON.replace("return 0", "return 2"))
    assert models.changed(recorded, trees) == []
    (tree / "code.py").write_text(PYTHON.replace("return 1", "return 2"))
    assert models.changed(recorded, trees) == ["Thread.join"]


def test_the_functions_that_a_model_names(tmp_path):
    model = tmp_path / "model.pml"
    model.write_text(
        "/*\n * first() and\n * Thread.join() in a file.c\n */\n"
        "inline helper()\n{\n    skip     /* second(), with third */\n}\n"
    )
    assert models.named(model) == {"first", "Thread.join", "second"}
    functions = {"code.c": {"first": "", "third": ""}, "code.py": {"Thread.join": ""}}
    assert models.unmatched(model, {"functions": functions}) == ["second", "third"]
    functions["code.c"] = {"first": "", "second": ""}
    assert models.unmatched(model, {"functions": functions}) == []


# Output of pan, put together from its messages.
DONE = """\
State-vector 60 byte, depth reached 76, errors: {errors}
     1452 states, stored
   64.101\ttotal actual memory usage
"""
UNFINISHED = "Warning: Search not completed\n"


@pytest.fixture
def spin(tmp_path, monkeypatch):
    """Return a function that has spin generate a checker that prints a text."""
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")

    def generate(text, then="return 0", first=""):
        code = (
            "#include <stdio.h>\n"
            f"int main(void) {{ puts({json.dumps(text)}); {then}; }}"
        )
        (tools / "pan.c").write_text(code)
        shell_script(
            tools / "spin",
            f'{first}\ncase " $* " in *" -a "*) ;; *) echo the story; exit;; esac\n'
            f"cp {tools}/pan.c .",
        )
        return tmp_path / "some.pml"

    return generate


def test_a_search_that_was_completed(spin):
    outcome = models.check(spin(DONE.format(errors=0)))
    assert outcome.holds
    assert (outcome.states, outcome.megabytes, outcome.story) == (1452, 64.101, "")


def test_a_search_that_found_something(spin):
    # It ends there, so it was not completed.
    outcome = models.check(spin(UNFINISHED + DONE.format(errors=1)))
    assert not outcome.holds
    assert outcome.story == "the story\n"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (f"pan: out of memory\n{UNFINISHED}{DONE}", "pan: out of memory"),
        (f"pan: reached -DMEMLIM bound\n{UNFINISHED}{DONE}", "pan: reached -DMEM"),
        (f"error: max search depth too small\n{DONE}", "error: max search depth"),
        (UNFINISHED + DONE, "Search not completed"),
        ("Depth= 101 States= 1e+06", "States= 1e"),
    ],
)
def test_a_search_that_was_not_completed(spin, said, why):
    with pytest.raises(Problem, match=f"some.pml was not checked to its.*{why}"):
        models.check(spin(said.format(errors=0)))


def test_a_checker_that_fails(spin):
    with pytest.raises(Problem, match="pan failed: no such luck"):
        models.check(spin("no such luck", "return 1"))


def test_a_step_that_takes_too_long(spin):
    with pytest.raises(Problem, match=r"spin was stopped after 0.1 s"):
        models.check(spin(DONE, first="exec sleep 600"), patience=0.1)
