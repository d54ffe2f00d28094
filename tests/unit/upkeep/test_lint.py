"""Every rule of the linter accepts a good series and reports a bad one."""

import shutil

import pytest
from fakeproject import (
    ENTRY,
    ENTRY_TEXT,
    FIELDS,
    MAINTAINERS,
    MORE,
    NAMES,
    commit,
    edited,
    filled,
    message,
    several,
)
from threadjoin.series import patchfile
from threadjoin.upkeep import commits, lint

FIRST, SECOND = (f"patches/3.11/{name}.patch" for name in NAMES)


@pytest.fixture
def project(tmp_path):
    return filled(tmp_path)


def problems(project, *names):
    def find(series):
        return commits.release(series, project.tarball)

    return list(lint.check(names or ("3.11",), find, project.root))


def test_nothing_is_wrong_with_a_good_series(project):
    assert problems(project) == []


def check_text(tmp_path, content, name="0001-x.patch"):
    """Return the problems that the rules for a patch find in the bytes *content*."""
    path = tmp_path / "3.11" / name
    path.parent.mkdir()
    path.write_bytes(content)
    patch = patchfile.read(path)
    found = [*lint.check_message(patch), *lint.check_whitespace(patch)]
    assert all(line.startswith(f"patches/3.11/{name}:") for line in found)
    return [line[len(f"patches/3.11/{name}:") :].strip() for line in found]


def patch_of(text, diff=b"diff --git a/x.c b/x.c\n"):
    subject, _, body = text.partition("\n\n")
    return (
        f"From 0\nFrom: A <a@b>\nSubject: [PATCH] {subject}\n\n{body}---\n\n".encode()
        + diff
    )


LONG = "gh-116372: Ab " + "c" * 59


@pytest.mark.parametrize(
    "text, said",
    [
        (message(), []),
        (message(LONG[:72]), []),
        (message(LONG), ["the subject has 73 characters, more than 72"]),
        (message("gh-116372: lower case"), "the subject is not `gh-NNNNNN"),
        (message("gh-116372: Oneword"), "the subject is not `gh-NNNNNN"),
        (message("bpo-116372: Old tracker"), "the subject is not `gh-NNNNNN"),
        (message("gh-116372: Stop at the end."), ["the subject ends in a full stop"]),
        (message("gh-1: Another issue"), ["no `Bug:` is the subject's gh-1"]),
        (
            message().replace("\n\nTest an event.", ""),
            "the message has one paragraph of text; say what is wrong in one, and",
        ),
        (
            message().replace("Test an event", "Test an event " + "x" * 62),
            f"a line of more than 76 columns: 'Test an event {'x' * 62}.'",
        ),
        (message().replace("Test an event", "https://a/" + "x" * 76), []),
        (
            f"gh-116372: No text\n\n{FIELDS}\n",
            ["the message has no text between subject and fields"],
        ),
        (
            message(fields="Bug, as it were: no\n" + FIELDS),
            ["the message does not end in a paragraph of DEP-3 fields"],
        ),
        (
            message(fields=FIELDS + "\n\nAn afterthought."),
            ["the message does not end in a paragraph of DEP-3 fields"],
        ),
        (message(fields=FIELDS.replace("python/", "me/")), "`Bug:` is not https:"),
        (message(fields=FIELDS.partition("\n")[2]), "`Bug:` is not https:"),
        (
            message(
                fields=f"{FIELDS}\nBug: https://github.com/python/cpython/issues/2"
            ),
            [],
        ),
        (message(fields=FIELDS.replace("not-needed", "perhaps")), "`Forwarded:` is"),
        (message(fields=FIELDS.replace("not-needed", "https://a/1")), []),
        (message(fields=FIELDS.replace("Forwarded", "Forward")), "`Forwarded:` is"),
        (message(fields=FIELDS + "\nForwarded: no"), "`Forwarded:` is not one of"),
        (message(fields=FIELDS.replace("11-23", "11-31")), "`Last-Update:` is not one"),
        (message(fields=FIELDS.replace("-23", "-3")), "`Last-Update:` is not one"),
        (message(fields=FIELDS.replace("Update", "Change")), "`Last-Update:` is not"),
        (
            message(fields=FIELDS + "\nOrigin: vendor,\n and more\nCo-authored-by: A"),
            [],
        ),
    ],
)
def test_message(tmp_path, text, said):
    found = check_text(tmp_path, patch_of(text))
    if isinstance(said, str):
        (line,) = found
        assert line.startswith(said)
    else:
        assert found == said


