"""The system packages that a build needs."""

import io
import os

import pytest
from threadjoin.core import process
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.host import packages

MANAGERS = ("apt-get", "dnf", "zypper", "apk", "pacman")

TOOL = packages.Need("make", True, ("make",), "", dict.fromkeys(MANAGERS, "make"))
ZLIB = packages.Need("zlib", False, (), "zlib.h", {m: f"{m}-zlib" for m in MANAGERS})


@pytest.fixture
def lacking(monkeypatch):
    """Return a list of what packages.missing() returns, one item a call."""
    answers = []
    monkeypatch.setattr(
        packages, "missing", lambda: answers.pop(0) if len(answers) > 1 else answers[0]
    )
    return answers


@pytest.fixture
def only(monkeypatch, program, tmp_path):
    """Make PATH have the scripts of the test alone; return the fixture `program`."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return program


def provide(tmp_path):
    stream = io.StringIO()
    packages.provide(Progress(stream), tmp_path / "log")
    return stream.getvalue()


def test_every_need_has_a_package_name_everywhere_and_a_check():
    needs = packages.needs()
    assert {"gcc", "make", "git"} <= {name for n in needs for name in n.commands}
    for need in needs:
        assert all(need.packages[manager] for manager in MANAGERS)
        assert bool(need.commands) != bool(need.header)


def test_a_compiler_make_git_and_the_c_library_are_required():
    required = {need.packages["apt-get"] for need in packages.needs() if need.required}
    assert required == {"gcc", "make", "git", "libc6-dev"}


def test_cc_decides_on_the_compiler(program, monkeypatch):
    program("my-compiler", "")
    monkeypatch.setenv("CC", "my-compiler -m64")
    assert packages.compiler() == ["my-compiler", "-m64"]
    monkeypatch.setenv("CC", "no-such-compiler")
    words = "CC is no-such-compiler, which is not there"
    with pytest.raises(Problem, match=words):
        packages.compiler()


def test_otherwise_the_usual_compilers_are_tried(only, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    assert packages.compiler() == []
    only("cc", "")
    assert packages.compiler() == ["cc"]
    only("clang", "")
    assert packages.compiler() == ["clang"]
    only("gcc", "")
    assert packages.compiler() == ["gcc"]


@pytest.fixture
def preprocessor(only, monkeypatch):
    """Return a function that makes a gcc find some of the headers, by number."""
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("CPPFLAGS", raising=False)
    os.symlink("/bin/cat", only("make", "").with_name("cat"))
    only("git", "")

    def find(*numbers):
        only("gcc", "cat >&2\n" + "\n".join(f"echo found {n}" for n in numbers))

    return find


def test_the_compiler_is_asked_for_the_headers(preprocessor):
    headers = [need for need in packages.needs() if need.header]
    preprocessor(0, 3)
    assert packages.missing() == [
        n for n in headers if n not in (headers[0], headers[3])
    ]
    preprocessor(*range(len(headers)))
    assert packages.missing() == []


def test_without_a_compiler_all_headers_are_missing(only, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    assert packages.missing() == packages.needs()


@pytest.mark.skipif(not packages.compiler(), reason="no C compiler on this machine")
def test_a_real_compiler_checks_headers(tmp_path, monkeypatch):
    (tmp_path / "there.h").write_text("#error it is not to be compiled\n")
    monkeypatch.setenv("CPPFLAGS", f"-I{tmp_path}")
    headers = ["no/such/header.h", "there.h"]
    assert packages._includable(headers, packages.compiler()) == {"there.h"}


def test_nothing_is_installed_when_nothing_is_missing(tmp_path, lacking, program):
    lacking.append([])
    program("apt-get", f"touch {tmp_path}/called")
    assert provide(tmp_path) == ""
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("root", [True, False])
def test_apt_installs_missing_packages(tmp_path, lacking, program, monkeypatch, root):
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    program("sudo", f'echo "$@" >>{tmp_path}/sudo; shift; exec "$@"')
    program("apt-get", f'echo "$DEBIAN_FRONTEND $@" >>{tmp_path}/apt')
    lacking += [[TOOL, ZLIB], []]
    assert provide(tmp_path).startswith(
        "note: to be installed with apt-get: make apt-get-zlib\n"
        "==> install make, zlib\n    done in "
    )
    assert (tmp_path / "apt").read_text() == (
        "noninteractive -q -o DPkg::Lock::Timeout=120 install -y "
        "--no-install-recommends make apt-get-zlib\n"
    )
    assert (tmp_path / "sudo").exists() != root


@pytest.mark.parametrize("need", [TOOL, ZLIB])
def test_no_install_only_names_missing_packages(tmp_path, lacking, program, need):
    program("apt-get", f"touch {tmp_path}/called")
    lacking.append([need])
    with pytest.raises(Problem, match=f"^{need.name} is missing; install with: "):
        packages.provide(Progress(io.StringIO()), tmp_path / "log", only_say=True)
    assert not (tmp_path / "called").exists()
    lacking[:] = [[]]
    packages.provide(Progress(io.StringIO()), tmp_path / "log", only_say=True)


def test_an_old_list_of_packages_is_renewed(tmp_path, lacking, program, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    said = tmp_path / "apt"
    program(
        "apt-get",
        f'echo "$*" >>{said}\n'
        f'case "$*" in *update) exit 0;; esac\ngrep -q update {said}',
    )
    lacking += [[TOOL], []]
    provide(tmp_path)
    calls = said.read_text().splitlines()
    assert ["update" in call for call in calls] == [False, True, False]


def test_a_package_that_does_not_exist_does_not_stop_the_others(
    tmp_path, lacking, program, monkeypatch
):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program(
        "apt-get", f'case "$*" in *zlib*) exit 100;; esac; echo "$*" >>{tmp_path}/apt'
    )
    lacking += [[TOOL, ZLIB], [ZLIB]]
    text = provide(tmp_path)
    assert (tmp_path / "apt").read_text().endswith("--no-install-recommends make\n")
    assert "note: zlib is missing, and Python's modules that need it will" in text


def test_a_required_package_that_cannot_be_installed_is_a_problem(
    tmp_path, lacking, program, monkeypatch
):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program("sudo", "exit 1")
    program("apt-get", f"touch {tmp_path}/called")
    lacking.append([TOOL, ZLIB])
    with pytest.raises(Problem) as info:
        provide(tmp_path)
    assert str(info.value) == (
        "make is missing; install with: sudo apt-get install -y "
        "--no-install-recommends make apt-get-zlib"
    )
    assert not (tmp_path / "called").exists()


def test_a_missing_optional_package_is_noted(tmp_path, lacking, program, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program("sudo", "exit 1")
    program("apt-get", "exit 1")
    lacking.append([ZLIB])
    assert provide(tmp_path) == (
        "note: zlib is missing, and Python's modules that need it will be, too; "
        "install with: sudo apt-get install -y --no-install-recommends apt-get-zlib\n"
    )


def test_a_full_disk_while_installing_is_reported(
    tmp_path, lacking, program, monkeypatch
):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program("apt-get", "echo 'dpkg: No space left on device'; exit 100")
    lacking.append([TOOL])
    with pytest.raises(process.DiskFull):
        provide(tmp_path)


@pytest.mark.parametrize(
    "there, words",
    [
        (("dnf",), "install with: sudo dnf install -y make dnf-zlib"),
        (("apk",), "install with: sudo apk add make apk-zlib"),
        (("pacman",), "install with: sudo pacman -S --needed make pacman-zlib"),
        (("zypper",), "install with: sudo zypper install -y make zypper-zlib"),
        ((), "install make, zlib (with headers)"),
    ],
)
def test_other_systems_are_told_what_to_install(monkeypatch, there, words):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    which = {name: name for name in there}.get
    assert packages.advice([TOOL, ZLIB], which) == words


@pytest.mark.parametrize("works", [True, False])
def test_packages_of_missing_programs_are_installed(monkeypatch, tmp_path, works):
    there, installed = {"one"}, []

    def install(lacking, progress, log):
        assert log.parent.is_dir()
        installed.extend(need.packages["apt-get"] for need in lacking)
        there.update({"two"} if works else ())

    monkeypatch.setattr(packages, "install", install)
    monkeypatch.setattr(packages.shutil, "which", lambda name: name in there or None)
    monkeypatch.setattr(packages, "advice", lambda lacking: "get it")
    needs = [packages.named("two-bin"), packages.named("two", debian="two-lib")]
    for _ in range(2 if works else 0):
        packages.provide_commands(["one", "two"], needs, None, tmp_path / "new" / "log")
    if not works:
        with pytest.raises(Problem, match="^there is no two; get it$"):
            packages.provide_commands(["one", "two"], needs, None, tmp_path / "log")
    assert installed == ["two-bin", "two-lib"]


def test_the_tool_of_a_check(monkeypatch, tmp_path):
    data = {
        "managers": {"apt-get": "apt-get install"},
        "checks": [{"name": "a tool", "commands": ["tool"], "apt-get": "tools"}],
    }
    asked = []
    monkeypatch.setattr(packages, "provide_commands", lambda *args: asked.append(args))
    packages.provide_tool("tool", None, tmp_path, data)
    need = packages.Need("a tool", True, ("tool",), "", {"apt-get": "tools"})
    assert asked == [(["tool"], [need], None, tmp_path)]


def test_checks_are_known_to_every_package_manager():
    for entry in packages.DATA["checks"]:
        assert packages.DATA["managers"].keys() < entry.keys()
