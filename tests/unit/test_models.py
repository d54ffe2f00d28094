"""How the functions that models are of are found, and when they have changed."""

import json

import pytest
from threadjoin import models
from threadjoin.errors import Problem

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
