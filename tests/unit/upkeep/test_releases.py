"""A series on the sources of the releases that are there."""

import json
import subprocess
import sys

import pytest
from threadjoin.core import layout
from threadjoin.core.errors import Problem
from threadjoin.series import catalog
from threadjoin.upkeep import releasedata, releases
from tinycpython import RELEASE, changed, diff, known, pack, packaged, serve, write

NAME = "Lib/threading.py"


@pytest.fixture
def tried(series, tmp_path):
    """Return a function that returns the rows of a table, as lists of their cells."""
    cache = tmp_path / "cache"
    cache.mkdir()

    def tried(*directories):
        loaded = catalog.load_series("3.11", series.directory.parent)
        found = releases.sources(loaded, directories, cache)
        return list(releases.rows(loaded, found))

    tried.cache = cache
    return tried


def source(place, version, text=RELEASE[NAME]):
    """Write a tree of *version* to *place*; return it."""
    header = f'#define PY_VERSION "{version}"\n'
    return write(place, {**RELEASE, "Include/patchlevel.h": header, NAME: text})


def knows(series, *entries):
    path = series.directory / "releases.json"
    data = json.loads(path.read_text())
    names = {entry["version"] for entry in entries}
    others = [one for one in data["releases"] if one["version"] not in names]
    data["releases"] = [*others, *entries]
    path.write_text(json.dumps(data))


def cells(rows):
    return [(row.found.version, row.verdict) for row in rows]


def test_a_release_without_a_source_is_not_run(tried):
    rows = tried()
    assert cells(rows) == [("3.11.2", "not run"), ("3.11.3", "not run")]
    assert releases.table(rows) == [
        "version  source  checked  the series",
        "3.11.2   -       yes      not run",
        "3.11.3   -       no       not run",
        "0 to the letter, 0 with offsets, 0 refused, 2 not run",
    ]


def test_trees_and_tarballs_of_a_directory_are_tried(tried, tmp_path):
    here = tmp_path / "here"
    source(here / "3.11.2", "3.11.2")
    moved = source(tmp_path / "moved", "3.11.3", "more\n" + RELEASE[NAME])
    pack(moved, here / "Python-3.11.3.tar.xz")
    source(here / "head", "3.11.3+", changed(RELEASE[NAME], line50="other"))
    source(here / "later", "3.12.1")
    write(here, {"notes": "", "Python-3.12.1.tgz": ""})
    rows = tried(here)
    assert cells(rows) == [
        ("3.11.2", "to the letter"),
        ("3.11.3", "with offsets"),
        ("3.11.3+", "refused"),
    ]
    words = (
        "refused: 0001-event.patch: Lib/threading.py, hunk 2 (line 47) does not match"
    )
    assert rows[2].cells() == ["3.11.3+", str(here / "head"), "-", words]
    # It is not a known release, so the data does not call it checked.
    assert releases.refused(rows) == []


def test_a_tree_itself_may_be_given(tried, tmp_path):
    assert cells(tried(source(tmp_path / "it", "3.11.2")))[0] == (
        "3.11.2",
        "to the letter",
    )


def test_tarballs_in_the_cache_are_known_by_their_sums(tried, series, tmp_path):
    serve(source(tmp_path / "tree", "3.11.2"), tried.cache)
    assert cells(tried())[0] == ("3.11.2", "not run")
    knows(series, known("3.11.2", True, tried.cache))
    assert cells(tried())[0] == ("3.11.2", "to the letter")


def test_debians_package_is_tried_with_its_patches(tried, series, tmp_path):
    serve(source(tmp_path / "tree", "3.11.2"), tried.cache)
    knows(series, known("3.11.2", True, tried.cache))
    fixed = {**RELEASE, NAME: changed(RELEASE[NAME], line29="fixed")}
    packaged(tried.cache, {"fix.patch": diff(RELEASE, fixed)})
    last = tried()[-1]
    assert (last.found.version, last.verdict) == ("3.11.2 (Debian)", "refused")
    assert last.why.startswith("0002-hook.patch: Lib/threading.py, hunk 1")


