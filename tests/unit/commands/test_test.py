"""`scripts/test`, without the network."""

import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from threadjoin.commands import test
from threadjoin.core import layout
from threadjoin.core.errors import Problem
from threadjoin.host import devenv
from threadjoin.series import catalog, differences
from threadjoin.source import origin, tarballs


class Runs:
    """Return the commands that `scripts/test` would run, in order."""

    def __init__(self, monkeypatch, builds=0):
        self.commands = []
        self.builds = builds
        monkeypatch.setattr(
            devenv, "ensure", lambda progress: self.commands.append("setup")
        )
        monkeypatch.setattr(catalog, "available", lambda: ["3.9", "3.11", "3.12"])
        # One has no part that is run by default; the other two have one.
        parts = {"3.9": ("tests",), "3.12": ("tests",)}
        monkeypatch.setattr(
            differences,
            "load",
            lambda one: differences.Differences(part=parts.get(one.name, ())),
        )
        self.absent = ()
        monkeypatch.setattr(test, "_not_here", self.not_here)
        series = catalog.load_series()
        monkeypatch.setattr(
            catalog, "load_series", lambda name, _=None: replace(series, name=name)
        )
        monkeypatch.setattr(subprocess, "run", self.run)
        monkeypatch.setattr(test.os, "execv", self.execv)
        monkeypatch.chdir(layout.ROOT)

    def not_here(self, series):
        return "no network" if series.name in self.absent else None

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
        ["build.sh", "3.11", "--release", "3.11.2", "--no-test"],
        ["build.sh", "3.9", "--release", "3.11.2", "--no-test"],
        ["build.sh", "3.12", "--release", "3.11.2", "--no-test"],
        [
            "-m",
            "pytest",
            "--series=3.11",
            "--part=3.9",
            "--part=3.12",
            *"-k join -x".split(),
        ],
    ]
    # With SIGINT ignored, as in a background job, test_signal and others fail.
    assert signal.getsignal(signal.SIGINT) != signal.SIG_IGN


def test_a_series_that_is_named_is_the_only_one(monkeypatch, sigint):
    runs = Runs(monkeypatch)
    test.main(["--series", "3.12", "--series=3.9", "-x"])
    assert runs.commands[1:] == [
        ["build.sh", "3.12", "--release", "3.11.2", "--no-test"],
        ["build.sh", "3.9", "--release", "3.11.2", "--no-test"],
        ["-m", "pytest", "--series=3.12", "--series=3.9", "-x"],
    ]


def test_a_series_without_a_source_is_named(monkeypatch, sigint, capsys):
    runs = Runs(monkeypatch)
    runs.absent = ("3.12",)
    test.main([])
    assert runs.commands[-1] == (
        ["-m", "pytest", "--series=3.11", "--part=3.9", "--not-built=3.12=no network"]
    )
    assert len(runs.commands) == 4
    assert "note: the series 3.12 is not run: no network\n" in capsys.readouterr().out


def test_whether_there_is_a_source(monkeypatch, tmp_path):
    series = catalog.load_series()
    monkeypatch.setattr(layout, "BUILD", tmp_path / "build")
    monkeypatch.setattr(tarballs, "pinned", lambda *given: None)
    assert test._not_here(series) is None

    def no_way(*given):
        raise tarballs.NoWay("CPython 3.11.2", ["python.org: no answer"])

    monkeypatch.setattr(tarballs, "pinned", no_way)
    assert test._not_here(series).startswith("no way to get CPython 3.11.2: ")


def test_pytest_gets_what_is_its_own(monkeypatch, sigint):
    runs = Runs(monkeypatch)
    test.main(
        ["tests/unit", "-m", "not long", "-vv", "build.sh::x", "--tb=short"]
        + ["--", "--trace", "--unit"]
    )
    assert runs.commands[-1] == (
        ["-m", "pytest", "--series=3.11", "--part=3.9", "--part=3.12"]
        + ["-m", "not long", "-vv", "--tb=short"]
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


def test_where_nothing_can_be_built_no_environment_is_made(monkeypatch, sigint):
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
def test_it_builds_the_source_that_is_named(monkeypatch, sigint, option):
    runs = Runs(monkeypatch)
    found = catalog.load_series("3.12")
    monkeypatch.setattr(origin, "given", lambda text: text)
    monkeypatch.setattr(origin, "series", lambda given, name=None: found)
    test.main([option, "3.12.4", "-k", "join"])
    assert runs.commands[1] == ["build.sh", option, "3.12.4", "--no-test"]
    assert runs.commands[2] == ["-m", "pytest", "--series=3.12", "-k", "join"]
    test.main([option, "3.12.4", "--series=3.12"])
    assert runs.commands[4] == ["build.sh", "3.12", option, "3.12.4", "--no-test"]
    with pytest.raises(Problem, match="are for one series; name it"):
        test.main([option, "3.12.4", "--series=3.12", "--series=3.9"])


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
    with pytest.raises(Problem, match=r"\./build\.sh 3\.11 .* failed"):
        test.main([])
    assert runs.commands == [
        "setup",
        ["build.sh", "3.11", "--release", "3.11.2", "--no-test"],
    ]


def test_pytest_says_what_it_skips_and_why(tmp_path):
    """Run pytest with the project's own settings."""
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
