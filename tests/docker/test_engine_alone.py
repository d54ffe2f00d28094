"""The engine runs beside others, and leaves nothing behind."""

import os
import shutil
import subprocess
from pathlib import Path

import own_engine
from dockerimages import Image


def bridges():
    """Return the names of the network's bridges, a set."""
    return {p.parent.name for p in Path("/sys/class/net").glob("*/bridge")}


def traces(words):
    """Return everything on this machine with one of *words* in its name, a list:
    mounts, processes, rules of the packet filter.
    """
    lines = Path("/proc/self/mounts").read_text().splitlines()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        # This process has no such arguments; another one may have ended.
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    if shutil.which("iptables-save"):
        rules = subprocess.run(
            ["iptables-save"], capture_output=True, text=True, check=False
        )
        lines += rules.stdout.splitlines()
    return [line for line in lines if any(word in line for word in words)]


def test_two_engines_run_at_the_same_time(engine, progress, tmp_path, monkeypatch):
    monkeypatch.setattr(own_engine, "_import_base", lambda *_: None)
    home = tmp_path / "home"
    before = bridges()
    with own_engine.running(progress, home) as other:
        place = Path(other.environment()["DOCKER_HOST"].removeprefix("unix://")).parent
        assert traces([str(home)])
        ours = own_engine.bridge(place)
        assert ours in bridges()
        # Each has what is its own, and has not touched the other's.
        assert other.ask("image", "ls", "--quiet") == ""
        assert engine.ask("image", "ls", "--quiet") != ""
        assert before <= bridges()
    assert ours not in bridges()
    assert traces([str(home), str(place), ours]) == []
    assert not os.path.exists(place)
    base, _ = own_engine.base_image()
    assert Image(engine, base).run("echo", "works") == "works\n"
