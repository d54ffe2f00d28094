"""The release, taken from the distribution's source package."""

import subprocess

import pytest
from threadjoin.core.process import DiskFull
from threadjoin.series import catalog
from threadjoin.source import aptsource
from threadjoin.source.fetch import Unavailable
from tinycpython import read, write

PACKAGE = catalog.Debian(
    "bookworm", "python3.11", "python3.11_3.11.2.orig.tar.gz", frozenset()
)

#: Configuration of another release of the distribution, which the machine may have.
SOURCES = """\
# the mirror
Types: deb
URIs: http://mirror.example/trixie http://second.example/debian
Suites: trixie trixie-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Enabled: no
types: deb deb-src
URIs: http://off.example/debian
Suites: trixie-security
 stable
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 trixie
"""

SOURCES_OF_BOOKWORM = (
    SOURCES.replace("Types: deb", "Types: deb-src")
    .replace("types: deb deb-src", "types: deb-src")
    .replace("trixie trixie-updates", "bookworm bookworm-updates")
    .replace("trixie-security\n stable", "bookworm-security\n bookworm")
)

LIST = """\
# deb http://commented.example/debian trixie main
deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian trixie main
deb-src http://b.example/stable stable-updates main contrib # why not
deb http://c.example/x nodistro stable
deb http://d.example/flat ./
"""
LIST_OF_BOOKWORM = """\
# deb http://commented.example/debian trixie main
deb-src [arch=amd64 signed-by=/k.gpg] http://a.example/debian bookworm main
deb-src http://b.example/stable bookworm-updates main contrib # why not
deb-src http://c.example/x nodistro stable
deb-src http://d.example/flat ./
"""


@pytest.fixture(autouse=True)
def codename(monkeypatch):
    monkeypatch.setattr(aptsource, "_codename", lambda: ["trixie"])


@pytest.mark.parametrize(
    "form, text, wanted",
    [(".sources", SOURCES, SOURCES_OF_BOOKWORM), (".list", LIST, LIST_OF_BOOKWORM)],
)
def test_the_source_list_is_the_machines_with_another_type_and_suite(
    form, text, wanted
):
    assert aptsource.as_sources(form, text, "bookworm") == wanted


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return the machine's configuration of apt: a directory."""
    files = {
        "sources.list": "deb http://a.example/ trixie main\n",
        "sources.list.d/b.list": "deb http://b.example/ trixie main\n",
        "sources.list.d/c.sources": SOURCES,
        "sources.list.d/d.list.disabled": "deb http://d.example/ trixie main\n",
    }
    etc = write(tmp_path / "etc", files)
    monkeypatch.setattr(aptsource, "ETC", etc)
    return etc


#: Output of apt-config: settings to keep, and settings to drop.
DUMP = """\
echo 'Acquire::http::Proxy "http://proxy.example";'
echo 'Acquire::IndexTargets::deb::DEP-11 "";'
echo 'APT::Update::Post-Invoke:: "rm -rf /";'
"""


def test_the_state_is_all_in_one_directory(tmp_path, machine, program):
    program("apt-config", DUMP)
    state = tmp_path / "state"
    env = aptsource.prepare(state, "bookworm")
    sources = read(state / "sources")
    assert sorted(sources) == ["b.list", "c.sources", "sources.list"]
    assert sources["b.list"] == "deb-src http://b.example/ bookworm main\n"
    lines = (state / "apt.conf").read_text().splitlines()
    assert env["APT_CONFIG"] == f"{state}/apt.conf"
    assert lines[0] == 'Acquire::http::Proxy "http://proxy.example";'
    assert not any("Post-Invoke" in line or "DEP-11" in line for line in lines)
    for key in ("Dir::State::Lists", "Dir::Cache", "Dir::Etc::SourceParts"):
        line = next(line for line in lines if line.startswith(f'{key} "'))
        assert f'"{state}/' in line


