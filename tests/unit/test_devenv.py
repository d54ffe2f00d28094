"""The tools' environment, and `scripts/test`, without the network."""

import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from threadjoin.commands import test
from threadjoin.core import layout, process
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.host import devenv, packages
from threadjoin.series import catalog


class Machine:
    """A machine on which programs are recorded instead of run."""

    def __init__(self, monkeypatch, tmp_path):
        self.lacks = set()
        self.ran = []
        self.installed = []
        self.installs = True
        self.pip_fails = False
        self.requirements = tmp_path / "requirements.txt"
        self.requirements.write_text("blurb==2.3.0\n")
        self.venv = tmp_path / "build" / "venv"
        self.output = (tmp_path / "output").open("w+")
        monkeypatch.setattr(process, "check", self.check)
        monkeypatch.setattr(packages, "install", self.install)
        monkeypatch.setattr(
            devenv.importlib.util, "find_spec", lambda name: self.has("venv")
        )
        monkeypatch.setattr(devenv.shutil, "which", lambda name: self.has(name))

    def has(self, name):
        return None if name in self.lacks else f"/usr/bin/{name}"

    def check(self, argv, log, what):
        self.ran.append(what)
        if "venv" in argv:
            self.venv.mkdir(exist_ok=True)
        if "pip" in argv and self.pip_fails:
            raise process.Failed(f"{what} failed with status 1", log)

    def install(self, lacking, progress, log):
        self.installed += [need.packages["apt-get"] for need in lacking]
        if self.installs:
            self.lacks.clear()

    def ensure(self):
        self.ran.clear()
        devenv.ensure(Progress(self.output), self.venv, self.requirements)

    def said(self):
        self.output.flush()
        return Path(self.output.name).read_text()


@pytest.fixture
def machine(monkeypatch, tmp_path):
    machine = Machine(monkeypatch, tmp_path)
    yield machine
    machine.output.close()


BOTH = ["python -m venv", "pip install"]


def test_environment_is_made_once(machine):
    machine.ensure()
    assert machine.ran == BOTH
    machine.ensure()
    assert machine.ran == []
    assert machine.installed == []


def test_environment_is_made_anew_for_other_requirements(machine):
    machine.ensure()
    machine.requirements.write_text("blurb==9.9.9\n")
    machine.ensure()
    assert machine.ran == BOTH


def test_environment_is_made_anew_for_another_python(machine, monkeypatch):
    machine.ensure()
    monkeypatch.setattr(devenv.sys, "version", "3.99.0 (main)")
    machine.ensure()
    assert machine.ran == BOTH


def test_environment_that_failed_is_tried_again(machine):
    machine.pip_fails = True
    with pytest.raises(Problem, match=r"pip install failed .*; see .*build/venv\.log"):
        machine.ensure()
    machine.pip_fails = False
    machine.ensure()
    assert machine.ran == BOTH


def test_what_the_system_lacks_is_installed(machine):
    machine.lacks = {"venv", "quilt"}
    machine.ensure()
    assert machine.installed == ["python3-venv", "quilt"]
    assert machine.ran == BOTH


def test_without_venv_it_says_what_to_install(machine):
    machine.lacks, machine.installs = {"venv"}, False
    with pytest.raises(Problem, match="install with: .*apt-get install .*python3-venv"):
        machine.ensure()
    assert machine.ran == []


def test_without_quilt_it_goes_on(machine):
    machine.lacks, machine.installs = {"quilt"}, False
    machine.ensure()
    assert machine.ran == BOTH
    assert "quilt is missing, nothing is checked with it; install with:" in (
        machine.said()
    )


def test_old_python_is_refused(machine, monkeypatch):
    monkeypatch.setattr(devenv.sys, "version_info", (3, 9, 18))
    monkeypatch.setattr(devenv.sys, "version", "3.9.18 (main)")
    with pytest.raises(Problem, match="need Python 3.11 or later, and this is 3.9.18"):
        machine.ensure()
    assert not machine.venv.exists()


