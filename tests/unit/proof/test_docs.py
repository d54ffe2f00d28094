"""The documentation's links and commands are checked against what is there."""

import pytest
from threadjoin.commands import docs as command
from threadjoin.proof import docs, pages

GOOD = """\
# The Title: of `it`!

See [the licence](LICENSE), [below](#the-title-of-it), [there](more.md#b-c) or
[the web](https://example.org/none). Run `./build.sh`, then `scripts/test -k x`;
the modules are in scripts/threadjoin/docs.py.

```sh
# Not a heading
[not](a-link)
```
"""

HELPFUL = "#!/bin/sh\n[ \"$1\" = --help ] && echo 'usage: it'\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "scripts" / "threadjoin").mkdir(parents=True)
    for name in ("build.sh", "scripts/test"):
        (tmp_path / name).write_text(HELPFUL)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "LICENSE").write_text("Free.\n")
    (tmp_path / "more.md").write_text("## B & c\n### B c\n")
    (tmp_path / "README.md").write_text(GOOD)
    return tmp_path


def test_good_documentation(root):
    assert docs.commands(root / "README.md") == ["build.sh", "scripts/test"]
    assert list(docs.check(root)) == []


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("(LICENSE)", "(LICENCE)", "links to LICENCE, which is not there"),
        ("#the-title", "#a-title", "links to #a-title-of-it, and there is no such"),
        ("more.md#b-c", "more.md#not-a-heading", "links to more.md#not-a-heading, and"),
        ("#the-title-of-it", "#not-a-heading", "links to #not-a-heading, and there is"),
        ("scripts/test", "scripts/tests", "scripts/tests is not there"),
        ("`./build.sh`", "(./build.sh)", None),
    ],
)
def test_stale_document(root, old, new, said):
    assert old in GOOD
    (root / "README.md").write_text(GOOD.replace(old, new))
    found = list(docs.check(root))
    if said is None:
        assert found == []
    else:
        (line,) = found
        assert line.startswith(f"README.md: {said}")


@pytest.mark.parametrize(
    "script, mode, said",
    [
        (HELPFUL, 0o644, "scripts/test cannot be executed"),
        ("#!/bin/sh\nexit 3\n", 0o755, "scripts/test --help ends with 3 and prints no"),
        ("#!/bin/sh\n", 0o755, "scripts/test --help ends with 0 and prints no help"),
        ("#!/none/at/all\n", 0o755, "scripts/test --help does not run: "),
    ],
)
def test_command_that_does_not_answer(root, script, mode, said):
    (root / "scripts/test").write_text(script)
    (root / "scripts/test").chmod(mode)
    (line,) = docs.check(root)
    assert line.startswith(f"README.md: {said}")


def test_documents_below_docs_are_checked_too(root):
    (root / "docs").mkdir()
    page = root / "docs" / "page.md"
    page.write_text("[the code](../scripts/test), `scripts/test` and `build.sh`\n")
    assert list(docs.check(root)) == []
    page.write_text("[the code](scripts/test) and `scripts/nosuch`\n")
    assert list(docs.check(root)) == [
        "docs/page.md: links to scripts/test, which is not there",
        "docs/page.md: scripts/nosuch is not there",
    ]


def test_pages_of_an_older_series_are_named_and_are_no_fault(
    root, series, monkeypatch, capsys
):
    (root / "docs").mkdir()
    page = root / "docs" / "page.md"
    patches = series.directory.parent
    assert patches == root / "patches"
    (line,) = pages.measured(["3.11"], patches)
    page.write_text(f"# Page\n\n{line}\n")
    assert list(docs.outdated(root)) == []
    old = line.replace(series.digest, "0" * 12)
    page.write_text(f"# Page\n\n{old}\n")
    check, outdated = docs.check, docs.outdated
    monkeypatch.setattr(docs, "check", lambda: check(root))
    monkeypatch.setattr(docs, "outdated", lambda: outdated(root))
    assert not command.main([])
    assert capsys.readouterr().out == (
        f"warning: docs/page.md: not of the series as it is: {old}\n"
    )


def test_command_that_hangs(root, monkeypatch):
    monkeypatch.setattr(docs, "HELP_TIMEOUT", 0.05)
    (root / "scripts/test").write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    (line,) = docs.check(root)
    assert "scripts/test --help does not run: " in line
    assert "timed out" in line


def test_no_documentation(root):
    for document in root.glob("*.md"):
        document.unlink()
    assert list(docs.check(root)) == ["README.md: is not there"]