def fetch(tmp_path):
    place = tmp_path / "build"
    place.mkdir()
    try:
        aptsource.fetch(PACKAGE, place / "part", tmp_path / "log")
    finally:
        assert {path.name for path in place.iterdir()} <= {"part"}
    return (place / "part").read_text()


def test_apt_fetches_the_tarball_with_that_state(tmp_path, machine, program):
    program("apt-config", DUMP)
    apt = (
        f'echo "$@" >>{tmp_path}/said; grep -q proxy.example "$APT_CONFIG" || exit 9; '
    )
    apt += "case $* in *bookworm) echo tarball >python3.11_3.11.2.orig.tar.gz;; esac"
    program("apt-get", apt)
    before = read(machine)
    assert fetch(tmp_path) == "tarball\n"
    assert read(machine) == before
    assert (tmp_path / "said").read_text() == (
        "-q update\n-q source --download-only --tar-only python3.11/bookworm\n"
    )


#: apt-get: the newest version of the package, and that of the release.
PATCHES = """\
case "$*" in
*update) exit 100;;
"-q source --download-only --diff-only python3.11")
    %s
    echo >python3.11_3.11.2-6+deb12u9.debian.tar.xz;;
"-q source --download-only --diff-only python3.11/bookworm")
    echo >python3.11_3.11.2-6+deb12u8.debian.tar.xz;;
esac
"""


@pytest.mark.parametrize(
    "answer, version",
    [(":", "6+deb12u9"), ("echo 'E: Failed to fetch x 404'; exit 100", "6+deb12u8")],
)
def test_the_newest_patches_come_first(tmp_path, machine, program, answer, version):
    program("apt-config", DUMP)
    program("apt-get", PATCHES % answer)
    place = tmp_path / "cache"
    place.mkdir()
    path = aptsource.fetch_patches(PACKAGE, place, tmp_path / "log")
    assert path == place / f"python3.11_3.11.2-{version}.debian.tar.xz"
    assert list(place.iterdir()) == [path]


def test_patches_for_another_release_are_not_used(tmp_path, machine, program):
    program("apt-config", DUMP)
    program("apt-get", "echo >python3.11_3.11.9-1.debian.tar.xz")
    with pytest.raises(Unavailable, match=r"it has no python3.11_3.11.2-"):
        aptsource.fetch_patches(PACKAGE, tmp_path, tmp_path / "log")


@pytest.mark.parametrize(
    "script, words",
    [
        ("echo 'E: Unable to find a source package'; exit 100", "^Unable to find"),
        ("echo 'W: Failed to fetch http://x  Err'", "^Failed to fetch http://x  Err$"),
        ("exit 0", "^it has no python3.11_3.11.2.orig.tar.gz$"),
    ],
)
def test_the_error_of_apt_is_reported(tmp_path, machine, program, script, words):
    program("apt-config", DUMP)
    program("apt-get", script)
    with pytest.raises(Unavailable, match=words):
        fetch(tmp_path)


def test_a_full_disk_is_reported(tmp_path, machine, program):
    program("apt-config", DUMP)
    program("apt-get", "echo 'E: Write error - write (28: No space left on device)'")
    with pytest.raises(DiskFull):
        fetch(tmp_path)


def test_a_machine_without_apt_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no apt-get on this machine"):
        fetch(tmp_path)


def test_apt_itself_uses_that_state(tmp_path):
    try:
        env = aptsource.prepare(tmp_path, "bookworm")
    except FileNotFoundError:
        pytest.skip("no apt on this machine")

    def said(*command):
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        return done.stdout

    dump = said("apt-config", "dump")
    assert f'dir::state::lists "{tmp_path}/lists";'.lower() in dump.lower()
    assert "Post-Invoke" not in dump
    kinds = said("apt-get", "indextargets", "--format", "$(CREATED_BY)").split()
    assert set(kinds) <= {"Sources"}
