"""Run docker on an engine of the project's own.

It is for machines where no engine runs. The engine is installed if it is missing,
started with its own socket and data directory, and given the image that the
Dockerfile starts from; it is stopped when the tests have ended. Its images stay in
build/docker.

It leaves the network of the machine and of other engines alone: builds have that of
the machine, and containers none, unless `run` is given --network=host.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from threadjoin.core import process
from threadjoin.core.errors import Problem
from threadjoin.core.layout import BUILD, ROOT
from threadjoin.host import packages

HOME = BUILD / "docker"
DOCKERFILE = ROOT / "Dockerfile"

#: The path of a socket may have 107 characters: it is not below build/.
SOCKETS = "/tmp"
PREFIX = "threadjoin-"

#: Runs the engine in namespaces that end with it.
WRAPPER = Path(__file__).with_suffix(".sh")

#: Without rules of the packet filter: those of another engine would be lost.
NETWORK = ("iptables", "ip6tables", "ip-forward", "ip-masq")

#: The directory of the docker command of the distribution's package.
CLIENTS = "/usr/bin"

#: Seconds that the engine gets to answer, and to end.
START = 60
STOP = 60

#: Variables that builds are given. Docker keeps them out of the images and of their
#: history.
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")

#: As in the base image of the registry: no manuals, no translations.
LEAN = (
    *("exclude=/usr/share/man/*", "exclude=/usr/share/locale/*"),
    *("exclude=/usr/share/doc/*", "include=/usr/share/doc/*/copyright"),
)


class Unavailable(Problem):
    """Docker cannot run here."""


class Engine:
    """An engine that runs.

    Parameters:
        socket: path of the socket that it listens on.
        client: path of the docker command.
        home: pathlib.Path of the directory for all files of the engine.
    """

    def __init__(self, socket, client, home=HOME):
        self._socket = socket
        self.client = client
        self.home = home

    def environment(self, buildkit=False):
        """Return the environment for docker, a dict.

        The user's settings and credentials are not used for this engine.

        Parameters:
            buildkit: build with BuildKit rather than with the classic builder.
        """
        env = {k: v for k, v in os.environ.items() if not k.startswith("DOCKER_")}
        env.update(
            DOCKER_HOST=f"unix://{self._socket}",
            DOCKER_CONFIG=str(self.home / "config"),
            DOCKER_BUILDKIT=str(int(buildkit)),
            PATH=f"{Path(self.client).parent}{os.pathsep}{env.get('PATH', '')}",
        )
        return env

    def command(self, *arguments):
        """Return the command line for docker with *arguments*, a list of str.

        A build has the network of this machine, and gets the proxies that we have.
        """
        words = list(map(str, arguments))
        if words[:1] == ["build"]:
            words[1:1] = ["--network=host"]
            for name in PROXIES:
                for variable in (name, name.upper()):
                    if variable in os.environ:
                        words[1:1] = ["--build-arg", variable]
        return [self.client, *words]

    def ask(self, *arguments):
        """Return what docker with *arguments* prints, without the last newline.

        Raises Problem with the last line of docker when it fails.
        """
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise Problem(f"docker {arguments[0]} failed: {last[0]}")
        return done.stdout.rstrip("\n")


def base_image(dockerfile=DOCKERFILE):
    """Return the name and the suite of the image that *dockerfile* starts from.

    Raises Problem when that image cannot be made here.
    """
    found = re.search(
        r"^ARG BASE=(debian:([a-z]+)-slim)$", dockerfile.read_text(), re.M
    )
    if not found:
        raise Problem(f"{dockerfile.name} has no line ARG BASE=debian:SUITE-slim")
    return found.groups()


@contextlib.contextmanager
def running(progress, home=None):
    """Give an Engine that runs for as long as the `with` block does.

    Installs it where it is missing, and makes the base image.

    Parameters:
        progress: a progress.Progress.
        home: pathlib.Path for all files of the engine, made when missing;
            None for HOME.

    Raises Unavailable when an engine cannot run here.
    """
    home = home or HOME
    (home / "config").mkdir(parents=True, exist_ok=True)
    client = _provide(progress, home / "packages.log")
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=SOCKETS) as place:
        with _started(Path(place), home):
            engine = Engine(f"{place}/docker.sock", client, home)
            _import_base(engine, progress)
            yield engine


def _provide(progress, log):
    """Install what is missing; return the path of the docker command."""
    if os.geteuid() != 0:
        raise Unavailable("Docker Engine needs root to be started")
    try:
        for command in ("dockerd", "ip", "mmdebstrap"):
            packages.provide_tool(command, progress, log)
    except Problem as exc:
        raise Unavailable(str(exc)) from None
    # The one that came with the engine, not a newer one which builds with
    # BuildKit by means of a plugin that is not there.
    client = shutil.which("docker", path=CLIENTS) or shutil.which("docker")
    if not client:
        raise Unavailable("the engine is there, and the docker command is not")
    return client


def bridge(place):
    """Return the name of the bridge of the engine whose socket is in *place*.

    A name for a device has 15 characters at most.
    """
    return f"tj-{place.name.removeprefix(PREFIX)}"


@contextlib.contextmanager
def _started(place, home):
    """Run the engine, with its socket in *place*, while the `with` block runs."""
    log = home / "dockerd.log"
    command = [
        # However this process ends, the engine ends, and its mounts go with it.
        *("setpriv", "--pdeathsig", "TERM"),
        *("unshare", "--mount", "--propagation=private"),
        *(WRAPPER, bridge(place), place),
        "dockerd",
        f"--bridge={bridge(place)}",
        *(f"--{name}=false" for name in NETWORK),
        f"--host=unix://{place}/docker.sock",
        f"--exec-root={place}/exec",
        f"--data-root={home}/data",
        f"--pidfile={home}/dockerd.pid",
    ]
    with process.started(command, log, env=process.environment()) as daemon:
        try:
            _await(daemon, f"{place}/docker.sock", log)
            yield
        finally:
            # To the engine alone: it ends the processes that it started.
            if daemon.poll() is None:
                daemon.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    daemon.wait(STOP)


def _await(daemon, socket, log):
    """Wait until the engine listens on *socket*."""
    deadline = time.monotonic() + START
    ready = f"API listen on {socket}"
    while ready not in log.read_text(errors="replace"):
        if daemon.poll() is not None:
            last = process.tail(log, 1)
            raise Unavailable(f"Docker Engine does not start: {last}; see {log}")
        if time.monotonic() > deadline:
            raise Unavailable(f"Docker Engine is not up after {START} s; see {log}")
        time.sleep(0.1)


def archives(suite):
    """Return the URIs of the archives that apt's configuration has *suite* of."""
    if not shutil.which("apt-get"):
        return []
    asked = ("Created-By: Packages", f"Release: {suite}", "Component: main")
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", *asked]
    return list(dict.fromkeys(process.said(command).stdout.split()))


def _import_base(engine, progress):
    """Make the base image from the distribution's packages, if it is missing.

    A registry, which not every machine can reach, is used only where apt has no such
    packages.
    """
    name, suite = base_image()
    if engine.ask("image", "ls", "--quiet", name):
        return
    archive = engine.home / "base.tar"
    mirrors = archives(suite)
    if not mirrors:
        with progress.stage(f"pull the image {name}"):
            engine.ask("pull", "--quiet", name)
        return
    options = [f"--dpkgopt=path-{rule}" for rule in LEAN]
    with progress.stage(f"make the image {name}"):
        process.check(
            ["mmdebstrap", "--variant=minbase", *options, suite, archive]
            + [f"deb {uri} {suite} main" for uri in mirrors],
            engine.home / "mmdebstrap.log",
            "mmdebstrap",
            env=process.environment(),
        )
        engine.ask("import", archive, name)
    archive.unlink()