@pytest.mark.parametrize("place", ["beside python", "in the environment", "on PATH"])
def test_tool_is_found(monkeypatch, tmp_path, place):
    directories = {
        "beside python": tmp_path / "python",
        "in the environment": tmp_path / "venv" / "bin",
        "on PATH": tmp_path / "path",
    }
    order = list(directories)
    for name in order[order.index(place) :]:
        directories[name].mkdir(parents=True)
        (directories[name] / "blurb").write_text("")
        (directories[name] / "blurb").chmod(0o755)
    monkeypatch.setattr(devenv.sys, "executable", str(tmp_path / "python/python3"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    found = devenv.tool("blurb", tmp_path / "venv")
    assert found == str(directories[place] / "blurb")


def test_versions_are_pinned_once():
    """A tool that hooks and tests have in common has one version in both."""
    pin = re.compile(r"([\w-]+)==([\w.]+)")
    config = (layout.ROOT / ".pre-commit-config.yaml").read_text()
    assert "additional_dependencies" in config
    wanted = pin.findall(config) + pin.findall(devenv.REQUIREMENTS.read_text())
    versions = {}
    for name, version in wanted:
        assert versions.setdefault(name, version) == version
    lines = devenv.REQUIREMENTS.read_text().splitlines()
    assert all(pin.fullmatch(line) for line in lines)


class Runs:
    """Return the commands that `scripts/test` would run, in order."""

    def __init__(self, monkeypatch, builds=0):
        self.commands = []
        self.builds = builds
        monkeypatch.setattr(
            devenv, "ensure", lambda progress: self.commands.append("setup")
        )
        monkeypatch.setattr(catalog, "available", lambda: ["3.9", "3.11"])
        series = catalog.load_series()
        monkeypatch.setattr(
            catalog, "load_series", lambda name: replace(series, name=name)
        )
        monkeypatch.setattr(subprocess, "run", self.run)
        monkeypatch.setattr(test.os, "execv", self.execv)
        monkeypatch.chdir(layout.ROOT)

    def run(self, command, check):
        self.commands.append([Path(command[0]).name, *command[1:]])
        return subprocess.CompletedProcess(command, self.builds)

    def execv(self, program, command):
        assert program == command[0] == str(layout.BUILD / "venv/bin/python")
        self.commands.append(command[1:])


@pytest.fixture
def sigint():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


def test_all_is_built_then_tested(monkeypatch, sigint):
    runs = Runs(monkeypatch)
    test.main(["-k", "join", "-x"])
    assert runs.commands == [
        "setup",
        ["build.sh", "3.9", "--release", "3.11.2", "--no-test"],
        ["build.sh", "3.11", "--release", "3.11.2", "--no-test"],
        ["-m", "pytest", "-k", "join", "-x"],
    ]
    # As a job in the background had it, test_signal and the like would fail.
    assert signal.getsignal(signal.SIGINT) != signal.SIG_IGN


def test_pytest_gets_what_is_its_own(monkeypatch, sigint):
    runs = Runs(monkeypatch)
    test.main(
        ["tests/unit", "-m", "not long", "-vv", "build.sh::x", "--tb=short"]
        + ["--", "--trace", "--unit"]
    )
    assert runs.commands[-1] == (
        ["-m", "pytest", "-m", "not long", "-vv", "--tb=short"]
        + ["tests/unit", "build.sh::x", "--trace", "--unit"]
    )


@pytest.mark.parametrize(
    "arguments", [["--nonsense"], ["tests/none.py"], ["--unit", "none::x"], ["-k"]]
)
def test_arguments_are_looked_at_first(monkeypatch, capsys, arguments):
    runs = Runs(monkeypatch)
    with pytest.raises(SystemExit) as caught:
        test.main(arguments)
    assert (caught.value.code, runs.commands) == (2, [])
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1


def test_where_nothing_can_be_built_nothing_is_set_up(monkeypatch, sigint):
    runs = Runs(monkeypatch)
    monkeypatch.setattr(
        test.workplace.require_ascii, "__defaults__", (Path("/caf\u00e9"),)
    )
    with pytest.raises(Problem, match="not ASCII"):
        test.main([])
    assert runs.commands == []
    test.main(["--unit"])
    assert runs.commands[0] == "setup"


@pytest.mark.parametrize("option", ["--release", "--source"])
def test_it_builds_from_what_is_said(monkeypatch, sigint, option):
    runs = Runs(monkeypatch)
    test.main([option, "x", "-k", "join"])
    assert runs.commands[1] == ["build.sh", option, "x", "--no-test"]
    assert runs.commands[2] == ["-m", "pytest", "-k", "join"]


def test_unit_tests_need_no_build(monkeypatch, sigint):
    runs = Runs(monkeypatch)
    test.main(["--unit", "-q"])
    assert runs.commands == ["setup", ["-m", "pytest", "tests/unit", "-q"]]


def test_setup_runs_no_test(monkeypatch):
    runs = Runs(monkeypatch)
    test.main(["--setup"])
    assert runs.commands == ["setup"]


def test_no_tests_without_the_builds(monkeypatch, sigint):
    runs = Runs(monkeypatch, builds=1)
    with pytest.raises(Problem, match=r"\./build\.sh 3\.9 .* failed"):
        test.main([])
    assert runs.commands == [
        "setup",
        ["build.sh", "3.9", "--release", "3.11.2", "--no-test"],
    ]


def test_pytest_says_what_it_skips_and_why(tmp_path):
    """With the project's own settings, as pytest reads them."""
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.skipif(True, reason='no such machine')\n"
        "def test_it(): raise AssertionError\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", layout.ROOT / "pyproject.toml",
         "-o", f"cache_dir={tmp_path}/cache", f"--rootdir={tmp_path}", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert re.search(r"SKIPPED \[1\] .*: no such machine", done.stdout)
    assert "1 skipped" in done.stdout.splitlines()[-1]
