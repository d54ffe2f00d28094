"""build.sh as a whole, on a tiny CPython."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from threadjoin.core import layout
from threadjoin.series import tree
from tinycpython import (
    RELEASE,
    changed,
    diff,
    known,
    pack,
    packaged,
    read,
    serve,
    write,
    write_series,
)

TGZ = "server/Python-3.11.2.tgz"

#: A stand-in for the interpreter, with the race unless the series is in its source.
PYTHON = """\
#!/bin/sh
case "$*" in
*" test_threading")
    echo "Ran 7 tests in 0.1s"
    test -e "$FAILING" || { echo "OK (skipped=2)"; exit 0; }
    echo "FAIL: test_join (test.test_threading.T.test_join)"
    exit 2;;
*repro_join_race.py)
    test -e "$RACY" && exit 1
    grep -q ten ../src/Lib/threading.py || exit 1;;
esac
"""

CONFIGURE = """\
#!/bin/sh
echo "$*" >../configured
for word; do case $word in --prefix=*) echo "${word#--prefix=}" >prefix;; esac; done
"""

#: A stand-in for make.
MAKE = """\
echo "$*" >>../made
case "$*" in
install) mkdir -p "$(cat prefix)/bin" && cp python "$(cat prefix)/bin/python3";;
*) cp ../src/Programs/python.sh python && chmod 755 python;;
esac
"""


class Project:
    """A copy of the project with the series of the tests, and a server and programs."""

    def __init__(self, place, program):
        self.place = place
        self.root = place / "project"
        self.build = self.root / "build"
        self.home = self.build / "3.11" / "debug"
        self.program = program
        self.release = write(
            place / "release",
            {**RELEASE, "configure": CONFIGURE, "Programs/python.sh": PYTHON},
        )
        self.server = serve(self.release, place / "server")
        self.tarball = self.server / "Python-3.11.2.tgz"
        write_series(self.root / "patches", self.server)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(layout.ROOT / "scripts", self.root / "scripts", ignore=ignore)
        shutil.copy(layout.ROOT / "build.sh", self.root)
        program("make", MAKE)
        program("ccache", "")
        # PATH may have a slow wrapper of Python.
        (place / "bin/python3").symlink_to(sys.executable)
        # It finds each header.
        program("my-cc", "grep '^found'")
        program("apt-get", "echo 'E: no network'; exit 100")
        program("apt-config", "")

    def knows(self, release):
        """Add *release*, an entry of releases.json, to the series."""
        path = self.root / "patches/3.11/releases.json"
        data = json.loads(path.read_text())
        others = [r for r in data["releases"] if r["version"] != release["version"]]
        path.write_text(json.dumps({**data, "releases": [*others, release]}))

    def version(self, kind):
        """Return the version of the source of *kind*."""
        return tree.version_of(self.home / kind / "src")

    def environment(self):
        home = self.place / "home"
        home.mkdir(exist_ok=True)
        env = {key: value for key, value in os.environ.items() if key != "TMPDIR"}
        env.update(CC="my-cc", HOME=str(home), FAILING=str(self.place / "failing"))
        env["RACY"] = str(self.place / "racy")
        return env

    def run(self, *arguments, command=None, cwd=None):
        """Run build.sh with *arguments*; return the CompletedProcess."""
        return subprocess.run(
            [command or self.root / "build.sh", *map(str, arguments)],
            cwd=cwd or self.place,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def succeed(self, *arguments, **options):
        """Run build.sh, which has to succeed; return its stdout."""
        done = self.run(*arguments, **options)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def fail(self, *arguments, status=1, **options):
        """Run build.sh, which has to fail in one line; return that line."""
        done = self.run(*arguments, **options)
        assert done.returncode == status
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        return done.stderr

    def made(self, kind="patched"):
        return (self.home / kind / "made").read_text().splitlines()


@pytest.fixture
def project(tmp_path, program):
    return Project(tmp_path, program)


def test_one_command_does_everything(project):
    before = read(project.root)
    text = project.succeed()
    for line in (
        "==> get CPython 3.11.2",
        "==> prepare the source (patched)",
        "==> configure (stock, patched)",
        "==> compile (patched)",
        "==> run test_threading (stock)",
        "==> run the reproducer (patched)",
    ):
        assert f"{line}\n    done in " in text
    summary = text[
        text.index("\nCPython 3.11.2, series 3.11 (2 patches), debug, in ") :
    ]
    why = "the newest release that the series 3.11 is checked on"
    assert text.startswith(f"building CPython 3.11.2: {why}\n")
    assert summary.splitlines()[2:] == [
        f"stock: {project.home}/stock/obj/python",
        "    test_threading: passed (7 run, 2 skipped)",
        "    join race:      race",
        f"patched: {project.home}/patched/obj/python",
        "    test_threading: passed (7 run, 2 skipped)",
        "    join race:      no race",
        f"built CPython 3.11.2 as {project.home}/patched/obj/python: {why}",
    ]
    assert {k: v for k, v in read(project.root).items() if "build/" not in k} == before
    assert list((project.place / "home").iterdir()) == []
    assert not (project.build / "tmp").exists()


def test_it_works_from_anywhere_and_through_a_symlink(project, tmp_path):
    elsewhere = write(tmp_path / "elsewhere", {"json.py": "raise SystemExit('mine')"})
    (elsewhere / "link").symlink_to(project.root / "build.sh")
    project.succeed("--no-test", command="./link", cwd=elsewhere)
    assert (project.home / "patched/obj/python").exists()


def test_a_second_run_does_not_configure_again(project):
    project.succeed("--no-test")
    shutil.rmtree(project.server)
    for kind in ("stock", "patched"):
        (project.home / kind / "configured").unlink()
    text = project.succeed()
    assert "join race:      no race" in text
    assert not list(project.home.glob("*/configured"))


def test_the_variant_and_the_jobs_reach_the_tools(project):
    project.succeed("--jobs", "3", "--no-test")
    assert (project.home / "stock/configured").read_text() == (
        "--with-pydebug CC=my-cc\n"
    )
    assert project.made() == ["-j3 CC=ccache my-cc"]
    text = project.succeed("--variant", "pgo", "--no-test")
    assert "note: of the variant pgo only the patched interpreter is built" in text
    assert "stock: not built, its race not shown" in text
    built = project.build / "3.11" / "pgo"
    assert (built / "patched/configured").read_text() == (
        "--enable-optimizations --with-lto CC=my-cc\n"
    )
    assert not (built / "stock").exists()


@pytest.mark.parametrize("kind, other", [("stock", "patched"), ("patched", "stock")])
def test_one_interpreter_alone_is_built(project, kind, other):
    text = project.succeed(f"--{kind}", "--no-test")
    assert text.count("test_threading: not run") == 1
    assert text.count("join race:      not run") == 1
    assert not (project.home / other).exists()


def test_further_arguments_reach_configure(project):
    project.succeed("--stock", "--no-test", "--configure=--enable-x", "--configure=A=b")
    configured = (project.home / "stock/configured").read_text()
    assert configured == "--with-pydebug --enable-x A=b CC=my-cc\n"


def test_until_stops_at_a_stage_and_the_next_run_continues(project):
    stock = project.home / "stock"
    project.succeed("--stock", "--until=packages")
    assert not project.home.exists()
    project.succeed("--stock", "--until=source")
    assert (stock / "src/configure").exists()
    assert not (stock / "obj").exists()
    prefix = ("--variant=debug", "--prefix", "opt")
    text = project.succeed("--stock", "--until=compile", *prefix)
    assert (stock / "obj/python").exists()
    assert "test_threading" not in text
    assert not (project.place / "opt").exists()
    (stock / "configured").unlink()
    text = project.succeed("--stock", *prefix)
    assert "test_threading: passed" in text
    assert (project.place / "opt/bin/python3").exists()
    assert not (stock / "configured").exists()


def test_the_patched_one_is_installed_in_the_prefix(project):
    text = project.succeed("--prefix", "opt/python", cwd=project.place)
    installed = project.place / "opt/python"
    assert f"\ninstalled CPython 3.11.2 as {installed}: the newest " in text
    assert (installed / "bin/python3").exists()
    # An interpreter that is installed is to be fast.
    home = project.build / "3.11" / "release"
    assert (home / "patched/configured").read_text() == (
        f"CC=my-cc --prefix={installed}\n"
    )
    assert "--prefix" not in (home / "stock/configured").read_text()
    assert not project.home.exists()


def test_another_variant_and_stock_can_be_installed(project):
    prefix = project.place / "opt"
    project.succeed("--stock", "--no-test", "--variant=debug", "--prefix", prefix)
    assert "--with-pydebug" in (project.home / "stock/configured").read_text()
    assert (prefix / "bin/python3").exists()


@pytest.mark.parametrize(
    "flag, words",
    [
        ("failing", "patched fails test_threading, see "),
        ("racy", "the reproducer says of patched: race, where it should say: no race"),
    ],
)
def test_an_interpreter_that_fails_its_tests_is_not_installed(project, flag, words):
    (project.place / flag).touch()
    message = project.fail("--prefix", project.place / "opt")
    assert words in message
    assert not (project.place / "opt").exists()


@pytest.mark.parametrize(
    "arguments, words, status",
    [
        (("3.8",), "no series for Python 3.8; there is one for: 3.11", 1),
        (("--jobs", "0"), "'0' is not a number from 1 up; see build.sh --help", 2),
        (("--sha256", "12"), "a SHA-256 has 64 hexadecimal digits", 2),
        (("--sha256", "0" * 64), "--sha256 goes with --source", 1),
        (("--variant", "fast"), "invalid choice: 'fast'", 2),
        (("--until", "dawn"), "invalid choice: 'dawn'", 2),
        (("--stock", "--patched"), "not allowed with argument --stock", 2),
        (("--prefix", "/dev/null/x"), "/dev/null is not a directory", 2),
        (("--source", "/no/such"), "there is no such file or directory", 1),
        (("--source", "."), "is not a source tree of CPython", 1),
        (("--source", "https://x.invalid/x.tgz"), "needs --sha256", 1),
        (("--source", TGZ, "--sha256", "0" * 64), "checksum mismatch", 1),
        (("3.9", "--source", TGZ), "the series 3.9 is for another", 1),
        (("--release", "3.11.2", "--sha256", "0" * 64), "is not of CPython 3.11.2", 1),
        (("--source", "debian", "--sha256", "0" * 64), "is not of CPython 3.11.2", 1),
        (("--release", "3.11.4"), "knows no release '3.11.4'; it knows 3.11.2 to", 1),
        (("--release", "3.8.1"), "no series for Python 3.8; there is one for: 3.11", 1),
        (("--release", "3.11.2", "--source", "."), "not allowed with argument", 2),
        (("",), "argument SERIES: it is empty", 2),
        (("--source", ""), "argument --source: it is empty", 2),
        (("--release", " "), "argument --release: it is empty", 2),
        (("--prefix", ""), "argument --prefix: it is empty", 2),
        (("--configure", ""), "argument --configure: it is empty", 2),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_done(project, arguments, words, status):
    assert words in project.fail(*arguments, status=status)
    left = list(project.build.iterdir()) if project.build.exists() else []
    assert [path.name for path in left] in ([], [".lock"])


@pytest.mark.parametrize("given", ["a tree", "--release 3.14.0", "3.14"])
def test_for_a_newer_version_it_lists_what_upstream_fixed(project, given):
    shutil.copy(layout.PATCHES / "upstream.json", project.root / "patches")
    version = {"Include/patchlevel.h": '#define PY_VERSION "3.14.0"\n'}
    tree = write(project.release, version)
    done = project.run(*(["--source", tree] if given == "a tree" else given.split()))
    assert done.returncode == 1
    assert done.stderr == "error: no series for Python 3.14; there is one for: 3.11\n"
    fixed, _, left = done.stdout.partition("Upstream has not fixed:\n")
    assert "Upstream has fixed (as of 3.13." in fixed
    assert "    repro_join_race\n" in fixed
    assert "    start_waits_for_ever\n" in left


def test_a_patch_that_does_not_apply_is_named_and_nothing_is_built(project):
    write(project.release, {"Python/pystate.c": "quite different\n"})
    before = read(project.release)
    message = project.fail("--source", project.release)
    assert f"0002-hook.patch cannot be applied to {project.release}" in message
    assert "Python/pystate.c, hunk 1 (line 12) does not match" in message
    assert read(project.release) == before
    assert not list(project.home.glob("*/obj"))
    assert not list(project.home.glob("*/src"))


def test_a_source_that_has_the_series_is_recognized(project):
    subprocess.run(
        [sys.executable, project.root / "scripts/apply", project.release], check=True
    )
    text = project.succeed("--source", project.release)
    assert f"note: {project.release} has the series in it already" in text
    assert "join race:      race" in text
    assert "join race:      no race" in text


def test_no_network_is_one_line(project):
    shutil.rmtree(project.server)
    message = project.fail()
    assert message.startswith(
        "error: no way to get python3.11: python.org does not give CPython 3.11.2 ("
    )
    assert "; Debian's source package: " in message
    assert list((project.build / "cache").iterdir()) == []


def test_a_tarball_with_another_checksum_is_not_used(project):
    write(project.release, {"Python/old.c": "bad\n"})
    serve(project.release, project.server)
    done = project.run()
    assert "building CPython 3.11.2 with the patches of Debian's python3.11" in (
        done.stdout
    )
    assert "CPython 3.11.2 (python.org: checksum mismatch" in done.stderr
    assert not (project.home / "stock").exists()


def test_the_newest_release_that_is_checked_is_built(project):
    write(project.release, {"Include/patchlevel.h": '#define PY_VERSION "3.11.10"\n'})
    serve(project.release, project.server, "3.11.10")
    project.knows(known("3.11.10", True, project.server))
    project.knows({"version": "3.11.11", "checked": False, "tgz": "3", "xz": "4"})
    text = project.succeed("--no-test")
    assert text.startswith("building CPython 3.11.10: the newest release that ")
    assert "\nCPython 3.11.10, series 3.11 (2 patches), debug" in text
    assert project.version("patched") == "3.11.10"
    # From the cache, without the network.
    shutil.rmtree(project.server)
    assert "\nbuilt CPython 3.11.10 as " in project.succeed("--no-test")


def test_release_builds_that_release_and_no_other(project):
    project.knows(known("3.11.10", True))
    text = project.succeed("--no-test", "--release", "3.11.2")
    assert text.startswith("building CPython 3.11.2: as --release says\n")
    assert "as --release says\n" in text.splitlines(keepends=True)[-1]
    assert "not checked" not in text
    done = project.run("--no-test", "--release", "3.11.3")
    assert done.returncode == 1
    assert done.stdout.startswith(
        "building CPython 3.11.3: as --release says; the series 3.11 was not checked "
        "on it\n"
    )
    assert project.fail("--no-test", "--release", "3.11.10").startswith(
        "error: no way to get CPython 3.11.10: python.org: "
    )


#: Patches of Debian's: one that is left out, and a fix.
FIXED = {**RELEASE, "Python/pystate.c": changed(RELEASE["Python/pystate.c"], line2="F")}
PATCHES = {
    "layout.diff": "this is none\n",
    "CVE-1.patch": diff(RELEASE, FIXED),
}


@pytest.fixture
def packages(project):
    """Return the project with Debian's package and the tarball in its cache."""
    cache = project.build / "cache"
    cache.mkdir(parents=True)
    packaged(cache, PATCHES)
    shutil.copy(project.tarball, cache)
    project.knows(known("3.11.10", True))
    return project


