"""The data of platforms, their builds, the comparison of tests, and the page."""

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from faketests import junit, write_tests
from threadjoin.building import interpreter
from threadjoin.commands import platforms as command
from threadjoin.core import layout
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.host import packages
from threadjoin.proof import pages
from threadjoin.proof.platforms import builds, data, results, runs
from threadjoin.proof.regrtest import runner
from threadjoin.source import origin
from tinycpython import shell_script, write

PLATFORM = data.Platform(
    "tiny",
    "a tiny one",
    "my-cc -m1",
    tests=("test_a", "test_b"),
    ours=("tests/integration/test_x.py",),
    left_out={},
    known={},
)

CONFIGURE = """\
#!/bin/sh
echo "$CC $*" >>configured
mkdir Modules
printf '*static*\\na a.c\\n\\n*shared*\\nb b.c\\n' >Modules/Setup.stdlib
echo '# local' >Modules/Setup.local
printf 'all:\\n\\tsh ../src/make.sh\\n' >Makefile
"""

MAKE = """\
echo made >>made
[ -e object ] || echo "a.c:1:2: warning: old"
[ -e object ] || echo "$PWD/../src/b.c:5: warning: old"
[ -e object ] || ! [ -e ../src/Python/new/event.c ] || echo "a.c:3:4: warning: new"
touch object
cp ../src/python python
"""


def test_the_platforms_are_complete():
    found = data.load()
    assert {"musl", "i686", "arm64", "armhf", "clang", "shared"} <= found.keys()
    for name, one in found.items():
        assert one.name == name and one.summary and one.configure
        words = {"here": data.HERE, "native": "/n", "objects": "/o"}
        assert all(word.format(**words) for word in (one.compiler, *one.configure))
        assert bool(one.commands) == bool(one.packages)
        assert bool(one.emulator) == bool(one.root) == (one.slowness > 1)
        assert not one.emulator or one.emulator in one.commands
        assert all((layout.ROOT / file).is_file() for file in one.ours)
        assert all(one.left_out.values()) and all(one.known.values())


def test_values_for_all_platforms_and_for_one(tmp_path):
    path = tmp_path / "platforms.json"
    entry = {"summary": "s", "compiler": "cc", "configure": ["-a"]}
    content = {
        "tests": ["test_a", "test_b"],
        "ours": ["tests/x.py"],
        "left_out": {"test_b": "it hangs"},
        "known": {},
        "platforms": {
            "one": entry,
            "two": {**entry, "left_out": {"tests/x.py": "why", "test_c*": "why"}},
            "three": {**entry, "known": {"test_a::x": "as on stock"}},
        },
    }
    path.write_text(json.dumps(content))
    one, two, three = data.load(path).values()
    assert (one.units, one.files, one.ignored) == (["test_a"], ["tests/x.py"], [])
    assert (two.units, two.files, two.ignored) == (["test_a"], [], ["test_c*"])
    assert two.left_out.keys() == {"test_b", "tests/x.py", "test_c*"}
    assert one.reason("test_a::x.y") is None
    assert three.reason("test_a::x.y") == "as on stock"


@pytest.fixture
def build(tmp_path, cpython, series, program, monkeypatch):
    """Return a function that builds a platform, with stand-ins for all tools."""
    program("my-cc", "echo my-cc 1.0")
    monkeypatch.setattr(packages, "missing", lambda: [])
    monkeypatch.delenv("CC", raising=False)
    home = tmp_path / "home"
    home.mkdir()

    def run(platform=PLATFORM, make=MAKE):
        python = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
        files = {"configure": CONFIGURE, "python": python}
        write(cpython, {**files, "make.sh": make})
        quiet = Progress(io.StringIO())
        source = origin.given(str(cpython))
        return builds.build(platform, series, source, home, quiet)

    return run


def objects(built, kind="patched"):
    return built.interpreters[kind].objects


