"""Starting and stopping an engine, with stand-ins for dockerd and docker."""

import io
import os
import signal
import subprocess
import sys

import own_engine
import pytest
from threadjoin.core.errors import Problem
from threadjoin.core.progress import Progress
from threadjoin.host import packages

#: Says that it listens, and runs until SIGTERM.
DOCKERD = """\
for word; do case $word in --host=unix://*) socket=${word#--host=unix://};; esac; done
trap 'echo ended >>"$CALLS"; exit 0' TERM
echo "API listen on $socket"
echo "started $$ $PPID" >>"$CALLS"
while :; do sleep 0.05; done
"""

#: Adds and deletes a bridge.
IP = """\
echo "ip $*" >>"$CALLS"
case $2 in add) : >"$BRIDGE";; delete) rm "$BRIDGE";; esac
"""

#: Has no image until one is imported.
DOCKER = """\
echo "docker $*" >>"$CALLS"
case $1 in
import) : >"$IMAGES";;
image) test ! -e "$IMAGES" || echo 0123;;
fail) echo said; echo why >&2; exit 3;;
esac
"""


@pytest.fixture
def calls(tmp_path, monkeypatch, program):
    """Return a function that returns the commands that the stand-ins recorded."""
    path = tmp_path / "calls"
    monkeypatch.setenv("CALLS", str(path))
    monkeypatch.setenv("IMAGES", str(tmp_path / "images"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(own_engine, "CLIENTS", str(tmp_path / "bin"))
    for name in (*own_engine.PROXIES, *map(str.upper, own_engine.PROXIES)):
        monkeypatch.delenv(name, raising=False)
    program("dockerd", DOCKERD)
    program("docker", DOCKER)
    program("ip", IP)
    monkeypatch.setenv("BRIDGE", str(tmp_path / "bridge"))
    # The real ones would need root, or change this machine.
    program("mount", "")
    program("unshare", 'shift 2; exec "$@"')
    program("mmdebstrap", 'echo "mmdebstrap $*" >>"$CALLS"; : >"$ARCHIVE"')
    monkeypatch.setenv("ARCHIVE", str(tmp_path / "home" / "base.tar"))
    archives = ["http://mirror.invalid/debian"]
    monkeypatch.setattr(own_engine, "archives", lambda suite: archives)
    return lambda: path.read_text().splitlines() if path.exists() else []


def started(tmp_path):
    return own_engine.running(Progress(io.StringIO()), tmp_path / "home")


def test_it_starts_makes_the_base_image_and_stops(tmp_path, calls):
    name, suite = own_engine.base_image()
    with started(tmp_path) as engine:
        said = calls()
        assert "ended" not in said
        assert engine.ask("ps") == ""
    said = calls()
    assert said[0].startswith("ip link add tj-")
    assert said[1].startswith("started ")
    archive = tmp_path / "home" / "base.tar"
    (made,) = [line for line in said if line.startswith("mmdebstrap")]
    assert made.startswith("mmdebstrap --variant=minbase ")
    assert made.endswith(
        f"{suite} {archive} deb http://mirror.invalid/debian {suite} main"
    )
    assert f"docker import {archive} {name}" in said
    assert said[-2:] == ["ended", said[0].replace("add", "delete").split(" type")[0]]
    assert not archive.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(said[1].split()[1]), 0)


def test_the_base_image_is_made_once(tmp_path, calls):
    for _ in range(2):
        with started(tmp_path):
            pass
    assert sum(line.startswith("mmdebstrap") for line in calls()) == 1


def test_without_a_mirror_the_base_image_is_pulled(tmp_path, calls, monkeypatch):
    monkeypatch.setattr(own_engine, "archives", lambda suite: [])
    with started(tmp_path):
        pass
    assert f"docker pull --quiet {own_engine.base_image()[0]}" in calls()
    assert not any(line.startswith("mmdebstrap") for line in calls())


def test_an_engine_that_does_not_start_gives_the_reason(tmp_path, calls, program):
    program("dockerd", "echo 'no cgroups'; exit 1")
    with pytest.raises(own_engine.Unavailable, match="not start: no cgroups; see "):
        started(tmp_path).__enter__()


def test_an_engine_that_does_not_listen_is_given_up(
    tmp_path, calls, program, monkeypatch
):
    monkeypatch.setattr(own_engine, "START", 0.2)
    program("dockerd", "exec sleep 1000")
    with pytest.raises(own_engine.Unavailable, match="not up after 0.2 s"):
        started(tmp_path).__enter__()


def test_only_root_can_start_one(tmp_path, calls, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(own_engine.Unavailable, match="needs root"):
        started(tmp_path).__enter__()
    assert calls() == []


def test_a_package_that_cannot_be_installed_is_named(tmp_path, calls, monkeypatch):
    monkeypatch.setattr(packages, "install", lambda *_: None)
    os.unlink(tmp_path / "bin" / "dockerd")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(own_engine.Unavailable, match="there is no dockerd; "):
        started(tmp_path).__enter__()


def test_settings_of_the_user_do_not_reach_docker(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    engine = own_engine.Engine("/s", "/x/docker", tmp_path)
    env = engine.environment(buildkit=True)
    assert {k: v for k, v in env.items() if k.startswith("DOCKER_")} == {
        "DOCKER_HOST": "unix:///s",
        "DOCKER_CONFIG": str(tmp_path / "config"),
        "DOCKER_BUILDKIT": "1",
    }
    assert env["PATH"].startswith("/x:")


def test_a_build_gets_the_names_of_the_proxy_variables_alone(calls, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy.invalid")
    engine = own_engine.Engine("/s", "docker")
    told = ["docker", "build", "--build-arg", "https_proxy", "--network=host", "."]
    assert engine.command("build", ".") == told
    assert engine.command("run", "x") == ["docker", "run", "x"]


def test_the_last_line_of_docker_is_the_message(tmp_path, calls):
    engine = own_engine.Engine("/s", str(tmp_path / "bin/docker"), tmp_path)
    with pytest.raises(Problem, match="^docker fail failed: why$"):
        engine.ask("fail")


def test_the_base_image_is_the_dockerfiles(tmp_path):
    path = tmp_path / "Dockerfile"
    path.write_text("# x\nARG BASE=debian:sid-slim\nFROM ${BASE}\n")
    assert own_engine.base_image(path) == ("debian:sid-slim", "sid")
    path.write_text("FROM debian\n")
    with pytest.raises(Problem, match="Dockerfile has no line ARG BASE="):
        own_engine.base_image(path)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_running_whatever_ends_the_command(tmp_path, calls, number):
    # A process that is killed cannot stop the engine itself.
    script = (
        "import io, os, signal, sys; from pathlib import Path\n"
        "from threadjoin.core import progress\n"
        "import own_engine\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"own_engine.CLIENTS = {str(tmp_path / 'bin')!r}\n"
        f"own_engine.SOCKETS = {str(tmp_path)!r}\n"
        "os.geteuid = lambda: 0\n"
        "with own_engine.running(progress.Progress(io.StringIO()),"
        f" Path({str(tmp_path / 'home')!r})):\n"
        f"    os.kill(os.getpid(), {number:d})\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=env,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    wrapper = calls()[1].split()[2]
    subprocess.run(
        ["tail", f"--pid={wrapper}", "-f", os.devnull], timeout=20, check=True
    )
    assert not (tmp_path / "bridge").exists()
    assert "ended" in calls()
    assert not list(tmp_path.glob(f"{own_engine.PREFIX}*"))
