"""Bugs are planted in a copy of a build, tested for, and taken out again."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from threadjoin.commands import mutants as command
from threadjoin.core import layout, process
from threadjoin.core.errors import Problem
from threadjoin.proof import pages
from threadjoin.proof.mutants import looking, plant
from threadjoin.proof.mutants.plant import Mutant, Seeds
from threadjoin.series import catalog

DIFF = "--- a/a.c\n+++ b/a.c\n@@ -1,2 +1,2 @@\n set();\n-notify();\n+\n"
NOTIFY = Mutant("no-notify", "Nobody is told", DIFF, ("t",))


@pytest.fixture
def pristine(tmp_path):
    """Return a build with the files that plant reads."""
    home = tmp_path / "debug" / "patched"
    for name in ("src", "obj"):
        (home / name).mkdir(parents=True)
    (home / "src" / "a.c").write_text("set();\nnotify();\n")
    (home / "obj" / "python").write_text("pristine")
    return SimpleNamespace(
        source=home / "src", objects=home / "obj", python=home / "obj" / "python"
    )


class Look:
    """Finds what place.finds says, in what was planted."""

    def find(self, mutant, copy, pristine):
        assert copy.python.read_text() == "mutant"
        assert pristine.python.read_text() == "pristine"
        return self.finds


@pytest.fixture
def place(tmp_path, pristine, monkeypatch):
    """Return a Workplace whose make is a function: place.made, place.starts."""
    commands = looking.Commands()
    place = plant.Workplace(tmp_path / "work", pristine, commands)
    copy = tmp_path / "work" / "patched"
    made = []

    def compile(self, jobs, arguments=()):
        assert "python" in arguments
        made.append((self.source / "a.c").read_text())
        self.python.write_text("mutant")

    def status(argv, log, timeout=None, **options):
        assert argv[0] == str(copy / "obj" / "python")
        assert timeout == plant.START
        return place.starts

    monkeypatch.setattr(plant.interpreter.Interpreter, "compile", compile)
    monkeypatch.setattr(commands, "status", status)
    place.made, place.starts, place.copy, place.look = made, 0, copy, Look()
    place.look.finds = "a test"
    place.prepare([NOTIFY])
    return place


def test_planted(pristine):
    assert plant.planted(pristine.source, NOTIFY) == {"a.c": "set();\n\n"}


@pytest.mark.parametrize("text", ["", "set();\nnotify_all();\n"])
def test_a_bug_that_does_not_apply_any_more(pristine, text):
    (pristine.source / "a.c").write_text(text)
    with pytest.raises(plant.NoPlace, match="no-notify does not apply any more"):
        plant.planted(pristine.source, NOTIFY)


def test_another_series_takes_the_bugs_that_apply(pristine, monkeypatch, capsys):
    python = pristine.python
    monkeypatch.setattr(plant.interpreter, "built", lambda *of: python)
    gone = replace(NOTIFY, name="gone", diff=DIFF.replace("notify", "tell"))
    assert plant.placed([NOTIFY, gone], "3.12") == [NOTIFY]
    assert capsys.readouterr().out.startswith("gone: not planted in 3.12: gone does")


def test_a_bug_that_a_series_leaves_out_is_not_planted_there(
    pristine, monkeypatch, capsys
):
    monkeypatch.setattr(plant.interpreter, "built", lambda *of: pristine.python)
    left_out = replace(NOTIFY, name="dummy-forks")
    assert plant.placed([left_out, NOTIFY], "3.12") == [NOTIFY]
    assert "dummy-forks: not planted in 3.12: " in capsys.readouterr().out


@pytest.mark.parametrize("name", catalog.available())
def test_the_bugs_that_a_series_leaves_out_are_there(name):
    left_out = plant.differences.load(catalog.load_series(name)).unplanted
    assert set(left_out) <= {mutant.name for mutant in plant.load()}


def test_a_bug_whose_tests_fail_in_a_series_is_not_planted_there(
    pristine, monkeypatch, capsys
):
    monkeypatch.setattr(plant.interpreter, "built", lambda *of: pristine.python)
    fails = "test_fork_handlers.py::test_destructor_that_forks_while_the_interpreter"
    excused = replace(NOTIFY, tests=(f"{fails}_is_cleared[patched-the context]",))
    either = replace(NOTIFY, tests=(*excused.tests, "t"))
    assert plant.placed([excused, either], "3.12") == [either]
    assert "not planted in 3.12: its tests fail there\n" in capsys.readouterr().out


def test_a_bug_moves_with_its_place(pristine):
    (pristine.source / "a.c").write_text("one();\nset();\nnotify();\nend();\n")
    diff = DIFF.replace("-1,2 +1,2", "-9,3 +9,3") + " end();\n"
    mutant = replace(NOTIFY, diff=diff)
    text = "one();\nset();\n\nend();\n"
    assert plant.planted(pristine.source, mutant) == {"a.c": text}


def test_load(tmp_path):
    patch = tmp_path / "a.patch"
    patch.write_text(f"Plants: b: c\nFound-by: t\nFound-by: u\nCI: no\n\n{DIFF}")
    mutant = Mutant("a", "b: c", DIFF, ("t", "u"), ci=False)
    assert plant.load(tmp_path) == [mutant]
    assert mutant.files() == ["a.c"]
    for more, ci in ((", not in CI", False), ("", True)):
        patch.write_text(f"Plants: b: c\nSoak: 2 from 7{more}\n\n{DIFF}")
        assert plant.load(tmp_path)[0].soak == Seeds(7, 2, ci)
    patch.write_text(DIFF)
    with pytest.raises(Problem, match="no line Plants"):
        plant.load(tmp_path)


def test_prepare_with_a_bug_in_a_file_that_the_series_lacks(place):
    place.prepare([NOTIFY, replace(NOTIFY, diff=DIFF.replace("a.c", "b.c"))])
    assert not (place.copy / "src" / "b.c").exists()


@pytest.mark.parametrize("found", ["a test", None])
def test_find(place, found):
    place.look.finds = found
    assert place.find(NOTIFY, place.look) == found
    assert place.made == ["set();\n\n"]


def test_nothing_planted_stays(place, pristine):
    place.find(NOTIFY, place.look)
    original = (pristine.source / "a.c").read_text()
    assert (place.copy / "src" / "a.c").read_text() == original
    assert not (place.copy / "obj" / "python").exists()
    assert pristine.python.read_text() == "pristine"


@pytest.mark.parametrize("status", [1, -6, None])
def test_a_bug_with_which_no_interpreter_ends_is_refused(place, status):
    # None: the interpreter hangs.
    place.starts = status
    place.look = None
    with pytest.raises(Problem, match="with no-notify planted no interpreter ends"):
        place.find(NOTIFY, place.look)
    assert not (place.copy / "obj" / "python").exists()


def test_compiling_stops_with_all_the_rest(tmp_path):
    commands = looking.Commands()
    patched = plant._Patched(tmp_path, commands)
    patched.objects.mkdir(parents=True)
    patched._check(["true"], "compile")
    with pytest.raises(
        process.Failed, match=r"compile \(patched\) failed with status 1"
    ):
        patched._check(["false"], "compile")
    commands.stopped.set()
    with pytest.raises(looking.Stopped):
        patched._check(["true"], "compile")


def test_a_bug_that_a_killed_run_left_is_taken_out(place, pristine):
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

    def __init__(self, stopped=None):
        self._stopped = stopped

    def find(self, mutant, look):
        if mutant.name == "broken":
            raise Problem("broken")
        if mutant.name == "interrupted":
            raise KeyboardInterrupt
        if mutant.name == "endless":
            assert self._stopped.wait(60)
        return None if mutant.name == "survivor" else "a test"


def _named(*names):
    return [Mutant(name, "", "", ()) for name in names]


def test_hunt():
    told = []
    planted = _named("a", "survivor", "b")
    places = [Scripted(), Scripted()]
    stopped = threading.Event()
    left = plant.hunt(
        planted, places, None, lambda *words: told.append(words[:2]), stopped
    )
    assert left == [planted[1]]
    assert sorted((m.name, found) for m, found in told if found) == [
        ("a", "a test"),
        ("b", "a test"),
    ]
    assert (planted[1], None) in told


@pytest.mark.parametrize(
    ("name", "problem"), [("broken", Problem), ("interrupted", KeyboardInterrupt)]
)
def test_hunt_stops_all_at_once(name, problem):
    stopped = threading.Event()
    places = [Scripted(stopped), Scripted(stopped)]
    with pytest.raises(problem):
        plant.hunt(_named(name, "endless"), places, None, print, stopped)
    assert stopped.is_set()


def test_page():
    tests = ("test_a.py::test_one", "test_b.py::test_two[x]")
    mutant = Mutant("a", "It is gone", DIFF, tests)
    row = (
        "| It is gone | a | `a.c` | "
        "`test_one` in [test_a](../../../tests/integration/test_a.py), "
        "`test_two[x]` in [test_b](../../../tests/integration/test_b.py) | {} |"
    )
    page = plant.page([mutant])
    assert page.splitlines()[-1] == row.format("")
    assert page.endswith("\n")
    for seeds, said in ((Seeds(4, 1), "4"), (Seeds(4, 3), "4 to 6")):
        page = plant.page([replace(mutant, soak=seeds)])
        assert page.splitlines()[-1] == row.format(said)


def test_the_page_begins_with_how_many_are_found():
    mutant = Mutant("a", "", "", ())
    mutants = [mutant, mutant, replace(mutant, soak=Seeds(4, 1))]
    assert plant.page(mutants).splitlines()[6] == (
        "**3 bugs are planted: the tests find all of them, and the soak 1.**"
    )


def test_the_page_of_another_series_names_those_that_are_not_planted():
    first, *others = plant.load()
    assert f"\nNot planted in 3.12: {first.name}.\n" in plant.page(others, "3.12")


def test_the_page_is_of_the_bugs_that_are_planted():
    # The lines above the table name the series, which may be an old one.
    table = plant.page(plant.load()).partition("| planted")[2]
    text = pages.path("mutants.md").read_text()
    assert text.endswith(table), "run scripts/mutants --write"


def test_every_test_that_is_named_is_there():
    for mutant in plant.load():
        for test in mutant.tests:
            file, _, name = test.partition("::")
            text = (layout.ROOT / looking.TESTS / file).read_text()
            assert f"def {name.partition('[')[0]}(" in text, test


def test_unknown_name():
    with pytest.raises(Problem, match="there is no nonsense"):
        command.main(["nonsense"])


def test_page_of_a_part_is_not_written():
    with pytest.raises(Problem, match="leave the names out"):
        command.main([plant.load()[0].name, "--write"])


def test_list(capsys):
    command.main(["--list"])
    assert len(capsys.readouterr().out.splitlines()) == len(plant.load())


@pytest.fixture
def main(monkeypatch, tmp_path):
    """Return mutants.main() without tests: main.ran, main.survivors, main.page."""

    def main(*argv):
        command.main(list(argv))

    def run(chosen, jobs, report, way, series):
        main.ran.append((way, chosen))
        return main.survivors if way == main.way else []

    main.ran, main.survivors, main.way = [], [], looking.ByTests
    main.page = tmp_path / "page.md"
    monkeypatch.setattr(plant, "run", run)
    monkeypatch.setattr(pages, "path", lambda name, series: main.page)
    monkeypatch.setattr(command.signals, "once", lambda: None)
    monkeypatch.setattr(command.devenv, "ensure", main.ran.append)
    # Relative to what it is compared with.
    monkeypatch.setattr(plant.layout, "ROOT", tmp_path)
    monkeypatch.setattr(plant, "DATA", tmp_path / "mutants")
    monkeypatch.setattr(plant, "load", lambda: [BARE, SOAKED])
    return main


BARE = Mutant("bare", "", "", ())
SOAKED = replace(BARE, name="soaked", soak=Seeds(1, 2))
ByTests, BySoak = looking.ByTests, looking.BySoak


def test_tools_are_there_before_anything_is_compiled(main):
    main("bare")
    progress, ran = main.ran
    assert isinstance(progress, command.Progress)
    assert ran == (ByTests, [BARE])


@pytest.mark.parametrize(
    ("argv", "ran"),
    [
        ([], [(ByTests, [BARE, SOAKED])]),
        (["soaked"], [(ByTests, [SOAKED])]),
        (["--soak"], [(BySoak, [SOAKED])]),
        (["--soak", "soaked"], [(BySoak, [SOAKED])]),
        (["--write"], [(ByTests, [BARE, SOAKED]), (BySoak, [SOAKED])]),
    ],
)
def test_ways(main, argv, ran):
    main(*argv)
    assert main.ran[1:] == ran
    assert main.page.exists() == ("--write" in argv)


def test_bug_that_the_soak_is_not_to_find(main):
    with pytest.raises(Problem, match="bare has no seeds for the soak"):
        main("--soak", "soaked", "bare")
    assert not main.ran


@pytest.mark.parametrize(
    ("way", "words"),
    [(ByTests, "no test finds bare"), (BySoak, "no program of the soak finds bare")],
)
def test_survivors_are_a_problem(main, way, words):
    main.survivors, main.way = [BARE], way
    with pytest.raises(Problem, match=words):
        main("--write")
    assert not main.page.exists()


def test_report(capsys):
    command._report(BARE, "a test", 3)
    command._report(SOAKED, None, 3)
    found, not_found = capsys.readouterr().out.splitlines()
    assert found.split() == ["bare", "found", "3", "s", "a", "test"]
    assert not_found.split() == ["soaked", "NOT", "FOUND", "3", "s"]
