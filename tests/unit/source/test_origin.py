"""The values of --source, and the trees that are laid out from them."""

import subprocess

import pytest
from threadjoin.core.errors import Problem
from threadjoin.series import catalog, tree
from threadjoin.source import origin
from tinycpython import AFTER_SECOND, RELEASE, changed, digest, pack, read, write


@pytest.fixture(autouse=True)
def project(series, tmp_path, monkeypatch):
    """Make the series of the tests the only one, with an empty cache."""
    load = catalog.load_series
    patches = series.directory.parent
    monkeypatch.setattr(
        catalog, "load_series", lambda name, _=None: load(name, patches)
    )
    monkeypatch.setattr(origin, "CACHE", tmp_path / "cache")


@pytest.fixture
def place(tmp_path):
    return tmp_path / "build" / "patched" / "src"


def test_a_directory_a_tarball_and_a_url_are_the_same_source(
    cpython, tarball, series, place
):
    total = digest(tarball.read_bytes())
    for source in (
        origin.given(str(cpython)),
        origin.given(str(tarball)),
        origin.given(str(tarball), total),
        origin.given(f"file://{tarball}", total),
    ):
        assert origin.series(source) == series
        origin.prepare(source, series, place, patched=True)
        assert read(place) == AFTER_SECOND
        origin.prepare(source, series, place, patched=False)
        assert read(place) == RELEASE
    assert read(cpython) == RELEASE


@pytest.mark.parametrize(
    "text, total, words",
    [
        ("https://invalid.invalid/x.tgz", None, "needs --sha256"),
        ("{cpython}", "0" * 64, "--sha256 goes with a tarball"),
        ("{tarball}", "0" * 64, "Python-3.11.2.tgz: checksum mismatch"),
        ("file://{tarball}", "0" * 64, "Python-3.11.2.tgz: checksum mismatch"),
        ("/no/such/place", None, "there is no such file or directory"),
    ],
)
def test_a_path_without_a_source_is_refused(cpython, tarball, text, total, words):
    with pytest.raises(Problem, match=words):
        origin.given(text.format(cpython=cpython, tarball=tarball), total)


def test_a_source_that_is_not_cpython_is_refused_by_its_name(tmp_path):
    write(tmp_path / "other", {"README": ""})
    for path in (tmp_path / "other", pack(tmp_path / "other", tmp_path / "other.tgz")):
        words = f"^{path} is not a source tree of CPython"
        with pytest.raises(Problem, match=words):
            origin.series(origin.given(str(path)))


def test_the_version_decides_on_the_series(cpython):
    write(cpython, {"Include/patchlevel.h": '#define PY_VERSION "3.12.1"\n'})
    with pytest.raises(Problem, match=r"no series for Python 3\.12; .* for: 3\.11"):
        origin.series(origin.given(str(cpython)))


def test_the_series_that_is_named_has_to_fit(cpython):
    source = origin.given(str(cpython))
    assert origin.series(source, "3.11").name == "3.11"
    with pytest.raises(Problem, match=r"is CPython 3\.11\.2, and the series 3\.9 is"):
        origin.series(source, "3.9")


def test_a_checkout_is_not_modified(cpython, series, place):
    subprocess.run(["git", "init", "--quiet"], cwd=cpython, check=True)
    subprocess.run(["git", "add", "."], cwd=cpython, check=True)
    write(cpython, {"untracked": "mine\n"})
    before = {path: path.stat().st_mtime_ns for path in cpython.rglob("*")}
    origin.prepare(origin.given(str(cpython)), series, place, patched=True)
    assert read(place) == AFTER_SECOND
    assert {path: path.stat().st_mtime_ns for path in cpython.rglob("*")} == before


def test_a_source_with_the_series_in_it_makes_both_trees(cpython, series, place):
    tree.apply(cpython, series)
    source = origin.given(str(cpython))
    assert origin.prepare(source, series, place, patched=True) is True
    assert read(place) == AFTER_SECOND
    assert origin.prepare(source, series, place, patched=False) is True
    assert read(place) == RELEASE
    assert read(cpython) == AFTER_SECOND


def test_stock_is_laid_out_even_if_the_series_does_not_apply(cpython, series, place):
    write(cpython, {"Python/pystate.c": "quite different\n"})
    before = read(cpython)
    source = origin.given(str(cpython))
    assert origin.prepare(source, series, place, patched=False) is False
    assert read(place) == before


def test_a_series_that_does_not_apply_leaves_the_old_tree(cpython, series, place):
    origin.prepare(origin.given(str(cpython)), series, place, patched=True)
    name = "Python/pystate.c"
    write(cpython, {name: changed(RELEASE[name], line15="int mine;")})
    words = f"0002-hook.patch cannot be applied to {cpython} .*: Python/pystate.c, hunk"
    with pytest.raises(Problem, match=words):
        origin.prepare(origin.given(str(cpython)), series, place, patched=True)
    assert read(place) == AFTER_SECOND
    assert sorted(p.name for p in place.parent.iterdir()) == ["src", "src.json"]


def test_a_tree_that_is_laid_out_is_used_again(tarball, series, place, monkeypatch):
    source = origin.given(str(tarball))
    assert origin.prepare(source, series, place, patched=True) is False
    unpacked = []
    monkeypatch.setattr(origin.workcopy, "unpack", lambda *args: unpacked.append(args))
    assert origin.prepare(source, series, place, patched=True) is None
    assert unpacked == []


def test_a_changed_series_changes_only_its_files(tarball, series, place):
    source = origin.given(str(tarball))
    origin.prepare(source, series, place, patched=True)
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*.*")}
    patch = series.patches[1]
    patch.write_text(patch.read_text().replace("int hook;", "int hooked;"))
    origin.prepare(source, series, place, patched=True)
    after = {path: path.stat().st_mtime_ns for path in place.rglob("*.*")}
    assert [p for p in after if after[p] != before[p]] == [place / "Python/pystate.c"]
    assert "int hooked;" in (place / "Python/pystate.c").read_text()
