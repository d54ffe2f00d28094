"""A build that cannot succeed fails before anything is compiled, and says so."""

import functools
import http.server
import re
import shutil
import ssl
import subprocess
import threading

import pytest
from dockerimages import Images, told
from threadjoin.core import layout
from threadjoin.series import catalog
from threadjoin.source import origin

SERIES = catalog.load_series()
#: The only release whose source is here, and the name of its tarball in the tests.
RELEASE = SERIES.base
TARBALL = SERIES.debian.tarball
#: For tests whose result depends on the builder.
BUILDERS = pytest.mark.parametrize(
    "build", [False, True], ids=["classic", "BuildKit"], indirect=True
)
CONTEXT = (".dockerignore", "Dockerfile", "build.sh", "scripts", "patches")


@pytest.fixture
def project(tmp_path, engine):
    """Return a copy of the files that an image is built from."""
    place = tmp_path / "project"
    for name in CONTEXT:
        copy = shutil.copytree if (layout.ROOT / name).is_dir() else shutil.copy
        place.mkdir(exist_ok=True)
        copy(layout.ROOT / name, place / name)
    cache = place / "build" / "cache"
    cache.mkdir(parents=True)
    tarball = origin.release(SERIES, engine.home / "source.log").path
    shutil.copy(tarball, cache / TARBALL)
    return place


@pytest.fixture
def build(request, engine, project):
    """Return a function that builds the stage `source` of *project*.

    It returns the output. It takes the release that is here by default, and BuildKit,
    unless the parameter is False.
    """
    buildkit = getattr(request, "param", True)
    there = {
        "PYTHON_VERSION": RELEASE.version,
        "PYTHON_SHA256": RELEASE.tarballs[TARBALL],
    }

    def built(**arguments):
        arguments = {**there, **arguments}
        line = Images.line("threadjoin:bad", arguments, "--target=source")
        return subprocess.run(
            ["sh", "-c", told(engine, line)],
            cwd=project,
            env=engine.environment(buildkit),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )

    return built


def complaint(done):
    """Return the line with which the build *done* has failed."""
    assert done.returncode != 0, done.stdout
    # BuildKit prints it twice: when it happens, and at the end.
    text = re.sub("\x1b\\[[0-9;]*m", "", done.stdout)
    found = set(re.findall(r"^(?:#[0-9. ]+)?(error: .*)", text, re.MULTILINE))
    assert len(found) == 1, text
    assert "==> configure" not in text
    return found.pop()


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"SERIES": "9.9"}, "no series for Python 9.9; there is one for: "),
        ({"VARIANT": "fast"}, "invalid choice: 'fast' (choose from "),
        ({"KIND": "odd"}, "unrecognized arguments: --odd"),
        (
            {"PYTHON_SHA256": "0" * 64},
            f"is not of CPython {RELEASE.version}, which has",
        ),
        ({"PYTHON_VERSION": "3.1"}, "knows no release '3.1'; it knows "),
        ({"PYTHON_VERSION": ""}, "argument --release: it is empty; "),
        (
            {"SOURCE": f"build/cache/{TARBALL}", "PYTHON_VERSION": "3.1"},
            f"give --build-arg PYTHON_VERSION={RELEASE.version}",
        ),
        ({"SOURCE": "no.tgz"}, "--source no.tgz: there is no such file"),
        (
            {"SOURCE": f"build/cache/{TARBALL}", "PYTHON_SHA256": "0" * 64},
            f"checksum mismatch (SHA-256 {RELEASE.tarballs[TARBALL][:4]}",
        ),
    ],
)
def test_a_bad_argument_is_one_line(build, arguments, words):
    assert words in complaint(build(**arguments))


@BUILDERS
def test_a_patch_that_does_not_apply_is_one_line(build, project):
    patch = project / "patches" / SERIES.name / SERIES.patches[0].name
    head, hunks = patch.read_text().split("\n@@ ", 1)
    # None of the files has the context lines of the change.
    hunks = re.sub(r"^ (.+)$", r" not there \1", hunks, flags=re.MULTILINE)
    patch.write_text(f"{head}\n@@ {hunks}")
    assert f"{patch.name} cannot be applied to CPython {RELEASE.version}" in complaint(
        build()
    )


def test_a_local_archive_is_used(build, project):
    (project / "build/cache" / TARBALL).rename(project / "Python-3.tgz")
    done = build(SOURCE="Python-3.tgz")
    assert done.returncode == 0, done.stdout


@pytest.fixture
def mirror(project, authority):
    """Yield the URL of a mirror of CPython, by HTTPS, with the tests' certificate."""
    handler = functools.partial(Quiet, directory=project / "build" / "cache")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.chain, authority.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        # It must not be in the context, or it would not be fetched.
        with open(project / ".dockerignore", "a") as ignored:
            ignored.write("build\n")
        yield f"https://localhost:{server.server_port}/{TARBALL}"
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@BUILDERS
def test_a_mirror_needs_the_authority_that_it_is_certified_by(build, mirror, authority):
    assert "certificate verify failed" in complaint(build(SOURCE=mirror))
    done = build(SOURCE=mirror, CA_CERT=authority.certificate)
    assert done.returncode == 0, done.stdout