def test_a_release_that_is_checked_must_not_refuse(tried, series, tmp_path):
    text = changed(RELEASE[NAME], line50="other")
    for version in ("3.11.2", "3.11.3"):
        source(tmp_path / "here" / version, version, text)
    rows = tried(tmp_path / "here")
    assert [row.verdict for row in rows] == ["refused", "refused"]
    assert releases.refused(rows) == ["3.11.2"]


def test_a_path_that_is_neither_directory_nor_tarball_is_refused(tried, tmp_path):
    with pytest.raises(Problem, match="nowhere is not a directory"):
        tried(tmp_path / "nowhere")
    write(tmp_path / "here", {"Python-3.11.2.tgz": "none"})
    with pytest.raises(Problem, match="Python-3.11.2.tgz is no tarball, or a damaged"):
        tried(tmp_path / "here")


@pytest.fixture
def project(series):
    """Return a project whose Dockerfile and bake file have generated lines."""
    root = series.directory.parents[1]
    block = f"  {releasedata.BEGIN}\nold\n  {releasedata.END}\n"
    write(root, dict.fromkeys(releasedata.GENERATED, f"a\n{block}b\n"))
    return root


def test_a_release_is_added_and_what_is_made_of_it_written(series, project):
    changed = releasedata.add(series, "3.11.10", "5" * 64, "6" * 64, True, project)
    assert changed == ["patches/3.11/releases.json", *releasedata.GENERATED]
    loaded = catalog.load_series("3.11", series.directory.parent)
    assert loaded.newest.version == "3.11.10"
    assert (project / "Dockerfile").read_text() == (
        f"a\n  {releasedata.BEGIN}\n  ARG SERIES=3.11\n"
        f"  ARG PYTHON_VERSION=3.11.10\n  ARG PYTHON_SHA256={'6' * 64}\n"
        f"  ARG GPG_KEY={loaded.gpg_key}\n"
        f"  {releasedata.END}\nb\n"
    )
    assert (
        f'    sha256  = "{"6" * 64}"\n    gpg_key = "{loaded.gpg_key}"\n  }},\n'
        in (project / "docker-bake.hcl").read_text()
    )
    # To say that it is not checked changes the same release.
    releasedata.add(loaded, "3.11.10", "5" * 64, "6" * 64, False, project)
    assert "PYTHON_VERSION=3.11.2\n" in (project / "Dockerfile").read_text()
    assert releasedata.write(project) == []


def test_an_added_release_has_to_fit_the_data(series, project):
    before = (series.directory / "releases.json").read_text()
    for version, total, words in (
        ("3.12.1", "5" * 64, "is no release of Python 3.11"),
        ("3.11", "5" * 64, "is no release of Python 3.11"),
        ("3.11.3", "5" * 64, "3.11.3 is in patches/3.11/releases.json with other"),
    ):
        with pytest.raises(Problem, match=words):
            releasedata.add(series, version, total, total, True, project)
    (project / "Dockerfile").write_text("none\n")
    with pytest.raises(Problem, match="Dockerfile has no lines between '# Made of"):
        releasedata.add(series, "3.11.9", "5" * 64, "6" * 64, True, project)
    assert (series.directory / "releases.json").read_text() == before


def test_the_files_of_the_project_are_as_they_are_made():
    for name, text in releasedata.contents().items():
        assert (layout.ROOT / name).read_text() == text


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--add", "3.11.99"), "--add needs the checksums, --tgz SUM and --xz SUM"),
        (("--checked",), "--tgz, --xz and --checked go with --add VERSION"),
        (("--tgz", "1"), "a SHA-256 has 64 hexadecimal digits"),
        (("--source", "/nowhere"), "--source /nowhere is not a directory"),
    ],
)
def test_bad_input_is_one_line(arguments, words):
    done = subprocess.run(
        [
            sys.executable,
            layout.ROOT / "scripts/series",
            "releases",
            "3.11",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
