"""The release as the distribution's source package has it."""

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

DEB822 = """\
# the mirror
Types: deb
URIs: http://mirror.example/debian http://second.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----
"""

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg trusted=yes] http://a.example/debian bookworm main
deb-src http://b.example/debian stable main contrib # why not
deb cdrom:[Debian_12]/ bookworm main
deb http://c.example/x bookworm stable
deb http://d.example/flat ./
"""


def test_the_form_of_sources_files():
    first, second = aptsource.parse_deb822(DEB822)
    assert first == aptsource.Entry(
        ("http://mirror.example/debian", "http://second.example/debian"),
        ("bookworm", "bookworm-updates"),
        ("main", "contrib"),
        {"Signed-By": "/usr/share/keyrings/archive.gpg"},
    )
    assert second.suites == ("bookworm-security",)
    key = second.trust["Signed-By"]
    assert key.startswith("\n -----BEGIN")
    assert key.endswith("END PGP PUBLIC KEY BLOCK-----")


def test_the_one_line_form():
    entries = aptsource.parse_list(ONE_LINE)
    assert [entry.uris[0] for entry in entries if entry.components] == [
        "http://a.example/debian",
        "http://b.example/debian",
        "http://c.example/x",
    ]
    assert entries[0].trust == {"Signed-By": "/k.gpg", "Trusted": "yes"}
    assert entries[1].components == ("main", "contrib")


def test_all_of_apts_files_are_read(tmp_path):
    files = {
        "sources.list": "deb http://a.example/ bookworm main\n",
        "sources.list.d/b.list": "deb http://b.example/ bookworm main\n",
        "sources.list.d/c.sources": DEB822,
        "sources.list.d/d.list.disabled": "deb http://d.example/ bookworm main\n",
    }
    found = aptsource.entries(write(tmp_path, files))
    assert [uri for entry in found for uri in entry.uris] == [
        "http://a.example/",
        "http://b.example/",
        "http://mirror.example/debian",
        "http://second.example/debian",
        "http://security.example/debian-security",
    ]


def test_mirrors_are_what_has_the_suite_and_main():
    entries = aptsource.parse_list(ONE_LINE) + aptsource.parse_deb822(DEB822)
    assert list(aptsource.mirrors(entries, {"bookworm"})) == [
        "http://a.example/debian",
        "http://mirror.example/debian",
        "http://second.example/debian",
    ]
    assert list(aptsource.mirrors(entries, {"stable"})) == ["http://b.example/debian"]


def test_the_state_is_all_in_one_directory(tmp_path):
    archive = ("http://a.example/debian", {"Signed-By": "/k.gpg"})
    settings = ['Acquire::http::Proxy "http://proxy.example";']
    env = aptsource.prepare(tmp_path, archive, "bookworm", settings)
    assert (tmp_path / "sources/release.sources").read_text() == (
        "Types: deb-src\nURIs: http://a.example/debian\nSuites: bookworm\n"
        "Components: main\nSigned-By: /k.gpg\n"
    )
    lines = (tmp_path / "apt.conf").read_text().splitlines()
    assert env["APT_CONFIG"] == f"{tmp_path}/apt.conf"
    assert settings[0] in lines
    for key in ("Dir::State::Lists", "Dir::Cache", "Dir::Etc::SourceParts"):
        line = next(line for line in lines if line.startswith(f'{key} "'))
        assert f'"{tmp_path}/' in line


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """The machine's configuration of apt: a directory."""
    etc = write(tmp_path / "etc", {"sources.list.d/debian.sources": DEB822})
    monkeypatch.setattr(aptsource, "ETC", etc)
    return etc


