"""Pages of results: which are old, and what makes them anew."""

import json

import pytest
from threadjoin.commands import evidence as script
from threadjoin.core import layout
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.proof import evidence, pages


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a page of each state; what makes one adds a line to it."""
    (tmp_path / "docs").mkdir()
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
    (tmp_path / evidence.DATA).write_text(json.dumps(known))
    monkeypatch.setattr(layout, "ROOT", tmp_path)
    return tmp_path


def test_states(project):
    states = {page.path.stem: evidence.state(page) for page in evidence.load(project)}
    # Those that take least are the first.
    assert list(states.items()) == [
        ("new", evidence.CURRENT),
        ("old", evidence.OLD),
        ("silent", evidence.UNKNOWN),
        ("gone", evidence.MISSING),
    ]


def test_what_is_not_current_is_made(project):
    wanted = [p for p in evidence.load(project) if evidence.state(p) != "current"]
    assert evidence.make(wanted, [], Progress()) == []
    made = [p.name for p in project.glob("docs/*.md") if "made" in p.read_text()]
    assert sorted(made) == ["gone.md", "old.md", "silent.md"]


def test_what_fails_does_not_keep_the_others_from_being_made(project):
    known = json.loads((project / evidence.DATA).read_text())
    for one in known:
        if one["page"] == "docs/old.md":
            one["commands"] = [["false"], *one["commands"]]
    (project / evidence.DATA).write_text(json.dumps(known))
    failed = evidence.make(evidence.load(project), [], Progress())
    assert [page.path.stem for page in failed] == ["old"]
    assert "made" not in (project / "docs/old.md").read_text()
    assert "made" in (project / "docs/gone.md").read_text()


def test_interpreters_in_a_command(tmp_path, monkeypatch):
    monkeypatch.setattr(
        evidence.interpreter, "built", lambda kind, variant: tmp_path / kind / variant
    )
    command = ("x", "{debug patched}", "{others}")
    with pytest.raises(Problem, match="no patched debug build; run `./build.sh --no-t"):
        evidence.expand(command)
    (tmp_path / "patched").mkdir()
    (tmp_path / "patched" / "debug").touch()
    built = str(tmp_path / "patched" / "debug")
    assert evidence.expand(command, ["a", "b"]) == ["x", built, "a", "b"]


def test_nothing_is_begun_that_cannot_be_made(project, monkeypatch):
    monkeypatch.setattr(
        evidence.interpreter, "built", lambda kind, variant: project / "none"
    )
    known = json.loads((project / evidence.DATA).read_text())
    known[-1]["commands"] = [["{debug stock}"]]
    (project / evidence.DATA).write_text(json.dumps(known))
    with pytest.raises(Problem):
        evidence.make(evidence.load(project), [], Progress())
    assert not any("made" in p.read_text() for p in project.glob("docs/*.md"))


def test_a_page_that_is_none_is_refused():
    with pytest.raises(Problem, match="there is no docs/none.md; there are: docs/"):
        script.main(["docs/none.md"])


def test_the_data_names_pages_and_commands_that_are_there():
    for page in evidence.load():
        assert page.path.is_file()
        for command in page.commands:
            assert (layout.ROOT / command[0]).is_file()