def test_both_are_built_with_the_compiler_of_the_platform(build, monkeypatch):
    monkeypatch.setenv("CC", "another")
    built = build(replace(PLATFORM, configure=("--x={objects}",)))
    for kind in ("stock", "patched"):
        place = objects(built, kind)
        said = (place / "configured").read_text()
        assert said == f"my-cc -m1 --x={place} CC=my-cc -m1\n"
        assert built.interpreters[kind].python.exists()
    assert (built.compiler, built.emulator) == ("my-cc 1.0", "")
    assert os.environ["CC"] == "another"


def test_a_warning_that_stock_lacks_is_found_again_without_compiling(build):
    # A source that is a directory may have changed, so all of it is compiled again.
    assert build().warnings == ("a.c: warning: new",)
    assert build().warnings == ("a.c: warning: new",)


def test_a_failed_compile_is_a_problem(build):
    with pytest.raises(Problem, match="compile .stock. failed with status 2; see "):
        build(make="exit 1")
    assert "CC" not in os.environ


def test_the_modules_are_in_the_interpreter(build):
    built = build(replace(PLATFORM, builtin=True))
    local = objects(built) / "Modules" / "Setup.local"
    assert local.read_text() == "*static*\na a.c\n\n"


def test_a_build_for_another_processor_needs_one_for_this(build, monkeypatch):
    monkeypatch.setattr(interpreter, "BUILD", layout.ROOT / "none")
    monkeypatch.setattr(
        builds.interpreter, "built", lambda kind: layout.ROOT / "none" / kind
    )
    platform = replace(PLATFORM, configure=("--with-build-python={native}",))
    with pytest.raises(Problem, match="none/stock; run `./build.sh --no-test`$"):
        build(platform)


@pytest.mark.skipif(not packages.compiler(), reason="no C compiler on this machine")
def test_an_emulator_is_put_in_front(build, program, tmp_path):
    program("my-emulator", 'echo "$@"')
    platform = replace(PLATFORM, emulator="my-emulator", root="/root of it")
    built = build(platform)
    start = built.interpreters["patched"].python
    assert start.name == "emulated"
    python = start.with_name("python")
    # Also by another name, from another directory.
    link = tmp_path / "link"
    link.symlink_to(start)
    for path in (start, link):
        done = subprocess.run(
            [path, "-c", "x  y"], capture_output=True, text=True, check=True
        )
        assert done.stdout == f"-L /root of it -0 {start} {python} -c x  y\n"
    assert built.emulator == "--version"


@pytest.fixture
def built(tmp_path, program):
    """Return a function that makes a builds.Built of two files of tests."""

    def make(stock="", patched="", warnings=()):
        made = {}
        for kind, script in (("stock", stock), ("patched", patched)):
            place = write_tests(
                tmp_path / f"{kind}-tests", {"test_a": script, "test_b": ""}
            )
            variant = interpreter.Variant("", ())
            one = interpreter.Interpreter(kind, tmp_path / "home", variant)
            path = place["PYTHONPATH"]
            shell_script(one.python, f'PYTHONPATH={path} exec {sys.executable} "$@"')
            made[kind] = one
        return builds.Built(made, tuple(warnings), "my-cc 1.0", "")

    return make


TEST = "test.t.C.b"
CASE = f'<testcase name="{TEST}" />'
BAD = f'<testcase name="{TEST}"><failure>x</failure></testcase>'
GOOD_RACE = {"stock": "race", "patched": "no race"}
FACTS = {"machine": "m", "bits": 32, "order": "big", "threads": "pthread 1"}


@pytest.fixture
def outcome(built, tmp_path):
    """Return a function that measures a platform of made up tests."""

    def run(stock="", patched="", ours=None, race=None, known=(), **rest):
        made = built(stock, patched, **rest)
        platform = replace(PLATFORM, known=dict(known))
        result = runs.compare(
            platform, made, ["test_a"], tmp_path, Progress(io.StringIO()), 1, 4
        )
        return results.Outcome.of(
            platform,
            made,
            FACTS,
            result,
            ours or {"tests/x.py::t": "passed"},
            race or GOOD_RACE,
            {"test_a::gone": "its subject is gone"},
        )

    return run