WITH_PATCHES = "CPython 3.11.2 with Debian's patches (python3.11 3.11.2-1)"


def test_without_python_org_the_source_is_debians_with_its_patches(packages):
    text = packages.succeed()
    why = "python.org does not give CPython 3.11.10 (No such file or directory"
    first, *_, last = text.splitlines()
    assert first.startswith(
        "building CPython 3.11.2 with the patches of Debian's python3.11: " + why
    )
    assert last.startswith(
        f"built {WITH_PATCHES} as {packages.home}/patched/obj/python: {why}"
    )
    for kind in ("stock", "patched"):
        source = packages.home / kind / "src"
        assert "F\n" in (source / "Python/pystate.c").read_text()
    assert "int hook;" in (source / "Python/pystate.c").read_text()


def test_debians_source_can_be_chosen(packages):
    text = packages.succeed("--no-test", "--source", "debian")
    assert text.startswith(
        "building CPython 3.11.2 with the patches of Debian's python3.11: as --source "
    )
    assert f"\nbuilt {WITH_PATCHES} as " in text


def test_a_patch_of_debians_that_does_not_apply_is_named(packages):
    write(packages.release, {"Python/pystate.c": "quite different\n"})
    tarball = pack(packages.release, packages.tarball)
    shutil.copy(tarball, packages.build / "cache")
    packages.knows(known("3.11.2", True, packages.server))
    message = packages.fail("--source", "debian")
    assert "CVE-1.patch does not apply to python3.11's release" in message
    assert "Python/pystate.c, hunk 1 (line 1) does not match" in message
    assert not (packages.home / "stock" / "src").exists()


