"""Pages of results: which are old, and the commands that make them anew."""

import json

import pytest
from threadjoin.commands import evidence as script
from threadjoin.core import layout
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.proof import evidence, pages
from threadjoin.series import catalog

DATA = "docs/results/evidence.json"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a project with a page of each state; to make one adds a line to it."""
    (tmp_path / "docs" / "results" / "3.11").mkdir(parents=True)
    (line,) = pages.measured()
    texts = {
        "new": f"# New\n\n{line}\n",
        "old": f"# Old\n\n{line[:-13]}000000000000.\n",
        "silent": "# Silent\n",
    }
    for name, text in texts.items():
        (tmp_path / "docs" / f"{name}.md").write_text(text)
    known = [
        {
            "page": f"docs/{name}.md",
            "commands": [["sh", "-c", f"echo made >>docs/{name}.md"]],
            "minutes": minutes,
        }
        for name, minutes in (("silent", 3), ("old", 2), ("new", 1), ("gone", 4))
    ]
    (tmp_path / DATA).write_text(json.dumps(known))
    monkeypatch.setattr(layout, "ROOT", tmp_path)
    return tmp_path


def test_states(project):
    states = {page.path.stem: evidence.state(page) for page in evidence.load(project)}
    # The cheapest come first.
    assert list(states.items()) == [
        ("new", evidence.CURRENT),
        ("old", evidence.OLD),
        ("silent", evidence.UNKNOWN),
        ("gone", evidence.MISSING),
    ]


def test_only_old_pages_are_made_anew(project):
    wanted = [p for p in evidence.load(project) if evidence.state(p) != "current"]
    assert evidence.make(wanted, [], Progress()) == []
    made = [p.name for p in project.glob("docs/*.md") if "made" in p.read_text()]
    assert sorted(made) == ["gone.md", "old.md", "silent.md"]


def test_a_failure_does_not_stop_the_other_pages(project):
    known = json.loads((project / DATA).read_text())
    for one in known:
        if one["page"] == "docs/old.md":
            one["commands"] = [["false"], *one["commands"]]
    (project / DATA).write_text(json.dumps(known))
    failed = evidence.make(evidence.load(project), [], Progress())
    assert [page.path.stem for page in failed] == ["old"]
    assert "made" not in (project / "docs/old.md").read_text()
    assert "made" in (project / "docs/gone.md").read_text()


def test_interpreters_in_a_command(tmp_path, monkeypatch):
    monkeypatch.setattr(
        evidence.interpreter,
        "built",
        lambda kind, variant, series: tmp_path / series / kind / variant,
    )
    command = ("x", "{debug patched}", "{others}")
    with pytest.raises(Problem, match="no patched debug build; run `./build.sh 3.12 -"):
        evidence.expand(command, "3.12")
    built = tmp_path / "3.12" / "patched" / "debug"
    built.parent.mkdir(parents=True)
    built.touch()
    expanded = ["x", str(built), "a", "b"]
    assert evidence.expand(command, "3.12", ["a", "b"]) == expanded


def test_a_missing_build_is_reported_before_any_page_is_made(project, monkeypatch):
    monkeypatch.setattr(evidence.interpreter, "built", lambda *of: project / "none")
    known = json.loads((project / DATA).read_text())
    known[-1]["commands"] = [["{debug stock}"]]
    (project / DATA).write_text(json.dumps(known))
    with pytest.raises(Problem):
        evidence.make(evidence.load(project), [], Progress())
    assert not any("made" in p.read_text() for p in project.glob("docs/*.md"))


def test_an_unknown_page_is_refused():
    with pytest.raises(Problem, match="there is no docs/none.md; there are: docs/"):
        script.main(["docs/none.md"])


def test_the_data_names_existing_pages_and_commands():
    for page in evidence.load():
        assert page.path.is_file() or page.series != catalog.DEFAULT_SERIES
        for command in page.commands:
            assert (layout.ROOT / command[0]).is_file()


def test_a_series_has_the_pages_of_its_directory(project):
    known = json.loads((project / DATA).read_text())
    known[0]["page"] = "{results}/silent.md"
    known[0]["commands"] = [["x", "{series}", "{results}/silent.md"]]
    (project / DATA).write_text(json.dumps(known))
    (project / "docs/results/3.12").mkdir()
    found = evidence.load(project)
    names = [str(page.path.relative_to(project / "docs")) for page in found]
    other = "results/3.12/silent.md"
    (commands,) = [p.commands for p in found if p.path.match("3.12/silent.md")]
    assert commands == (("x", "3.12", "docs/results/3.12/silent.md"),)
    assert names == ["new.md", "old.md", "results/3.11/silent.md", other, "gone.md"]
    missing = ["docs/results/3.11/silent.md: missing", "docs/gone.md: missing"]
    assert [line for line in evidence.faults(found) if "missing" in line] == missing


def test_an_old_page_has_to_be_listed_and_marked(project):
    def faults(*names):
        known = {page.path.stem: page for page in evidence.load(project)}
        return list(evidence.faults([known[name] for name in names]))

    assert faults("new") == []
    assert faults("silent", "gone") == [
        "docs/silent.md: names no series",
        "docs/gone.md: missing",
    ]
    unknown = ["docs/old.md is of 3.11 000000000000, and not known to be old"]
    assert faults("old") == unknown
    page = project / "docs" / "old.md"
    before = page.read_text()
    evidence.mark(evidence.load(project), "it takes hours")
    note = "> **Of an older series: 3.11 000000000000.** it takes hours"
    assert page.read_text().splitlines()[:3] == ["# Old", "", note]
    assert faults("old", "new") == []
    evidence.mark(evidence.load(project), "another reason")
    assert note in page.read_text()
    page.write_text(before)
    assert faults("old") == ["docs/old.md does not say of which series it is"]
    page.write_text(before.replace("000.", "001."))
    assert faults("old") == [unknown[0].replace("000,", "001,")]
    # Made anew, it is no longer listed.
    page.write_text((project / "docs" / "new.md").read_text())
    assert faults("old") == ["docs/old.md is current, and called old"]
    evidence.mark(evidence.load(project), "")
    assert faults("old") == []