BROKEN = "sys.exit(2)"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, []),
        ({"stock": BROKEN, "patched": BROKEN}, []),
        ({"stock": BROKEN}, []),
        ({"patched": BROKEN}, ["test_a: passed on stock, failed on patched; again"]),
        ({"patched": junit(BAD)}, [f"test_a::{TEST}: fails, and only patched has it"]),
        ({"stock": junit(CASE)}, [f"test_a::{TEST}: only stock has it"]),
        ({"stock": junit(CASE.replace(TEST, "gone"))}, []),
        ({"ours": {"tests/x.py::t": "failed"}}, ["tests/x.py::t: fails"]),
        ({"ours": {"tests/x.py::t": "skipped"}}, []),
        (
            {"race": {"stock": "race", "patched": "race"}},
            ["the reproducer: says of patched: race"],
        ),
        ({"warnings": ["a.c: warning: new"]}, ["patched only: a.c: warning: new"]),
    ],
)
def test_the_differences_that_count_against_the_series(outcome, given, wrong):
    found = outcome(**given).wrong
    assert [line.startswith(said) for line, said in zip(found, wrong)] == [True] * len(
        wrong
    )
    assert len(found) == len(wrong)


def test_known_differences_are_listed_and_do_not_count(outcome):
    ours = dict.fromkeys(("tests/x.py::t[1]", "tests/x.py::t[2]"), "failed")
    one = outcome(ours=ours, known={"tests/x.py": "the libc cannot"})
    assert one.wrong == []
    assert one.known == ["2 excused (the libc cannot): t"]
    one = outcome(BROKEN, BROKEN, known={"test_a": "no fork here"})
    assert one.known == ["fails on both: test_a (no fork here)"]


def test_a_difference_that_does_not_stand_is_flaky(outcome, tmp_path):
    mark = tmp_path / "mark"
    once = f"m = {str(mark)!r}\nif not os.path.exists(m): open(m, 'w'); sys.exit(2)\n"
    one = outcome(patched=once)
    assert one.wrong == []
    assert one.known[0].startswith("flaky: test_a: passed on stock, failed on patched")


def test_excluded_patterns_reach_the_tests(built, tmp_path):
    script = "print('-i', 'test_c*'); assert arguments[-3:-1] == ['-i', 'test_c*']"
    platform = replace(PLATFORM, left_out={"test_c*": "why", "test_b": "why"})
    result = runs.compare(
        platform,
        built(script, script),
        platform.units,
        tmp_path,
        Progress(io.StringIO()),
        1,
        4,
    )
    assert result.files["patched"] == {"passed": 1}


def test_the_projects_tests_get_both_interpreters(built, tmp_path, monkeypatch):
    venv = tmp_path / "venv"
    pytest_ = venv / "bin" / "python"
    pytest_.parent.mkdir(parents=True)
    pytest_.write_text(
        "#!/bin/sh\n"
        "for word; do case $word in --junit-xml=*) report=${word#*=};; esac; done\n"
        'env | grep -E "^(THREADJOIN|CC=|TMPDIR)"; echo "$@"\n'
        f"echo '<s>{CASE}{BAD.replace('.b', '.bad')}</s>' >$report; exit $STATUS\n"
    )
    pytest_.chmod(0o755)
    monkeypatch.setattr(runner.devenv, "VENV", venv)
    platform = replace(PLATFORM, compiler="{here}/cc -m1", slowness=3)
    made = built()

    def outcomes(status):
        monkeypatch.setenv("STATUS", str(status))
        return runs.joins(platform, made, platform.ours, tmp_path)

    name = platform.ours[0]
    both = {f"{name}::{TEST}": "passed", f"{name}::{TEST}ad": "failed"}
    assert outcomes(1) == both
    assert outcomes(0) == both
    # The report was cut off: some tests are missing from it.
    assert outcomes(3) == {**both, name: "failed"}
    said = (tmp_path / "tests/ours/tests_integration_test_x.py.log").read_text()
    assert f"THREADJOIN_STOCK={made.interpreters['stock'].python}\n" in said
    assert f"THREADJOIN_PATCHED={made.interpreters['patched'].python}\n" in said
    assert f"CC={data.HERE}/cc -m1\n" in said
    assert "THREADJOIN_PATIENCE=120\n" in said


