"""The series in packages, made with the tools of the distributions."""

import shutil
import subprocess
import tarfile

import pytest
from threadjoin.core import layout
from threadjoin.series import debianpackage, tree
from threadjoin.source import debian, origin, tarballs, workcopy
from threadjoin.upkeep import combined

LOG = layout.BUILD / "source.log"

SPEC = """\
Name: python
Version: 1
Release: 1
Summary: Python
License: PSF-2.0
Source0: python.tgz
Patch0: threadjoin.patch
%description
Python.
%prep
%autosetup -p1 OPTIONS
"""


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"not run: {program} is not installed")


def run(*command, cwd):
    """Run a command, and return all that it says."""
    done = subprocess.run(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def release(series):
    """The origin.Origin of the release that the series is made on."""
    try:
        return origin.release(series, LOG)
    except tarballs.NoWay as exc:
        pytest.skip(f"not run: {exc}")


@pytest.mark.slow
def test_a_source_package_of_debian_is_made(series, release, tmp_path):
    need("dpkg-source")
    if not series.debian:
        pytest.skip(f"not run: no package of Debian's is known for {series.name}")
    package = debian.cached(series.debian, origin.CACHE)
    if not package or release.path.name != series.debian.tarball:
        pytest.skip("not run: the package, or its release, is not in build/cache")
    shutil.copy2(package.path, tmp_path)
    shutil.copy2(release.path, tmp_path / series.debian.orig)
    place = tmp_path / "package"
    workcopy.unpack(release.path, place)
    workcopy.unpack(package.path, place / "debian")
    run("dpkg-source", "--before-build", place.name, cwd=tmp_path)
    assert debianpackage.apply(place, series)
    # It fails for a tree that differs from what the package's patches make.
    run("dpkg-source", "-b", place.name, cwd=tmp_path)
    number = series.label.partition("+")[2]
    name = f"{series.debian.package}_{package.version}+{number}"
    # It unpacks, and applies them, as who builds it does.
    run("dpkg-source", "-x", f"{name}.dsc", "again", cwd=tmp_path)
    told = tmp_path / "again/Lib/concurrent/_threadjoin.py"
    assert f"'{series.label}'" in told.read_text()
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="session")
def for_rpm(series, release, tmp_path_factory):
    """A directory with the combined patch, and a release of the files it changes."""
    place = tmp_path_factory.mktemp("rpm")
    patch = place / "threadjoin.patch"
    patch.write_bytes(combined.patch(series, release))
    # .gitattributes has the line endings of the files for Windows.
    wanted = {".gitattributes", *tree.touched(patch)}
    release.lay(place / "all")
    with tarfile.open(place / "python.tgz", "w:gz") as archive:
        for name in sorted(wanted):
            if (place / "all" / name).exists():
                archive.add(place / "all" / name, f"python-1/{name}")
    shutil.rmtree(place / "all")
    return place


@pytest.mark.parametrize("options", ["", "-S git_am"])
def test_rpm_applies_the_combined_patch(series, for_rpm, tmp_path, options):
    need("rpmbuild")
    spec = tmp_path / "python.spec"
    spec.write_text(SPEC.replace("OPTIONS", options))
    places = {"_topdir": tmp_path, "_sourcedir": for_rpm}
    defined = [f"--define={name} {path}" for name, path in places.items()]
    run("rpmbuild", "-bp", "--nodeps", *defined, spec.name, cwd=tmp_path)
    (told,) = tmp_path.glob("BUILD/**/Lib/concurrent/_threadjoin.py")
    assert f"'{series.label}'" in told.read_text()
