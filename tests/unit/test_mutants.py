"""How bugs are planted in a copy of a build, looked for, and taken out again."""

import json
from types import SimpleNamespace

import pytest
from threadjoin import layout, mutants, process
from threadjoin.errors import Problem
from threadjoin.mutants import Edit, Mutant

NOTIFY = Mutant("no-notify", "Nobody is told", (Edit("a.c", "notify();", ""),), ("t",))


@pytest.fixture
def pristine(tmp_path):
    """A build as scripts/build leaves it, as far as it is looked at."""
    home = tmp_path / "debug" / "patched"
    for name in ("src", "obj"):
        (home / name).mkdir(parents=True)
    (home / "src" / "a.c").write_text("set();\nnotify();\n")
    (home / "obj" / "python").write_text("pristine")
    return SimpleNamespace(
        source=home / "src", objects=home / "obj", python=home / "obj" / "python"
    )


@pytest.fixture
def place(tmp_path, pristine, monkeypatch):
    """A Workplace whose make and pytest are functions: place.made, place.status."""
    place = mutants.Workplace(tmp_path / "work", pristine, ["python"])
    copy = tmp_path / "work" / "patched"
    made = []

    def compile(self, jobs, arguments=()):
        assert "python" in arguments
        made.append((self.source / "a.c").read_text())
        self.python.write_text("mutant")

    def status(argv, log, **options):
        assert (copy / "obj" / "python").read_text() == "mutant"
        assert options["env"]["THREADJOIN_PATCHED"] == str(copy / "obj" / "python")
        return place.status

    monkeypatch.setattr(mutants.interpreter.Interpreter, "compile", compile)
    monkeypatch.setattr(process, "status", status)
    place.made, place.status, place.copy = made, mutants.FAILED, copy
    place.prepare([NOTIFY])
    return place


def test_planted(pristine):
    assert mutants.planted(pristine.source, NOTIFY) == {"a.c": "set();\n\n"}


def test_several_edits_of_one_file(pristine):
    edits = (Edit("a.c", "set();", ""), Edit("a.c", "notify();", "set();"))
    mutant = Mutant("swapped", "", edits, ())
    assert mutants.planted(pristine.source, mutant) == {"a.c": "\nset();\n"}
    assert mutant.files() == ["a.c"]


@pytest.mark.parametrize(("text", "times"), [("", 0), ("notify();notify();", 2)])
def test_a_bug_that_does_not_apply_any_more(pristine, text, times):
    (pristine.source / "a.c").write_text(text)
    with pytest.raises(Problem, match=rf"no-notify .*a\.c .*{times} times"):
        mutants.planted(pristine.source, NOTIFY)


def test_load(tmp_path):
    data = tmp_path / "mutants.json"
    edit = {"file": "a.c", "old": ["one", "two"], "new": ""}
    entry = {"name": "a", "plants": "b", "edits": [edit], "tests": ["t"], "ci": False}
    data.write_text(json.dumps([entry]))
    edits = (Edit("a.c", "one\ntwo", ""),)
    assert mutants.load(data) == [Mutant("a", "b", edits, ("t",), ci=False)]
    data.write_text(json.dumps([entry, entry]))
    with pytest.raises(Problem, match="has a twice"):
        mutants.load(data)


@pytest.mark.parametrize(
    ("status", "found"), [(mutants.FAILED, True), (mutants.PASSED, False)]
)
def test_finds(place, status, found):
    place.status = status
    assert place.finds(NOTIFY) is found
    assert place.made == ["set();\n\n"]


def test_nothing_planted_stays(place, pristine):
    place.finds(NOTIFY)
    original = (pristine.source / "a.c").read_text()
    assert (place.copy / "src" / "a.c").read_text() == original
    assert not (place.copy / "obj" / "python").exists()
    assert pristine.python.read_text() == "pristine"


def test_tests_that_do_not_run_find_nothing(place):
    place.status = 4
    with pytest.raises(Problem, match="could not test no-notify"):
        place.finds(NOTIFY)
    assert not (place.copy / "obj" / "python").exists()


def test_what_a_killed_run_left_is_taken_out(place, pristine):
    (place.copy / "src" / "a.c").write_text("")
    (place.copy / "obj" / "python").write_text("mutant")
    (place.copy / "obj" / "a.o").write_text("kept, so that make is quick")
    place.prepare([NOTIFY])
    assert (place.copy / "src" / "a.c").read_text() == "set();\nnotify();\n"
    assert not (place.copy / "obj" / "python").exists()
    assert (place.copy / "obj" / "a.o").exists()


def test_another_build_is_copied_anew(place, pristine):
    (place.copy / "obj" / "a.o").write_text("of the build before")
    pristine.python.write_text("another one")
    place.prepare([NOTIFY])
    assert not (place.copy / "obj" / "a.o").exists()


class Scripted:
    """A place that finds what does not survive."""

    def finds(self, mutant):
        if mutant.name == "broken":
            raise Problem("broken")
        return mutant.name != "survivor"


def _named(*names):
    return [Mutant(name, "", (), ()) for name in names]


def test_hunt():
    told = []
    planted = _named("a", "survivor", "b")
    left = mutants.hunt(
        planted, [Scripted(), Scripted()], lambda *words: told.append(words[:2])
    )
    assert left == [planted[1]]
    assert sorted((m.name, found) for m, found in told) == [
        ("a", True),
        ("b", True),
        ("survivor", False),
    ]


def test_hunt_stops_at_what_cannot_be_looked_for():
    with pytest.raises(Problem, match="broken"):
        mutants.hunt(_named("broken", "a"), [Scripted()], lambda *words: None)


def test_page():
    tests = ("test_a.py::test_one", "test_b.py::test_two[x]")
    mutant = Mutant("a", "It is gone", (Edit("a.c", "", ""),), tests)
    assert mutants.page([mutant]).splitlines()[-1] == (
        "| It is gone | a | `a.c` | "
        "`test_one` in [test_a](../tests/integration/test_a.py), "
        "`test_two[x]` in [test_b](../tests/integration/test_b.py) |"
    )


def test_the_page_is_of_the_bugs_that_are_planted():
    assert mutants.PAGE.read_text() == mutants.page(mutants.load()), (
        "run scripts/mutants --write"
    )


def test_every_test_that_is_named_is_there():
    for mutant in mutants.load():
        for test in mutant.tests:
            file, _, name = test.partition("::")
            text = (layout.ROOT / mutants.TESTS / file).read_text()
            assert f"def {name.partition('[')[0]}(" in text, test


def test_unknown_name():
    with pytest.raises(Problem, match="no bug is called nonsense"):
        mutants.main(["nonsense"])


def test_page_of_a_part_is_not_written():
    with pytest.raises(Problem, match="leave the names out"):
        mutants.main([mutants.load()[0].name, "--write"])


def test_list(capsys):
    mutants.main(["--list"])
    assert len(capsys.readouterr().out.splitlines()) == len(mutants.load())


def test_survivors_are_a_problem(monkeypatch):
    monkeypatch.setattr(mutants, "run", lambda chosen, jobs, report: chosen)
    monkeypatch.setattr(mutants.signal, "signal", lambda *words: None)
    name = mutants.load()[0].name
    with pytest.raises(Problem, match=f"no test finds {name}"):
        mutants.main([name])
