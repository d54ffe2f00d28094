"""scripts/downstream: the suites that it runs, its output and its exit status."""

import io
import sys

import pytest
from threadjoin.commands import downstream
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.proof.compare import differences
from threadjoin.proof.downstream import compared
from threadjoin.proof.downstream.data import Library, Suite
from threadjoin.proof.downstream.results import Result
from tinycpython import write

GOOD = {"stock": {"passed": 3}, "patched": {"passed": 3}}


def library(name, *suites):
    return Library(name, (), suites or (Suite("programs", "program", ("a.py *",)),))


class FakeComparison:
    """Has made-up results of two libraries."""

    def __init__(self, stock, patched, progress, repeat, ci, collection):
        FakeComparison.collection = collection

    def of(self, library, again):
        return [self.results[library.name]]

    def page(self, libraries):
        return " ".join(library.name for library in libraries)


def result(name, outcome="passed", counts=GOOD):
    found = differences({"t": "passed"}, {"t": outcome})
    for difference in found:
        for _ in range(4):
            difference.add({"stock": "passed", "patched": outcome})
    return Result(name, "1.0", "programs", 1, "", counts, {}, found)


@pytest.fixture
def command(monkeypatch, capsys):
    """Return a function that runs the command; returns its status and its output."""
    libraries = {"a": library("a"), "b": library("b")}
    monkeypatch.setattr(compared.data, "load", lambda path: libraries)
    monkeypatch.setattr(compared.data, "pinned", lambda *_: {"a": "1.0", "b": "2.0"})
    monkeypatch.setattr(compared, "Comparison", FakeComparison)

    def run(*argv, results=()):
        results = results or [result("a"), result("b")]
        FakeComparison.results = {r.library: r for r in results}
        return downstream.main(list(argv)), capsys.readouterr().out

    return run


def test_the_list_has_versions(command):
    assert command("--list") == (0, "a 1.0: programs\nb 2.0: programs\n")


def test_all_libraries_are_run(command):
    status, out = command("/one", "/two")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["library", "a", "b"]


def test_only_those_that_are_named_are_run(command):
    status, out = command("/one", "/two", "b")
    assert [line.split()[0] for line in out.splitlines()] == ["library", "b"]


def test_an_unknown_library_is_refused_at_once(command, monkeypatch):
    monkeypatch.setattr(compared, "Comparison", None)
    with pytest.raises(Problem, match="no library called nolib; there is: a, b"):
        command("/one", "/two", "nolib")


def test_a_test_that_regressed_is_a_failure(command):
    status, out = command("/one", "/two", "a", results=[result("a", "failed")])
    assert status == 1
    assert "worse on patched: a, programs: t: passed on stock, failed" in out


def test_a_suite_of_which_nothing_passes_is_a_problem(command):
    idle = result("a", counts={"stock": {"failed": 1}, "patched": {"failed": 1}})
    with pytest.raises(Problem, match="no test passes on /one: a, programs; see the"):
        command("/one", "/two", "a", results=[idle])


def test_the_table_is_of_all_libraries(command, tmp_path):
    command("--table", str(tmp_path / "page.md"), "/one", "/two", "a")
    assert (tmp_path / "page.md").read_text() == "a b"


@pytest.mark.parametrize("option", ["", "--embedders"])
def test_embedders_are_a_collection_of_their_own(command, option):
    command(*filter(None, [option]), "/one", "/two")
    assert FakeComparison.collection.option == option


def test_a_missing_program_is_named_at_once(command, monkeypatch):
    monkeypatch.setattr(compared, "Comparison", None)
    lacking = Library("a", (), (), needs=("sh", "no-such-command"))
    monkeypatch.setattr(compared.data, "load", lambda path: {"a": lacking})
    with pytest.raises(Problem, match="a needs no-such-command, which is not there;"):
        command("/one", "/two")


def test_no_survey_without_wheels(command, tmp_path, monkeypatch):
    monkeypatch.setattr(compared.environments, "HOME", tmp_path)
    with pytest.raises(Problem, match="no wheels are here yet; run scripts/downstr"):
        command("--names", str(tmp_path / "names.md"))


@pytest.fixture
def comparison(tmp_path, monkeypatch):
    """Return a function that makes a Comparison of this Python with itself."""
    monkeypatch.setattr(compared.devenv, "ensure", lambda progress: None)
    monkeypatch.setattr(compared.data, "pinned", lambda path: {"a": "1.0"})
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setattr(compared.data, "PROGRAMS", programs)
    # A stand-in for a program of tests: on patched, `bad` fails.
    (programs / "a.py").write_text(
        "import sys\n"
        "if '--list' in sys.argv: sys.exit(print('good\\nbad\\nci'))\n"
        "sys.exit(sys.argv[1] == 'bad' and 'patched' in sys.executable)\n"
    )

    def provide(self, library):
        paths = {role: tmp_path / role / "python" for role in compared.KINDS}
        for path in paths.values():
            write(path.parent, {path.name: f"#!{sys.executable}\n{WRAPPER}"})
        return paths

    monkeypatch.setattr(compared.environments.Environments, "provide", provide)

    def make(**options):
        quiet = Progress(io.StringIO(), live=False)
        ours = sys.executable
        return compared.Comparison(ours, ours, quiet, home=tmp_path / "h", **options)

    return make


#: A stand-in for an interpreter, which runs the script that it is given.
WRAPPER = """\
import runpy, sys
sys.executable = sys.argv[0]
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_difference_is_found_and_repeated(comparison):
    (found,) = comparison().of(library("a"))
    assert found.counts == {
        "stock": {"passed": 3},
        "patched": {"passed": 2, "failed": 1},
    }
    (worse,) = found.of("worse")
    assert worse.test == "a.py bad"
    assert worse.good == {"stock": 4, "patched": 0}


def test_known_results_are_not_measured_again(comparison, monkeypatch):
    found = comparison().of(library("a"))
    monkeypatch.setattr(compared.run.Place, "run", None)
    assert comparison().of(library("a")) == found
    with pytest.raises(TypeError):
        comparison().of(library("a"), again=True)


def test_ci_runs_its_units_only(comparison):
    suite = Suite("programs", "program", ("a.py *",), ci=("a.py good", "a.py ci"))
    other = Suite("others", "program", ("a.py *",))
    (found,) = comparison(ci=True).of(library("a", suite, other))
    assert found.counts["stock"] == {"passed": 2}


def test_a_suite_without_tests_is_a_problem(comparison):
    suite = Suite("programs", "program", ())
    with pytest.raises(Problem, match="the suite programs has no tests; see its data"):
        comparison().of(library("a", suite))


def test_the_page_names_what_was_not_run(comparison):
    ours = comparison()
    ours.of(library("a"))
    page = ours.page([library("a"), library("b")])
    assert "| a | 1.0 | programs | 3 / 0 / 0 | 2 / 1 / 0 | 1 worse |" in page
    assert page.endswith("## Not run\n\n- b\n")


def test_a_suite_without_a_distribution_has_no_version(comparison):
    ours = Library("gdb", (), library("a").suites, distribution=False)
    (found,) = comparison().of(ours)
    assert found.version == ""


def test_embedders_are_made_in_a_directory_of_their_own(comparison, tmp_path):
    comparison(collection=compared.data.EMBEDDERS_COLLECTION).of(library("a"))
    assert [path.name for path in (tmp_path / "h").iterdir()] == ["embedders"]
