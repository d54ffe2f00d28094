"""NEWS entries are made by blurb, and checked by it."""

import pytest
from fakeproject import ENTRY, ENTRY_TEXT, filled
from threadjoin.core import git
from threadjoin.core.errors import Problem
from threadjoin.host import devenv
from threadjoin.upkeep import news

BODY = (
    "Joining a thread from several threads at once no longer fails now and then "
    "with an :exc:`AssertionError`."
)


@pytest.fixture
def repository(tmp_path):
    filled(tmp_path)
    return tmp_path / "filled-3.11"


def test_add_writes_and_stages_an_entry(repository):
    path = news.add(repository, "116372", "core and builtins", BODY)
    name = path.relative_to(repository).as_posix()
    assert news.ENTRY_NAME.fullmatch(name)["issue"] == "116372"
    assert name.startswith("Misc/NEWS.d/next/Core_and_Builtins/")
    # Wrapped by blurb, and nothing left of its template.
    assert path.read_text() == (
        "Joining a thread from several threads at once no longer fails now and then\n"
        "with an :exc:`AssertionError`.\n"
    )
    assert git.run(repository, "diff", "--cached", "--name-only").decode() == (
        name + "\n"
    )
    assert news.check(name, path.read_bytes()) is None


@pytest.mark.parametrize(
    "issue, section, body, said",
    [
        ("1", "Library", BODY, "Invalid gh-issue number: '1'"),
        ("many", "Library", BODY, "Invalid GitHub issue number: many"),
        ("116372", "Libraries", BODY, "Invalid section name: 'Libraries'"),
        ("116372", "Library", "gh-116372: " + BODY, "Blurb 'body' can't start with"),
        ("116372", "Library", " \n", "Blurb 'body' text must not be empty!"),
    ],
)
def test_add_passes_on_what_blurb_refuses(repository, issue, section, body, said):
    with pytest.raises(Problem) as caught:
        news.add(repository, issue, section, body)
    assert str(caught.value).startswith(f"blurb refused the entry: {said}")
    assert "\n" not in str(caught.value)
    assert git.run(repository, "status", "--porcelain") == b""


def test_add_wants_a_checkout(tmp_path):
    with pytest.raises(Problem, match="not a git checkout"):
        news.add(tmp_path, "116372", "Library", BODY)


def test_add_wants_a_tree_of_cpython(tmp_path):
    git.init(tmp_path, "main")
    with pytest.raises(Problem, match="not inside a CPython repo"):
        news.add(tmp_path, "116372", "Library", BODY)


@pytest.mark.parametrize(
    "name, content, said",
    [
        (ENTRY, ENTRY_TEXT, None),
        (ENTRY, b"", "blurb refuses it: Blurb 'body' text must not be empty!"),
        (ENTRY, b"- A list.\n", "blurb refuses it: Blurb 'body' can't start with"),
        (ENTRY, b"\xff\n", "blurb refuses it: UnicodeDecodeError"),
        (
            ENTRY.replace("116372", "1"),
            ENTRY_TEXT,
            "blurb refuses it: Invalid gh-issue number: '1'",
        ),
        (ENTRY.replace("Library", "Libraries"), ENTRY_TEXT, "blurb leaves it out"),
        (ENTRY.replace(".rst", ".txt"), ENTRY_TEXT, "not a name that blurb gives"),
        (ENTRY.replace("Library/", ""), ENTRY_TEXT, "not a name that blurb gives"),
        (ENTRY.replace("gh-issue-", "gh-"), ENTRY_TEXT, "not a name that blurb gives"),
    ],
)
def test_check(name, content, said):
    found = news.check(name, content)
    if said is None:
        assert found is None
    else:
        assert found.startswith(said)


def test_without_blurb_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(devenv.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match="blurb is not installed; run `scripts/test --"):
        devenv.tool("blurb", tmp_path / "venv")


def test_command_adds_an_entry(tmp_path):
    project = filled(tmp_path)
    done = project.command(
        "series", "news", "filled-3.11",
        "--issue", "116372", "--section", "Library", "--body", BODY,
    )  # fmt: skip
    assert done.stderr == ""
    assert "/Misc/NEWS.d/next/Library/" in done.stdout
    assert done.stdout.count("\n") == 1