def test_a_build_of_another_source_is_replaced_with_a_note(packages):
    packages.succeed("--no-test", "--release", "3.11.2")
    (packages.home / "patched/configured").unlink()
    text = packages.succeed("--no-test", "--source", "debian")
    assert f"note: {packages.home} has CPython 3.11.2 in it, which is replaced" in text
    # The release is the same, so make compiles only what has changed.
    assert not (packages.home / "patched/configured").exists()
    source = packages.home / "patched/src/Python/pystate.c"
    assert "F\n" in source.read_text()
    assert "note: " not in packages.succeed("--no-test", "--source", "debian")
    text = packages.succeed("--no-test", "--release", "3.11.2")
    assert f"has {WITH_PATCHES} in it" in text
    assert "F\n" not in source.read_text()


def test_objects_of_another_release_are_not_used(project):
    project.succeed("--no-test")
    write(project.release, {"Include/patchlevel.h": '#define PY_VERSION "3.11.10"\n'})
    (project.home / "patched/configured").unlink()
    text = project.succeed("--no-test", "--source", project.release)
    assert (project.home / "patched/configured").exists()
    assert text.startswith(f"building {project.release}: as --source says\n")
    assert text.endswith(
        f"\nbuilt CPython 3.11.10 of {project.release} as "
        f"{project.home}/patched/obj/python: as --source says\n"
    )


