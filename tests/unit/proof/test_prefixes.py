"""Each prefix of a series is built and tested, with stand-ins for the tools."""

import io
import sys

import pytest
from faketests import write_tests
from threadjoin.building import interpreter
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.host import packages
from threadjoin.proof import prefixes
from threadjoin.source import origin
from tinycpython import write

VARIANT = interpreter.Variant("", ())

CONFIGURE = """\
#!/bin/sh
printf 'all:\\n\\tsh ../src/make.sh\\n' >Makefile
"""

#: A stand-in for make: if a file has changed, it prints a warning that the release has,
#: too, with another line number each time.
MAKE = """\
if ! cmp -s object ../src/Python/pystate.c; then
    echo "Python/pystate.c:$(wc -c <../src/Lib/threading.py):4: warning: old"
    cp ../src/Python/pystate.c object
fi
cp ../src/python python
"""

#: Conditions: the first patch is in the source, and the second one is.
FIRST = "[ -e ../src/Python/new/event.c ]"
SECOND = "grep -q hook ../src/Python/pystate.c"


@pytest.fixture(autouse=True)
def system(monkeypatch):
    monkeypatch.setattr(packages, "compiler", lambda: ["cc"])
    monkeypatch.setattr(packages, "missing", lambda: [])


@pytest.fixture
def prove(tmp_path, cpython, series):
    """Return a function that builds and tests the prefixes of the series.

    Its arguments are what `make` and the tests do, how often the release is built
    before that, and the lengths of the prefixes.
    """

    def run(make="", test="", begun=0, lengths=None, units=("test_a", "test_b")):
        place = write_tests(tmp_path / "tests", {"test_a": test, "test_b": ""})
        python = f'PYTHONPATH={place["PYTHONPATH"]} exec {sys.executable} "$@"\n'
        files = {"configure": CONFIGURE, "python": "#!/bin/sh\n" + python}
        write(cpython, {**files, "make.sh": MAKE + make + "\n"})
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        source = origin.given(str(cpython))
        builder = prefixes.Builder(series, source, home, 1, VARIANT)
        for _ in range(begun):
            builder.begin()
        quiet = Progress(io.StringIO())
        steps = prefixes.prove(builder, series, units, quiet, lengths)
        assert builder.version == "3.11.2"
        return steps

    return run


def reported(steps):
    out = io.StringIO()
    error = None
    try:
        prefixes.report(steps, Progress(out), "3.11.2")
    except Problem as exc:
        error = str(exc)
    head, *rows = out.getvalue().splitlines()
    assert head.startswith("CPython 3.11.2 ")
    return rows, error


def test_each_prefix_is_built_and_tested(prove):
    rows, error = reported(prove(make=f"{SECOND} && ! {FIRST} && exit 1; :"))
    assert [row.split() for row in rows] == [
        ["0001-event.patch", "yes", "0", "passed"],
        ["0002-hook.patch", "yes", "0", "passed"],
    ]
    assert error is None


def test_a_prefix_that_does_not_compile_is_named_and_the_next_one_built(prove):
    fails = "{ echo x.c:1: error: no; exit 1; }"
    steps = prove(make=f"{FIRST} && ! {SECOND} && {fails}; :")
    rows, error = reported(steps)
    assert [row.split()[1:] for row in rows] == [
        ["no", "0", "not", "run"],
        ["yes", "0", "passed"],
    ]
    assert error == f"0001-event.patch does not compile, see {steps[0].log}"
    assert "x.c:1: error: no" in steps[0].log.read_text()


def test_a_warning_that_the_release_lacks_is_told(prove):
    steps = prove(make=f"{FIRST} && echo 'a.c:7:1: warning: unused'; :")
    assert steps[0].warnings == ("a.c: warning: unused",)
    assert reported(steps)[1].startswith("0001-event.patch: a.c: warning: unused; 0002")


def test_a_test_that_fails_in_one_prefix(prove, tmp_path):
    source = tmp_path / "home" / "patched" / "src" / "Python" / "pystate.c"
    steps = prove(test=f"sys.exit(2 * ('hook' not in open({str(source)!r}).read()))")
    assert [step.failed for step in steps] == [("test_a",), ()]
    rows, error = reported(steps)
    assert rows[0].split()[1:] == ["yes", "0", "FAILED"]
    assert error == "0001-event.patch: test_a failed"


def test_a_file_of_tests_that_a_later_patch_adds(prove):
    steps = prove(units=["test_a", "test_later"])
    assert [step.failed for step in steps] == [(), ()]


def test_a_run_after_an_interrupted_one_compiles_everything_again(prove):
    # Otherwise warnings of the release would count against the patch.
    assert [step.warnings for step in prove(begun=1)] == [(), ()]


def test_a_release_that_does_not_compile_is_no_step(prove):
    with pytest.raises(Problem, match="compile .patched. failed with status 2"):
        prove(make="exit 1")


def test_prefixes_are_chosen_by_number(series):
    def select(*only, start=None):
        return prefixes.select(series, only, start)

    assert select() == select(start="0001") == [1, 2]
    assert select(start="2") == select("0002-hook.patch") == select("0002-hook") == [2]
    assert select("2", "0001", "2") == [1, 2]
    with pytest.raises(Problem, match="3.11 has no patch '3'; it has 0001, 0002"):
        select("3")
    with pytest.raises(Problem, match="3.11 has no patch 'hook'"):
        select(start="hook")


def test_only_the_chosen_are_built(prove):
    steps = prove(make=f"{FIRST} && ! {SECOND} && exit 1; :", lengths=[2])
    assert [(step.name, step.sound) for step in steps] == [("0002-hook.patch", True)]
