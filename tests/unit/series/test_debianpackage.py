"""A series in Debian's source package."""

import subprocess

import pytest
from threadjoin.core.errors import Problem
from threadjoin.series import catalog, debianpackage
from tinycpython import AFTER_SECOND, RELEASE, changed, diff, read, write

OLD = changed(RELEASE["Python/pystate.c"], line2="debian")
CHANGELOG = """\
python3.11 (3.11.2-6) bookworm; urgency=medium

  * Debian's.

 -- A <a@b.example>  Fri, 27 Nov 2026 00:00:00 +0000
"""


@pytest.fixture
def package(cpython, series, monkeypatch):
    monkeypatch.setenv("DEBFULLNAME", "A")
    monkeypatch.setenv("DEBEMAIL", "a@b.example")
    added = series.directory.parent / "debian/3.11"
    write(added, {"symbols": "_PyB\n_PyA\n"})
    patch = diff(RELEASE, {**RELEASE, "Python/pystate.c": OLD})
    files = {
        "debian/source/format": "3.0 (quilt)\n",
        "debian/changelog": CHANGELOG,
        "debian/libpython.symbols.in": " PyX@Base @SVER@\n",
        "debian/patches/series": "own.patch\n",
        "debian/patches/own.patch": patch,
        ".pc/.version": "2\n",
        ".pc/applied-patches": "own.patch\n",
        ".pc/own.patch/.timestamp": "",
        ".pc/own.patch/Python/pystate.c": RELEASE["Python/pystate.c"],
        "Python/pystate.c": OLD,
    }
    return write(cpython, files)


@pytest.fixture
def ours(package, series):
    return catalog.load_series("3.11", series.directory.parent)


def test_it_goes_in_and_out_exactly(package, ours):
    before = read(package)
    assert debianpackage.apply(package, ours, check=True)
    assert read(package) == before
    assert debianpackage.apply(package, ours)
    after = read(package)
    assert after["Lib/threading.py"] == AFTER_SECOND["Lib/threading.py"]
    assert after["debian/changelog"].startswith("python3.11 (3.11.2-6+tj0) UNREL")
    assert " _PyA@Base 3.11.2-6+tj0~\n" in after["debian/libpython.symbols.in"]
    assert not debianpackage.apply(package, ours)
    assert read(package) == after
    assert debianpackage.apply(package, ours, reverse=True)
    assert read(package) == before
    assert not debianpackage.apply(package, ours, reverse=True)


def test_quilt_can_work_with_it(package, ours):
    debianpackage.apply(package, ours)
    after = read(package)["Lib/threading.py"]
    for command in (["pop", "-a"], ["push", "-a", "--fuzz=0"]):
        try:
            subprocess.run(
                ["quilt", "--quiltrc", "-", *command],
                cwd=package,
                env={"PATH": "/usr/bin:/bin", "QUILT_PATCHES": "debian/patches"},
                check=True,
                capture_output=True,
            )
        except FileNotFoundError:
            pytest.skip("quilt is not installed")
        text = read(package)["Lib/threading.py"]
        assert text == (RELEASE["Lib/threading.py"] if "pop" in command else after)


def test_a_package_that_the_series_does_not_fit_is_unchanged(package, ours):
    write(package, {"Python/old.c": "mine\n"})
    before = read(package)
    with pytest.raises(Problem, match="cannot be applied to"):
        debianpackage.apply(package, ours)
    assert read(package) == before


def test_unapplied_patches_of_the_package_are_reported(package, ours):
    write(package, {".pc/applied-patches": ""})
    with pytest.raises(Problem, match="dpkg-source --before-build"):
        debianpackage.apply(package, ours)


def test_another_revision_is_taken_out_first(package, ours):
    debianpackage.apply(package, ours)
    path = ours.patches[0]
    path.write_text(path.read_text() + "\n")
    with pytest.raises(Problem, match="take it out first"):
        debianpackage.apply(package, ours)
    assert debianpackage.apply(package, ours, reverse=True)