def test_no_compiler_is_one_line(project):
    os.unlink(project.place / "bin/my-cc")
    assert project.fail() == "error: no compiler: CC is my-cc, which is not there\n"


def test_no_install_only_names_missing_packages(project):
    project.program("my-cc", "grep '^found' | grep -v 'found 3$'")
    message = project.fail("--no-install", "--until=packages")
    assert " is missing; install with: " in message
    project.program("my-cc", "grep '^found'")
    project.succeed("--no-install", "--until=packages")


def test_a_compile_that_fails_shows_the_last_lines_and_the_log(project):
    project.program("make", "seq 100; echo 'x.c:1: error: no'; exit 2")
    done = project.run()
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    log = project.home / "log/compile-stock.log"
    assert lines[:-1] == [*map(str, range(82, 101)), "x.c:1: error: no"]
    assert lines[-1] == f"error: compile (stock) failed with status 2; see {log}"
    assert "==> compile (stock)\n    failed after " in done.stdout


def test_a_full_disk_is_one_line(project):
    project.program("make", "echo 'x.s: No space left on device'; exit 1")
    assert project.fail().startswith("error: the disk is full; make room, then run")


@pytest.mark.parametrize(
    "number, status, words",
    [
        (signal.SIGINT, 130, "error: interrupted\n"),
        (signal.SIGTERM, 143, ""),
    ],
)
def test_a_signal_stops_everything_and_the_next_run_continues(
    project, number, status, words
):
    os.mkfifo(project.place / "pipe")
    # It writes its process ID, then waits for ever on a pipe.
    project.program(
        "make", f"echo $$ >{project.place}/pipe; read x <{project.place}/pipe"
    )
    build = subprocess.Popen(
        [project.root / "build.sh"],
        env=project.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    make = int((project.place / "pipe").read_text())
    os.kill(build.pid, number)
    assert build.communicate()[1] == words
    assert build.returncode == status
    with pytest.raises(ProcessLookupError):
        os.kill(make, 0)
    project.program("make", MAKE)
    assert "join race:      no race" in project.succeed()


def test_a_second_run_at_the_same_time_is_refused(project):
    project.build.mkdir()
    with open(project.build / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        assert "(process 4711); wait for it to end" in project.fail()


@pytest.fixture
def bare(project, monkeypatch):
    """Return the project with a PATH that has what build.sh needs, but no Python.

    The user is not root, so nothing can be installed.
    """
    directory = project.place / "bin"
    (directory / "python3").unlink()
    for name in ("bash", "dirname", "env", "id", "ln", "mkdir", "readlink", "sh"):
        (directory / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(directory))
    (directory / "id").unlink()
    project.program("id", "echo 1000")
    return project


def test_without_a_python_that_can_be_used_it_says_so(bare):
    said = "error: no Python of version 3.9 or later; install it"
    assert bare.fail().startswith(said)
    # One that is too old.
    bare.program("python3", "exit 1")
    assert bare.fail().startswith(said)


def test_with_no_install_no_python_is_installed(bare):
    bare.program("id", "echo 0")
    bare.program("apt-get", f"touch {bare.place}/called")
    message = bare.fail("--no-install")
    assert message.startswith("error: no Python of version 3.9 or later; install it")
    assert not (bare.place / "called").exists()


def test_a_missing_python_is_installed(bare):
    bare.program("id", "echo 0")
    python = bare.place / "bin/python3"
    # At first there is no list of packages.
    bare.program(
        "apt-get",
        f'case "$*" in *update) : >{bare.place}/updated; exit 0;; esac\n'
        f"test -e {bare.place}/updated || exit 100\n"
        f"ln -s {sys.executable} {python}",
    )
    done = bare.run("--help")
    assert done.returncode == 0
    assert done.stdout.startswith(
        "note: to be installed with apt-get: python3\n"
        "==> install python3\nusage: build.sh "
    )