def diff_of(name, *lines, created=False):
    """Return a diff with one hunk of *lines*."""
    old = sum(line[:1] in "- " for line in lines)
    new = sum(line[:1] in "+ " for line in lines)
    text = f"diff --git a/{name} b/{name}\n"
    text += "new file mode 100644\nindex 0..1\n" if created else "index 0..1 100644\n"
    text += f"--- a/{name}\n+++ b/{name}\n@@ -1,{old} +1,{new} @@ def f():\n"
    return (text + "\n".join(lines) + "\n").encode()


@pytest.mark.parametrize(
    "diff, said",
    [
        (diff_of("a.c", " \tkept ", "-gone \t", "+int x;", " "), []),
        (diff_of("a.c", "+int x; "), ["20: trailing whitespace (a.c)"]),
        (diff_of("a.c", " y", "+\t"), ["21: trailing whitespace (a.c)"]),
        (diff_of("a.c", "+int\tx;"), ["20: a tab (a.c)"]),
        (diff_of("a.py", "+\tx"), ["20: a tab (a.py)"]),
        (diff_of("Makefile.pre.in", "+\tcc"), []),
        (diff_of("a.c", "+x\r"), ["20: ends in CRLF, where the file does not (a.c)"]),
        (diff_of("a.proj", " a\r", "+x\r"), []),
        (diff_of("a.proj", " a\r", "+x \r"), ["21: trailing whitespace (a.proj)"]),
        (
            diff_of("a.c", "+x", "\\ No newline at end of file", created=True),
            ["21: no newline at the end of a.c"],
        ),
        (
            diff_of("a.c", "-x", "\\ No newline at end of file", "+x"),
            [],
        ),
        (diff_of("a.c", "+x", "+", created=True), ["a.c ends in a blank line"]),
        (diff_of("a.c", "--- not a header", "+++ nor this "), ["21: trailing whi"]),
    ],
)
def test_whitespace(tmp_path, diff, said):
    found = check_text(tmp_path, patch_of(message(), diff))
    assert [line[: len(start)] for line, start in zip(found, said)] == said
    assert len(found) == len(said)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "no message"),
        (b"From 0\nSubject: x\n\nno end of the message", "no message"),
        (b"From 0\nTo: x\n\nbody\n---\n", "no From line or no Subject"),
        (b"diff\nSubject: x\n\nbody\n---\n", "no From line or no Subject"),
        (patch_of(message(), b"diff --git a/x b/x\n@@ what\n"), "is no hunk's header"),
        (
            patch_of(message(), b"diff --git a/x b/x\n@@ -1 +1 @@\n-x\n"),
            "is not part of its hunk",
        ),
    ],
)
def test_a_file_that_is_not_a_patch_is_named(project, content, said):
    (project.root / FIRST).write_bytes(content)
    (line,) = [x for x in problems(project) if "is not a patch" in x]
    assert line.startswith(f"{FIRST} is not a patch of `git format-patch`: ")
    assert said in line


def replace(project, name, old, new, count=1):
    path = project.root / name
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, count))


NOT_THE_LIST = (
    "patches/3.11/series: is not the list of the patches that are there, in their "
    "order; export the series"
)


def test_a_stray_patch(project):
    (project.root / "patches/3.11/0003-stray.patch").write_text("")
    assert problems(project) == [NOT_THE_LIST]


@pytest.mark.parametrize("change", [lambda x: x[::-1], lambda x: [*x, "# comment"]])
def test_another_list_of_the_patches(project, change):
    listing = project.root / "patches/3.11/series"
    listing.write_text("\n".join(change(listing.read_text().splitlines())) + "\n")
    assert problems(project)[0] == NOT_THE_LIST


def test_fuzz(project):
    """patch(1) accepts a wrong line of context, and the linter does not."""
    replace(project, FIRST, b"\n line 7\n", b"\n line seven\n")
    assert problems(project) == [
        f"{FIRST}: does not apply on what comes before it: patch failed: "
        "Lib/threading.py:7"
    ]


NOT_EXPORTED = (
    f"{FIRST}: not what `scripts/series export` gives (an offset, or edited by hand?)"
)


def test_offset(project):
    """git applies a hunk two lines away, and the linter does not accept that."""
    replace(project, FIRST, b"@@ -7,7 +7,7 @@ line 6", b"@@ -5,7 +5,7 @@ line 6")
    assert problems(project) == [NOT_EXPORTED]