def test_no_report_is_a_failure(built, tmp_path, monkeypatch):
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(shutil.which("true"))
    monkeypatch.setattr(runner.devenv, "VENV", venv)
    name = PLATFORM.ours[0]
    assert runs.joins(PLATFORM, built(), [name], tmp_path) == {name: "failed"}


def test_an_interpreter_names_its_platform():
    found = runs.facts(sys.executable)
    assert found["bits"] in (32, 64) and found["order"] in ("little", "big")
    assert found["threads"].startswith("pthread")


@pytest.fixture
def measure(built, monkeypatch, tmp_path):
    """Return a function that runs the command on platforms that are made up."""
    some = {n: replace(PLATFORM, name=n, known={}) for n in ("x", "y")}
    monkeypatch.setattr(data, "load", lambda: some)
    monkeypatch.setattr(results, "HOME", tmp_path / "h")
    monkeypatch.setattr(runner.devenv, "ensure", lambda progress: None)
    monkeypatch.setattr(command.origin, "release", lambda series, log: None)
    monkeypatch.setattr(runs, "joins", lambda *rest: {"tests/x.py::t": "passed"})
    monkeypatch.setattr(runs, "race", lambda built: GOOD_RACE)
    monkeypatch.setattr(runner, "available", lambda python: ["test_a", "test_b"])
    # By this clock files take no time, even on a busy machine.
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: 1))

    def run(stock, patched, *argv):
        monkeypatch.setattr(builds, "build", lambda *rest: built(stock, patched))
        return command.main([*map(str, argv), "--jobs", "1"])

    return run


def test_the_page_has_what_was_run_one_after_another(measure, tmp_path, capsys):
    page = tmp_path / "page.md"
    with pytest.raises(Problem, match="nothing has been run yet; name a platform"):
        measure("", "", "--table", page)
    assert measure(junit(CASE), junit(CASE), "x") == 0
    assert "x: patched: 1 passed; no race; in 0 s\n" in capsys.readouterr().out
    assert measure("", BROKEN, "y", "--table", page) == 1
    # A result of a part of the tests is not kept.
    measure("", BROKEN, "x", "--test", "test_a")
    text = page.read_text()
    assert text.startswith("# Platforms\n") and pages.measured()[0] in text
    assert (
        "\n| `x` | 1 passed | 1 passed | 1 passed | race | no race | nothing |" in text
    )
    assert "\n- `y`, **held against the series**: test_a: passed on stock, f" in text
    measure("", "", "--table", page)
    assert page.read_text() == text
    measure("", "", "--all", "--table", page)
    assert "held against" not in page.read_text().partition("## What")[2]


def test_a_result_of_an_older_version_is_refused(measure, tmp_path):
    measure("", "", "x")
    (tmp_path / "h" / "x" / "result.json").write_text('{"name": "x"}')
    with pytest.raises(Problem, match="x/result.json is too old; run x again"):
        measure("", "", "--table", tmp_path / "page.md")


def test_it_may_only_build(measure, capsys, tmp_path):
    assert measure(BROKEN, BROKEN, "x", "--no-test") == 0
    assert not (tmp_path / "h" / "x" / "result.json").exists()


def test_an_unknown_test_is_refused(measure):
    with pytest.raises(Problem, match="has no test_nosuch; "):
        measure("", "", "x", "--test", "test_nosuch")
