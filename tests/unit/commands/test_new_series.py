"""A new series needs files below patches/ alone, and no change of the code."""

import json
import shutil
import subprocess
import sys

import pytest
from fakeproject import EVENT, GAP, SEVERAL, commit, edited, message, several
from threadjoin.core import git, layout

NAME = "3.77"
VERSION = "3.77.5"
OTHERS = ("build.sh", "Dockerfile", "docker-bake.hcl", "pyproject.toml", "tests")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return a project of two series and the tools, to which a third has been added."""
    project = several(tmp_path_factory.mktemp("new"))
    for name in OTHERS:
        copied = layout.ROOT / name
        ignore = shutil.ignore_patterns("__pycache__")
        if copied.is_dir():
            shutil.copytree(copied, project.root / name, ignore=ignore)
        else:
            shutil.copy(copied, project.root / name)
    project.command("series", "releases", "--write")
    before = {path: path.read_bytes() for path in files(project)}
    # By hand: its releases, its differences, and the registry.
    project.release(VERSION, {"Lib/threading.py": edited(20, by=b"of 3.77")})
    project.add_series(NAME, VERSION)
    different = {
        "mended": {"interrupted_join": VERSION},
        "lacks": {"test_fork1": "no fork there"},
        "expected_failures": {
            "tests/integration/test_joining.py::test_join_inside_join": "not yet"
        },
        "part": ["tests/integration/test_joining.py"],
    }
    path = project.root / "patches" / NAME / "differences.json"
    path.write_text(json.dumps(different))
    gaps = {(name, NAME): True for name in SEVERAL}
    gaps |= {(SEVERAL[1], "3.12"): GAP, (SEVERAL[0], NAME): "not needed"}
    project.register(*SEVERAL, gaps=gaps)
    # The tools do the rest.
    place = project.root.parent
    words = ("series", "port", "3.11", NAME, "port", "--source", place)
    assert project.command(*words).returncode == 0
    assert project.command("series", "export", NAME, "port").returncode == 0
    assert project.command("series", "releases", "--write").returncode == 0
    project.before = before
    return project


def files(project):
    """Return the files of the project outside patches/."""
    return [
        path
        for path in project.root.rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and path.relative_to(project.root).parts[0] not in ("patches", "Misc", "build")
    ]


def test_only_generated_files_have_changed_elsewhere(project):
    changed = {
        path.relative_to(project.root).as_posix()
        for path in files(project)
        if project.before.get(path) != path.read_bytes()
    }
    # The Dockerfile names the release of the lead series.
    assert changed == {"docker-bake.hcl"}


@pytest.mark.parametrize(
    "words, said",
    [
        (("lint", "--source", "."), "3.11, 3.12, 3.77: nothing wrong"),
        (("releases",), "The series 3.77:"),
        (("checkout", "out", "--source", "."), "out/3.77: CPython 3.77.5 (tag base)"),
        (("graft",), "patches/3.77: nothing to change"),
    ],
)
def test_commands_know_it(project, words, said):
    done = project.command("series", *words)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


def test_it_is_compared(project):
    done = project.command("series", "diff", "3.11", NAME, "--summary")
    assert "0010-event: only 3.11 has it (3.77: not needed)" in done.stdout


def test_it_is_applied(project):
    tree = project.root.parent / "tree"
    shutil.copytree(project.root.parent / f"Python-{VERSION}", tree)
    done = project.command("apply", tree)
    assert done.stdout == (
        f"tree (CPython {VERSION}): the series {NAME} (2 patches) is applied\n".replace(
            "tree", str(tree), 1
        )
    )
    assert (tree / EVENT).exists()


def test_images_have_it(project):
    bake = (project.root / "docker-bake.hcl").read_text()
    assert f'series  = "{NAME}"' in bake


def build(project, *words):
    return subprocess.run(
        [project.root / "build.sh", *words, "--no-install"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_build_sh_takes_it(project):
    tree = project.root.parent / f"Python-{VERSION}"
    done = build(project, NAME, "--source", str(tree), "--until", "source")
    assert done.returncode == 0, done.stderr
    assert f"laid out CPython {VERSION} of {tree} as " in done.stdout
    source = project.root / "build" / NAME / "debug" / "patched" / "src"
    assert (source / EVENT).exists()
    done = build(project, "3.78")
    assert done.stderr.endswith(
        "no series for Python 3.78; there is one for: 3.11, 3.12, 3.77\n"
    )


def collected(project, *words):
    """Return the tests of the interpreters that pytest finds with *words*."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *words]
        + ["tests/integration/test_joining.py", "tests/integration/test_fork.py"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "error" not in done.stderr.lower(), done.stdout + done.stderr
    return done.stdout.splitlines()


def test_tests_run_for_it(project):
    """The only series that is tested has the tests of the lead, of the same names."""
    lead, mine = (
        [line for line in collected(project, "--collect-only", *words) if "::" in line]
        for words in ((), ("--series", NAME))
    )
    assert mine == lead
    assert len(mine) > 100


def test_its_part_of_the_tests_runs_besides_those_of_the_lead(project):
    options = ("--series=3.11", f"--part={NAME}")
    ids = [x for x in collected(project, "--collect-only", *options) if "::" in x]
    mine = [line for line in ids if NAME in line]
    assert mine and all("/test_joining.py::" in line for line in mine)
    lead = [line for line in ids if NAME not in line]
    assert any("/test_fork.py::" in line for line in lead)


def test_what_was_not_built_is_skipped_with_the_reason(project):
    said = collected(project, f"--not-built={NAME}=there is no source")
    assert [line for line in said if line.startswith("SKIPPED")]
    assert all(
        line.endswith("not run: there is no source")
        for line in said
        if line.startswith("SKIPPED")
    )
    assert " skipped" in said[-1] and "failed" not in said[-1]


def test_a_change_of_the_lead_reaches_it(project):
    lead = project.root.parent / "lead"
    files = {EVENT: b"int another;\n"}
    text = message("gh-116372: Do 0030-join", name=SEVERAL[2])
    git.run(lead, "reset", "--quiet", "--soft", "threadjoin~1")
    commit(lead, text, files)
    project.export(lead)
    done = project.command("series", "graft", "--source", project.root.parent)
    assert done.returncode == 0, done.stderr
    assert f"patches/{NAME}/{SEVERAL[2]}.patch: {EVENT}" in done.stdout
    assert f"patches/3.12/{SEVERAL[2]}.patch: {EVENT}" in done.stdout