def test_short_index_lines(project):
    content = (project.root / FIRST).read_bytes()
    full = content.partition(b"\nindex ")[2].partition(b" 100644")[0]
    replace(project, FIRST, full, full[:10] + b".." + full[-10:])
    assert problems(project) == [NOT_EXPORTED]


def test_name_that_export_does_not_give(project):
    renamed = FIRST.replace("wait", "waits")
    (project.root / FIRST).rename(project.root / renamed)
    replace(project, "patches/3.11/series", b"wait", b"waits")
    assert problems(project) == [
        f"{renamed}: `scripts/series export` calls it {FIRST[13:]}"
    ]


def test_author_that_is_not_the_maintainers(project):
    replace(project, SECOND, b"From: The m", b"From: Some m")
    said = MAINTAINERS.replace("The", "Some")
    assert problems(project) == [f"{SECOND}: is from {said}, not from {MAINTAINERS}"]


def test_last_update_that_is_older_than_the_patch(project):
    replace(project, SECOND, b"Thu, 1 Jan 1970 00:", b"Tue, 24 Nov 2026 01:")
    replace(project, SECOND, b":00 +0000", b":00 +0200")
    assert problems(project) == []
    replace(project, SECOND, b":00 +0200", b":00 -0200")
    assert problems(project) == [
        f"{SECOND}: `Last-Update: 2026-11-23` is before its author's date, "
        "2026-11-24; export the series"
    ]


@pytest.mark.parametrize(
    "names, changes, said",
    [
        (NAMES, {}, []),
        (
            (*NAMES, *MORE),
            {"series": {"3.11": "Upstream has mended it."}},
            ["patches/registry.json: 0030 is to be in 3.11, and is not"],
        ),
        (
            (*NAMES, MORE[0]),
            {"series": {"3.12": True}},
            [
                "patches/registry.json: 0030 does not say whether 3.11 has it: true, "
                "or why not"
            ],
        ),
        (
            NAMES[:1],
            {},
            [
                f"{SECOND}: patches/registry.json does not know 0020; add it there, "
                "or take one it has"
            ],
        ),
        (
            NAMES,
            {"issues": [116372, 110829]},
            [
                f"{SECOND}: patches/registry.json has other issues than its `Bug:` "
                "fields"
            ],
        ),
        (NAMES, {"standalone": True}, []),
    ],
)
def test_registry(project, names, changes, said):
    project.register(*names, **changes)
    assert problems(project) == said


def test_standalone_patch_that_needs_another(project):
    """The context of the patch has a line that the first patch changes."""
    project.register(*NAMES, MORE[0], standalone=True)
    repository = project.checkout("more")
    text = message(name=MORE[0])
    commit(repository, text, {"Lib/threading.py": edited(10, 12)})
    project.export(repository)
    assert problems(project) == [
        "patches/3.11/0030-third.patch: is standalone, says patches/registry.json, and "
        "does not apply to the release alone: patch failed: Lib/threading.py:9"
    ]


def test_patch_on_another_release(project):
    """The change is the same, in a file that differs from the release's."""
    (project.tree / "Lib/threading.py").write_bytes(edited(12))
    project.tarball = project.tree
    (line,) = problems(project)
    assert line.startswith(f"{FIRST}: does not apply on what comes before it: ")


needs_quilt = pytest.mark.skipif(
    shutil.which("quilt") is None, reason="quilt is not installed"
)


@needs_quilt
def test_quilt_refuses_what_is_out_of_order(project, tmp_path):
    series = project.series()
    third = message("gh-116372: Change the line again", name=MORE[0])
    project.register(*NAMES, MORE[0])
    repository = project.checkout("more")
    commit(repository, third, {"Lib/threading.py": edited(9, 10)})
    project.export(repository)
    listing = project.root / "patches/3.11/series"
    lines = listing.read_text().splitlines(keepends=True)
    listing.write_text("".join(reversed(lines)))
    (line,) = lint.check_quilt(series, project.tree, tmp_path)
    assert line.startswith("patches/3.11/series: quilt cannot push it all: ")


@needs_quilt
def test_quilt_takes_a_good_series(project, tmp_path):
    assert list(lint.check_quilt(project.series(), project.tree, tmp_path)) == []
    assert (tmp_path / "plain/Lib/threading.py").read_bytes() == edited(10)


