"""The recipes of docs/packaging.md that take seconds.

Those that build whole packages are in test_whole_packages.py.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import recipes
from recipes import files, told
from threadjoin.core import process
from threadjoin.series import catalog, tree
from threadjoin.source import workcopy

HERE = Path(__file__).resolve().parent

#: A stand-in for nixpkgs, with what the recipe uses.
NIXPKGS = """\
let
  make = attributes: {
    outPath = attributes.name;
    inherit (attributes) patches self;
    overrideAttrs = change: make (attributes // change attributes);
    override = arguments: make (attributes // arguments);
  };
in {
  python311 = make { name = "python3"; patches = [ ./own.patch ]; self = null; };
}
"""

#: Files that pyenv's own patches change, too.
PYENV_CHANGES = ("configure", "configure.ac", "aclocal.m4", "setup.py")

#: Unpacks a release, patches it, and installs it as it is.
DEFINITION = """\
install_package "Python-{version}" "{url}#{sha256}" copy
"""


def test_each_block_of_the_page_is_run_or_says_that_it_is_not():
    page = recipes.PAGE.read_text()
    found = recipes.blocks(page)
    assert len({(one.language, one.name) for one in found}) == len(found)
    names = ("recipes", "test_packaging", "test_whole_packages")
    sources = "".join((HERE / f"{name}.py").read_text() for name in names)
    pattern = r'page\.(?:run|text)\(\s*(?:"\w+", )?"([\w-]+)"'
    run = set(re.findall(pattern, sources))
    assert {one.name for one in found if one.tried} == run
    for section in page.split("\n## ")[1:]:
        if not all(one.tried for one in recipes.blocks(section)):
            assert "ot tried" in section


def test_what_is_printed_is_compared():
    assert recipes.matches("a (...): c\n...\nd\n", "a (b): c\n\nx\nd\n")
    assert not recipes.matches("a (...): c\n", "a (b): c\nd\n")
    assert not recipes.matches("a.c\n", "abc\n")


def test_a_page_for_another_series_has_its_names():
    lead, other = catalog.load_series(), catalog.load_series("3.9")
    text = f"```sh x\npython{lead.name} {lead.label} v{lead.base.version}\n```\n"
    made = recipes.Page(other, text)
    assert made.text("sh", "x") == "python3.9 3.9+tj1 v3.9.2\n"


@pytest.fixture(scope="session")
def old(series, tmp_path_factory):
    """Return a checkout at the revision before, and the catalog.Series there."""
    place = tmp_path_factory.mktemp("old") / "threadjoin"
    return place, recipes.earlier(series, place)


@pytest.fixture(scope="session")
def laid(release, tmp_path_factory):
    """Return the release, unpacked; not to be changed."""
    place = tmp_path_factory.mktemp("laid") / "cpython"
    release.lay(place)
    return place


@pytest.fixture
def cpython(series, laid, tmp_path):
    """Return a tree with the files of the release that the series changes."""
    names = {name for patch in series.patches for name in tree.touched(patch)}
    # .gitattributes has the line endings of the files for Windows.
    names |= {".gitattributes", str(tree.VERSION_HEADER)}
    take(names, laid, tmp_path / "cpython")
    return tmp_path / "cpython"


def take(names, laid, place):
    """Copy those of the files *names* that are in *laid* to the directory *place*."""
    for name in names:
        if (laid / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(laid / name, place / name)


def test_an_interpreter_is_asked_for_its_revision(page, patched, stock, tmp_path):
    for kind in (patched, stock):
        (tmp_path / "python3").write_text(f'#!/bin/sh\nexec {kind.path} "$@"\n')
        (tmp_path / "python3").chmod(0o755)
        path = f"{tmp_path}:{os.environ['PATH']}"
        if kind is patched:
            page.run("ask", tmp_path, PATH=path)
        else:
            with pytest.raises(AssertionError, match="No module named"):
                page.run("ask", tmp_path, PATH=path)


def test_a_tree(page, series, cpython, old):
    before = files(cpython)
    page.run("tree", cpython.parent)
    assert told(cpython) == series.label
    after = files(cpython)
    page.run("tree-out", cpython.parent)
    assert files(cpython) == before
    # From the revision before to this one is the same as this one at once.
    place, past = old
    page.run("tree", cpython.parent, (series.label, past.label), THREADJOIN=place)
    assert told(cpython) == past.label != series.label
    page.run("tree-update", cpython.parent, OLD=place)
    assert files(cpython) == after


def test_a_tree_without_tests(page, series, cpython):
    for name in tree.TESTS:
        shutil.rmtree(cpython / name)
    before = files(cpython)
    page.run("slim", cpython.parent)
    assert told(cpython) == series.label
    # "The option goes with each of the lines above."
    change = ("scripts/apply", "scripts/apply --without-tests")
    page.run("tree-out", cpython.parent, change)
    assert files(cpython) == before


def git(place, *arguments):
    """Run git in the directory *place*, and return what it prints."""
    person = ["-c", "user.name=A", "-c", "user.email=a@b.example"]
    done = subprocess.run(
        ["git", *person, *arguments],
        cwd=place,
        env=process.environment(GIT_CONFIG_GLOBAL="/dev/null"),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_a_git_clone(page, series, cpython, old):
    git(cpython, "init", "--quiet", "--initial-branch=main")
    git(cpython, "add", "--all")
    git(cpython, "commit", "--quiet", "--message=The release")
    git(cpython, "tag", f"v{series.base.version}")
    person = {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b.example"}
    place, past = old
    change = (series.label, past.label)
    page.run("git", cpython.parent, change, THREADJOIN=place, **person)
    assert told(cpython) == past.label
    page.run("git", cpython.parent, **person)
    assert told(cpython) == series.label
    count = git(cpython, "rev-list", "--count", "main..HEAD")
    assert int(count) == len(series.patches)
    assert git(cpython, "branch", "--show-current").strip() == series.label


@pytest.fixture
def source_package(package, laid, cpython, tmp_path):
    """Return a source package of Debian, with the files that patches change."""
    workcopy.unpack(package.path, tmp_path / "debian")
    for patch in (tmp_path / "debian/patches").iterdir():
        text = patch.read_text(errors="replace")
        names = re.findall(r"^(?:---|[+]{3}) [^/\s]+/(\S+)", text, re.MULTILINE)
        take(names, laid, cpython)
    small = recipes.tarball(cpython, tmp_path / "small.tgz")
    return recipes.source_package(small, package, tmp_path)


def test_a_source_package_of_debian(page, series, package, source_package, old):
    place = source_package
    before = files(place)
    page.run("debian", place.parent)
    after = files(place)
    # It unpacks the package and applies the patches, as a build does.
    number = series.label.partition("+")[2]
    dsc = f"{package.data.package}_{package.version}+{number}.dsc"
    unpack = ["dpkg-source", "-x", dsc, "again"]
    subprocess.run(unpack, cwd=place.parent, check=True, capture_output=True)
    assert told(place.parent / "again") == series.label
    page.run("debian-out", place.parent)
    assert files(place) == before
    checkout, past = old
    command = [checkout / "scripts/apply", place]
    subprocess.run(command, check=True, capture_output=True)
    assert told(place) == past.label
    page.run("debian-update", place.parent)
    assert told(place) == series.label
    # Except for the time in the changelog.
    log = "debian/changelog"
    for again in (after, now := files(place)):
        again[log] = re.sub(rb"\n -- .*\n", b"\n", again[log], count=1)
    assert now == after


def test_the_names_that_the_series_adds_to_the_library(series, stock, patched):
    if not series.debian:
        pytest.skip(f"not run: no package of Debian's is known for {series.name}")

    def exported(path):
        command = ["nm", "--dynamic", "--defined-only", "--format=posix", path]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return {line.split()[0] for line in done.stdout.splitlines()}

    before, after = exported(stock.path), exported(patched.path)
    # dpkg-gensymbols prints nothing about those in the symbols file.
    assert sorted(after - before) == list(series.debian.symbols)
    assert before <= after


@pytest.fixture(scope="session")
def one_file(page, tmp_path_factory):
    """Return the directory of threadjoin.patch, which the recipe has made."""
    place = tmp_path_factory.mktemp("patch")
    page.run("one-file", place)
    return place


def test_one_file(page, series, cpython, one_file):
    shutil.copy(one_file / "threadjoin.patch", cpython.parent)
    said = page.run("one-file-check", cpython.parent)
    assert not re.search("offset|fuzz|FAILED", said)
    page.run("tree", cpython.parent)
    after = files(cpython)
    page.run("tree-out", cpython.parent)
    change = ("--dry-run", "")
    page.run("one-file-check", cpython.parent, change)
    assert files(cpython) == after


@pytest.mark.parametrize("options", ["", " -S git_am"])
def test_rpm(page, series, cpython, one_file, old, tool, options):
    tool("rpmbuild")
    top = cpython.parent
    small = recipes.tarball(cpython, top / f"Python-{series.base.version}.tgz")
    small.path.rename(top / "python.tgz")
    spec = recipes.spec(page, series).replace("%autosetup", f"%autosetup{options}")
    (top / "python.spec").write_text(spec)
    shutil.copy(one_file / "threadjoin.patch", top)
    build = ["rpmbuild", "-bp", "--nodeps", f"--define=_topdir {top}"]
    build += [f"--define=_sourcedir {top}", "python.spec"]

    def prepared():
        done = subprocess.run(build, cwd=top, check=False, capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr
        (module,) = top.glob(f"BUILD/**/{catalog.SAYS_REVISION}")
        return told(Path(str(module).removesuffix(catalog.SAYS_REVISION)))

    assert prepared() == series.label
    if not options:
        place, past = old
        change = (series.label, past.label)
        page.run("one-file", top, change, THREADJOIN=place)
        assert prepared() == past.label


@pytest.fixture
def pyenv(series, laid, cpython, tmp_path):
    """Return the environment, a dict, of a pyenv that compiles nothing.

    Its definition of the release copies the source to where it would be installed.
    """
    take(PYENV_CHANGES, laid, cpython)
    version = series.base.version
    small = recipes.tarball(cpython, tmp_path / f"Python-{version}.tgz")
    environment = recipes.pyenv(tmp_path, small)
    if not environment:
        pytest.skip("not run: pyenv is not installed")
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    url = f"https://localhost.invalid/{small.path.name}"
    (definitions / version).write_text(
        DEFINITION.format(version=version, url=url, sha256=small.digest)
    )
    return {**environment, "PYTHON_BUILD_DEFINITIONS": definitions}


def test_pyenv(page, series, pyenv, tmp_path):
    version = series.base.version
    place = pyenv["PYENV_ROOT"] / "versions" / version
    page.run("pyenv", tmp_path, **pyenv)
    assert told(place) == series.label
    # It does as well what it does without the series.
    own = pyenv["PYENV_ROOT"] / "plugins/python-build/share/python-build/patches"
    for patch in own.glob(f"{version}/Python-{version}/*.patch"):
        added = re.findall(r"^\+ *([^+\s].*)$", patch.read_text(), re.MULTILINE)
        names = [name for name in tree.touched(patch) if (place / name).exists()]
        text = "".join((place / name).read_text() for name in names)
        assert added and all(line in text for line in added)
    page.run("pyenv-out", tmp_path, **pyenv)
    assert told(place) is None and (place / "Lib/threading.py").exists()


def test_the_line_in_a_dockerfile(page, series, cpython, one_file, tmp_path):
    assert page.text("dockerfile", "official-copy").startswith("COPY threadjoin.patch")
    place = tmp_path / "usr/src"
    place.mkdir(parents=True)
    cpython.rename(place / "python")
    shutil.copy(one_file / "threadjoin.patch", place)
    # The lines are joined as docker does it, with a directory of the test.
    line = page.text("dockerfile", "official-patch").replace("\\\n", " ")
    script = f"set -eux; cd /usr/src/python; {line} true"
    script = script.replace("/usr/src", str(place))
    done = subprocess.run(["sh", "-c", script], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert told(place / "python") == series.label


def test_nix_takes_the_patch_behind_its_own(page, tmp_path, tool):
    tool("nix-instantiate")
    (tmp_path / "default.nix").write_text(page.text("nix", "nix"))
    (tmp_path / "nixpkgs.nix").write_text(NIXPKGS)
    for name in ("own.patch", "threadjoin.patch"):
        (tmp_path / name).touch()
    question = """
        let python = import ./default.nix { pkgs = import ./nixpkgs.nix; };
        in map (p: map (patch: baseNameOf patch) p.patches) [ python python.self ]
    """
    done = subprocess.run(
        ["nix-instantiate", "--eval", "--strict", "--json", "--expr", question],
        cwd=tmp_path,
        env=process.environment(
            NIX_STATE_DIR=str(tmp_path / "state"), NIX_STORE_DIR=str(tmp_path / "store")
        ),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    both = '["own.patch","threadjoin.patch"]'
    assert done.stdout.strip() == f"[{both},{both}]"