#: apt-config: what must be kept, and what must not.
DUMP = """\
echo 'Acquire::http::Proxy "http://proxy.example";'
echo 'Acquire::IndexTargets::deb::DEP-11 "";'
echo 'APT::Update::Post-Invoke:: "rm -rf /";'
"""


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
    apt = 'echo "$@" >>"$OUT"; cat "$APT_CONFIG" >"$OUT.conf"; '
    apt = apt.replace("$OUT", str(tmp_path / "said"))
    apt += "case $2 in source) echo tarball >python3.11_3.11.2.orig.tar.gz;; esac"
    program("apt-get", apt)
    before = read(machine)
    assert fetch(tmp_path) == "tarball\n"
    assert read(machine) == before
    assert (tmp_path / "said").read_text() == (
        "-q update\n-q source --download-only --tar-only python3.11\n"
    )
    configuration = (tmp_path / "said.conf").read_text()
    assert "proxy.example" in configuration
    assert "Post-Invoke" not in configuration


def test_the_next_mirror_is_asked_when_one_fails(tmp_path, machine, program):
    program("apt-config", DUMP)
    program(
        "apt-get",
        "grep -q second.example sources/* || { echo 'E: first fails'; exit 100; }\n"
        "echo tarball >python3.11_3.11.2.orig.tar.gz",
    )
    assert fetch(tmp_path) == "tarball\n"


#: apt-get: each suite has a package, that of `security` only where it is said so.
PATCHES = """\
case "$*" in *source*) ;; *) exit 0;; esac
test "$*" = "-q source --download-only --diff-only python3.11" || exit 9
if grep -q "Suites: bookworm-security" sources/*; then
    %s
    echo >python3.11_3.11.2-6+deb12u9.debian.tar.xz
else
    echo >python3.11_3.11.2-6+deb12u8.debian.tar.xz
fi
"""


@pytest.mark.parametrize(
    "answer, version",
    [(":", "6+deb12u9"), ("echo 'E: Failed to fetch x 404'; exit 100", "6+deb12u8")],
)
def test_the_patches_come_from_security_first(
    tmp_path, machine, program, answer, version
):
    program("apt-config", DUMP)
    program("apt-get", PATCHES % answer)
    place = tmp_path / "cache"
    place.mkdir()
    path = aptsource.fetch_patches(PACKAGE, place, tmp_path / "log")
    assert path == place / f"python3.11_3.11.2-{version}.debian.tar.xz"
    assert list(place.iterdir()) == [path]


def test_patches_for_another_release_are_not_taken(tmp_path, machine, program):
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
def test_apts_complaint_is_told(tmp_path, machine, program, script, words):
    program("apt-config", DUMP)
    program("apt-get", script)
    with pytest.raises(Unavailable, match=words):
        fetch(tmp_path)


def test_a_full_disk_is_told(tmp_path, machine, program):
    program("apt-config", DUMP)
    program("apt-get", "echo 'E: Write error - write (28: No space left on device)'")
    with pytest.raises(DiskFull):
        fetch(tmp_path)


def test_another_distribution_is_told(tmp_path, monkeypatch, program):
    program("apt-get", "exit 1")
    write(tmp_path / "etc", {"sources.list": "deb http://a.example/ noble main\n"})
    monkeypatch.setattr(aptsource, "ETC", tmp_path / "etc")
    monkeypatch.setattr(aptsource, "_codename", lambda: ["noble-not"])
    with pytest.raises(Unavailable, match="not set up with a Debian archive"):
        fetch(tmp_path)


def test_a_machine_without_apt_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no apt-get on this machine"):
        fetch(tmp_path)


def test_apt_itself_takes_the_state_for_its_own(tmp_path):
    archive = (f"file:{tmp_path}/archive", {})
    try:
        settings = aptsource.configuration()
    except FileNotFoundError:
        pytest.skip("no apt on this machine")
    env = aptsource.prepare(tmp_path, archive, "bookworm", settings)
    done = subprocess.run(
        ["apt-config", "dump"], env=env, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert f'dir::state::lists "{tmp_path}/lists";'.lower() in done.stdout.lower()
    assert "Post-Invoke" not in done.stdout