def test_series_have_the_same_new_files(project):
    project.add_series("3.12")
    project.fill("3.12")
    assert problems(project, "3.11", "3.12") == []
    repository = project.checkout("more", "3.12")
    project.register(*NAMES, MORE[0], series={"3.11": "Not yet.", "3.12": True})
    later = message("gh-116372: Say what it is", name=MORE[0])
    commit(repository, later, {"Python/event.c": b"int the_event;\n"})
    project.export(repository, "3.12")
    assert problems(project, "3.11", "3.12") == [
        "patches/3.12: Python/event.c, at 0030: differs from what 3.11 has there"
    ]
    assert problems(project, "3.12") == []


def entry_problems(project, *commits):
    """Return the problems of a series of *commits*, dicts of files."""
    repository = project.checkout("entries")
    project.register(*NAMES, *MORE[: len(commits)])
    for name, files in zip(MORE, commits):
        commit(repository, message(name=name), files)
    project.export(repository)
    return problems(project)


def test_entry_that_a_later_patch_changes(project):
    (line,) = entry_problems(project, {ENTRY: b"Joining is safe.\n"})
    assert line.startswith("patches/3.11/0030-third.patch: ")
    assert line.endswith(f"{ENTRY}: changes an entry; write it where it is made")


def test_entry_that_blurb_refuses(project):
    name = ENTRY.replace("116372", "1")
    (line,) = entry_problems(project, {name: ENTRY_TEXT})
    assert f"0030-third.patch: {name}: blurb refuses it: " in line


def test_series_without_an_entry(project):
    replace(project, "patches/3.11/series", FIRST[13:].encode() + b"\n", b"")
    (project.root / FIRST).unlink()
    assert "patches/3.11: no patch has a NEWS entry" in problems(project)


@pytest.mark.parametrize(
    "spoil, said",
    [
        (lambda path: path.unlink(), f"{ENTRY}: missing; "),
        (lambda path: path.write_text("x"), f"{ENTRY}: differs from the patch "),
        (
            lambda path: path.with_name("more.rst").write_text("x"),
            "Misc/NEWS.d/next/Library/more.rst: no patch adds it; ",
        ),
    ],
)
def test_project_has_the_entries_of_the_patches(project, spoil, said):
    spoil(project.root / ENTRY)
    (line,) = problems(project)
    assert line.startswith(said)


def test_command_prints_a_line_each_and_fails(project):
    replace(project, FIRST, b"Forwarded: not-needed", b"Forwarded: maybe")
    source = ("--source", project.tarball)
    done = project.command("series", "lint", *source)
    assert done.returncode == 1
    lines = [x for x in done.stdout.splitlines() if not x.startswith("quilt: not run")]
    assert lines == [
        f"{FIRST}: `Forwarded:` is not one of no, not-needed, yes, or a URL"
    ]
    assert done.stderr == ("error: 1 found in the series; fix them and export again\n")


def test_command_says_that_nothing_is_wrong(project):
    done = project.command("series", "lint", "3.11", "--source", project.tarball)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("3.11: nothing wrong\n")


def test_command_names_checks_that_were_not_run(project, tmp_path):
    """Without quilt on PATH all other checks still run."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "python3"):
        (programs / name).symlink_to(shutil.which(name))
    done = project.command(
        "series", "lint", "--source", project.tarball, PATH=str(programs)
    )
    assert done.stdout == (
        "quilt: not run, it is not installed (apt-get install quilt)\n"
        "3.11: nothing wrong\n"
    )


def test_command_names_series_without_a_source(tmp_path):
    project = several(tmp_path)
    done = project.command("series", "lint", "--source", project.tarball)
    lines = [x for x in done.stdout.splitlines() if not x.startswith("quilt: not run")]
    assert lines == [
        "3.12: not applied: there is no source of CPython 3.12.1 here, nor a way to "
        "get it",
        "3.11, 3.12: nothing wrong",
    ]
    assert done.returncode == 0
    done = project.command("series", "lint", "--source", project.root.parent)
    assert done.stdout.endswith("3.11, 3.12: nothing wrong\n")
    assert "not applied" not in done.stdout
    done = project.command("series", "lint", "3.12")
    assert done.stderr == (
        "error: no series was applied to its release; give that with --source\n"
    )


def test_command_refuses_a_project_that_it_cannot_lint(project):
    done = project.command("series", "lint", "3.14")
    assert done.stderr.startswith("error: no series for Python 3.14")
    shutil.rmtree(project.root / "patches")
    done = project.command("series", "lint")
    assert done.stderr == ("error: there is no series in patches/; export one first\n")
