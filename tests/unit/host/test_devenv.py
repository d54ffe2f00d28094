"""The environment of the tools, made without the network."""

import re
from pathlib import Path

import pytest
from threadjoin.core import layout, process
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.host import devenv, packages


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


def test_missing_system_packages_are_installed(machine):
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
