"""Build images of the project, and inspect them."""

import functools
import re
import shlex
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

from threadjoin.core import layout, process
from threadjoin.series import catalog
from threadjoin.source import origin, tarballs

README = layout.ROOT / "README.md"

#: Seconds for a build: an image with PGO takes a quarter of an hour.
BUILD_TIMEOUT = 90 * 60
RUN_TIMEOUT = 300

#: Output of build.sh when it compiles, which means that the image is new.
COMPILES = "==> compile"

#: A word in the build arguments, which must not be in the images.
MARKER = "threadjoin-marker.invalid"


@functools.cache
def release():
    """Return the catalog.Release that images are made of here.

    It is the newest, as in the Dockerfile, or the base of the series where python.org
    does not answer. Then its tarball is in the cache.
    """
    series = catalog.load_series()
    for wanted in (series.newest, series.base):
        try:
            origin.release(series, layout.BUILD / "source.log", wanted.version)
        except tarballs.NoWay as exc:
            reason = exc
        else:
            return wanted
    raise reason


def of_release():
    """Return the build arguments for release(), a dict; none for the default."""
    wanted = release()
    if wanted == catalog.load_series().newest:
        return {}
    return {"PYTHON_VERSION": wanted.version, "PYTHON_SHA256": wanted.xz}


class Image:
    """An image of an engine.

    Parameters:
        engine: the own_engine.Engine.
        name: its tag or id.
    """

    def __init__(self, engine, name):
        self.engine = engine
        self.name = name

    def start(self, *arguments, options=(), **popen):
        """Return the CompletedProcess of `docker run` with *arguments*.

        Parameters:
            options: those of `docker run`, in front of the image.
            popen: for subprocess.run(): input, say.
        """
        popen.setdefault("timeout", RUN_TIMEOUT)
        interactive = ["--interactive"] if "input" in popen else []
        if not interactive:
            popen["stdin"] = subprocess.DEVNULL
        return subprocess.run(
            self.engine.command(
                "run", "--rm", *interactive, *options, self.name, *arguments
            ),
            env=self.engine.environment(),
            capture_output=True,
            text=True,
            check=False,
            **popen,
        )

    def run(self, *arguments, **options):
        """Return the output of start(), which has to succeed."""
        done = self.start(*arguments, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def inspect(self, template):
        return self.engine.ask("image", "inspect", "--format", template, self.name)

    def size(self):
        """Return its size, in bytes."""
        return int(self.inspect("{{.Size}}"))

    def files(self, path, members):
        """Return what *members* makes of the tarfile of the directory *path*."""
        container = self.engine.ask("create", self.name)
        try:
            with subprocess.Popen(
                self.engine.command("cp", f"{container}:{path}", "-"),
                env=self.engine.environment(),
                stdout=subprocess.PIPE,
            ) as copying:
                with tarfile.open(fileobj=copying.stdout, mode="r|") as archive:
                    return members(archive)
        finally:
            self.engine.ask("rm", container)


class Images:
    """The images for the tests, each built when a test first asks for it."""

    def __init__(self, engine, progress, results, authority):
        self.engine = engine
        self._progress = progress
        self._results = results
        self._authority = authority
        self._known = {}

    def default(self):
        """Return the image that the README's command builds.

        The release is another one where the newest cannot be fetched.
        """
        (line,) = readme_lines("docker build")
        _, tag = re.search(r"(-t|--tag) (\S+)", line).groups()
        more = [f"--build-arg={name}={value}" for name, value in of_release().items()]
        return self._once("default", tag, shlex.join([*shlex.split(line), *more]))

    def release(self, kind, buildkit=False):
        """Return the release image of *kind*.

        The build gets a certificate authority, and a proxy that is not to be
        used: neither may be in the image.
        """
        tag = f"threadjoin:release-{kind}{'-buildkit' if buildkit else ''}"
        arguments = {
            "VARIANT": "release",
            "KIND": kind,
            "CA_CERT": self._authority.certificate,
            "FTP_PROXY": f"http://user:secret@{MARKER}",
            **of_release(),
        }
        return self._once(
            f"release, {kind}{', BuildKit' if buildkit else ''}",
            tag,
            self.line(tag, arguments),
            buildkit,
        )

    def debug(self):
        """Return the debug image, by BuildKit."""
        tag = "threadjoin:debug"
        return self._once(
            "debug, BuildKit",
            tag,
            self.line(tag, {"VARIANT": "debug", **of_release()}),
            True,
        )

    @staticmethod
    def line(tag, arguments, *more):
        """Return the line that builds *tag* with the build *arguments*."""
        words = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        return shlex.join(["docker", "build", f"--tag={tag}", *words, *more, "."])

    def _once(self, name, tag, line, buildkit=False):
        if name not in self._known:
            seconds, said = self.build(name, line, buildkit)
            if COMPILES in said:
                self._results.add_build(name, seconds)
            self._known[name] = Image(self.engine, tag)
        return self._known[name]

    def title(self, image):
        """Return the name of an *image* in the results."""
        return next(name for name, one in self._known.items() if one is image)

    def build(self, name, line, buildkit=False, place=layout.ROOT):
        """Run the command *line*, a docker build, which has to succeed.

        Returns the seconds that it took, and its output.
        """
        # Where it is known already, it need not be fetched again.
        release()
        log = self.engine.home / f"build-{re.sub('[^a-z]+', '-', name.lower())}.log"
        begun = time.monotonic()
        with self._progress.stage(f"build the image ({name})"):
            process.check(
                ["sh", "-c", told(self.engine, line)],
                log,
                f"docker build ({name})",
                cwd=place,
                env=self.engine.environment(buildkit),
                timeout=BUILD_TIMEOUT,
            )
        return time.monotonic() - begun, log.read_text(errors="replace")


def told(engine, line):
    """Return *line*, a docker build, with what the engine's command() adds to it."""
    head, rest = line.split(" build ", 1)
    told = engine.command("build")[1:]
    return shlex.join([head, *told]) + " " + rest


def readme_lines(beginning):
    """Return the README's commands that begin with *beginning*."""
    return re.findall(rf"^    ({beginning} .*)$", README.read_text(), re.MULTILINE)


@dataclass(frozen=True)
class Authority:
    """A certificate authority, and what a server on localhost needs of it."""

    certificate: str  # as text
    chain: Path  # the server's certificate
    key: Path


def make_authority(place):
    """Return the Authority whose files are in the directory *place*.

    They are made once: with another authority, a build would start afresh.
    """
    ours, server = "threadjoin-authority", "localhost"

    def certify(name, *options):
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-noenc",
                "-days",
                "9999",
            ]
            + ["-subj", f"/CN={name}", "-keyout", f"{name}.key", *options]
            + ["-out", f"{name}.pem"],
            cwd=place,
            check=True,
            capture_output=True,
        )

    chain = place / f"{server}.pem"
    if not chain.exists():
        place.mkdir(exist_ok=True)
        certify(ours, "-addext", "keyUsage=critical,keyCertSign")
        signed = ("-CA", f"{ours}.pem", "-CAkey", f"{ours}.key")
        certify(server, *signed, "-addext", f"subjectAltName=DNS:{server}")
    certificate = (place / f"{ours}.pem").read_text().strip()
    return Authority(certificate, chain, chain.with_suffix(".key"))
