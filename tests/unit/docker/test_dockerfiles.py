"""The sources of the Docker image, checked without an engine."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from threadjoin.building import interpreter
from threadjoin.core import layout
from threadjoin.series import catalog

ROOT = layout.ROOT
DOCKERFILE = (ROOT / "Dockerfile").read_text()
BAKE = (ROOT / "docker-bake.hcl").read_text()


def arguments():
    """Yield the names and the defaults of the Dockerfile's ARG lines."""
    for line in re.findall(r"^ARG (.*)$", DOCKERFILE, re.MULTILINE):
        yield from re.findall(r"(\w+)=(\S+)", line)


def test_the_defaults_are_those_of_the_newest_release_and_stand_once():
    series = catalog.load_series()
    release = series.newest
    wanted = {
        "SERIES": catalog.DEFAULT_SERIES,
        "PYTHON_VERSION": release.version,
        "PYTHON_SHA256": release.xz,
        "GPG_KEY": series.gpg_key,
    }
    for name, value in wanted.items():
        assert [v for n, v in arguments() if n == name] == [value]


def test_the_default_variant_exists():
    assert {v for n, v in arguments() if n == "VARIANT"} == {"pgo"}
    assert "pgo" in interpreter.VARIANTS


def test_each_default_is_the_same_in_each_stage():
    assert len(set(arguments())) == len(dict(arguments()))


def test_the_bake_file_has_each_release_and_variants_that_there_are():
    found = re.findall(
        r'series += "(.+)"\n +version += "(.+)"\n'
        r' +sha256 += "(.+)"\n +gpg_key += "(.+)"',
        BAKE,
    )
    series = [catalog.load_series(name) for name in catalog.available()]
    assert found == [(s.name, s.newest.version, s.newest.xz, s.gpg_key) for s in series]
    (variants,) = re.findall(r"variant += (\[.+\])", BAKE)
    assert set(json.loads(variants)) <= set(interpreter.VARIANTS)


def test_the_bake_file_gives_arguments_that_the_dockerfile_has():
    block = re.search(r"args = \{\n(.*?)\n  \}", BAKE, re.DOTALL).group(1)
    given = set(re.findall(r"^ +(\w+) +=", block, re.MULTILINE))
    assert given and given <= {name for name, _ in arguments()}


def test_the_context_has_what_is_copied_and_run():
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    for name in re.findall(r"\bscripts/[\w.-]+\w", DOCKERFILE):
        assert (ROOT / name).is_file()
        assert "!scripts/docker-*.sh" in ignore and name.endswith(".sh")


def test_the_context_has_all_that_a_build_imports_and_no_proof(tmp_path):
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    for line in ignore:
        for path in ROOT.glob(line[1:]) if line.startswith("!scripts/") else ():
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if path.is_dir() else shutil.copy)(path, target)
    done = subprocess.run(
        [sys.executable, tmp_path / "scripts/build", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "scripts/threadjoin/proof").exists()


@pytest.fixture
def entrypoint(program):
    """Return a function that returns the command that the entrypoint runs."""
    program("python3", 'printf "python3"; printf " <%s>" "$@"')
    program("other", 'printf "other"; printf " <%s>" "$@"; exit 5')

    def run(*words):
        return subprocess.run(
            [ROOT / "scripts/docker-entrypoint.sh", *words],
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    "words, said",
    [
        (("-m", "test", "a b"), "python3 <-m> <test> <a b>"),
        (("-",), "python3 <->"),
        (("--version",), "python3 <--version>"),
        (("python3", "-c", ""), "python3 <-c> <>"),
        (("other", "-x", "*"), "other <-x> <*>"),
    ],
)
def test_arguments_alone_are_pythons(entrypoint, words, said):
    assert entrypoint(*words).stdout == said


def test_the_entrypoint_becomes_the_command(entrypoint):
    assert entrypoint("other").returncode == 5
    missing = entrypoint("no-such-command")
    assert missing.returncode == 127
    assert missing.stderr.count("\n") == 1


@pytest.fixture
def source(tmp_path, monkeypatch, program):
    """Return a function that runs the script of the stage `source`.

    It has a stand-in for build.sh, and returns the status and stderr.
    """
    program(
        "builder",
        "d=build/3.11/pgo/patched/src/Include; mkdir -p $d; echo $* >built\n"
        "echo '#define PY_VERSION  \"3.11.2\"' >$d/patchlevel.h",
    )
    monkeypatch.chdir(tmp_path)
    for name in ("SOURCE", "CA_CERT"):
        monkeypatch.delenv(name, raising=False)
    given = {"SERIES": "3.11", "VARIANT": "pgo", "KIND": "patched", "BUILD": "builder"}

    def run(**more):
        for name, value in {**given, **more}.items():
            monkeypatch.setenv(name, value)
        done = subprocess.run(
            [ROOT / "scripts/docker-source.sh"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    return run


@pytest.mark.parametrize(
    "source, words",
    [
        ("", "--release=3.11.2 --sha256=abc"),
        ("x.tgz", "--source=x.tgz --sha256=abc"),
        ("debian", "--source=debian --sha256=abc"),
    ],
)
def test_the_source_argument_that_build_sh_gets(source, words):
    """Parameters are expanded by a shell, as the Dockerfile does it."""
    (told,) = re.findall(r"BUILD=\"(.*?)\"", DOCKERFILE, re.DOTALL)
    values = {"SOURCE": source, "PYTHON_VERSION": "3.11.2", "PYTHON_SHA256": "abc"}
    done = subprocess.run(
        ["bash", "-c", f'echo "{told}"'],
        env={**os.environ, **values},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert " ".join(done.stdout.split()).endswith(words)


def test_the_source_is_laid_out(source, tmp_path):
    assert source(PYTHON_VERSION="3.11.2") == (0, "")
    assert (tmp_path / "built").read_text() == "--until=source\n"


def test_a_version_of_another_release_is_one_line(source):
    status, said = source(PYTHON_VERSION="3.12.0")
    assert status == 1
    assert said == (
        "error: PYTHON_VERSION is 3.12.0, and the source is 3.11.2; give "
        "--build-arg PYTHON_VERSION=3.11.2\n"
    )


def examples():
    """Yield the build arguments of each example of the documentation, a dict."""
    text = (ROOT / "docs/images.md").read_text().replace("\\\n", " ")
    for line in re.findall(r"^    docker build (.*) \.$", text, re.MULTILINE):
        yield dict(re.findall(r"--build-arg (\w+)=(\S+)", line))


def test_the_examples_name_existing_arguments_releases_and_variants():
    found = list(examples())
    told = {name for example in found for name in example}
    assert {"VARIANT", "KIND", "SERIES", "PYTHON_VERSION"} <= told
    assert told <= set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE))
    for example in found:
        assert example.get("VARIANT", "pgo") in interpreter.VARIANTS
        assert example.get("KIND", "stock") == "stock"
        if set(example) & {"SERIES", "PYTHON_VERSION", "PYTHON_SHA256"}:
            series = catalog.load_series(example.get("SERIES", catalog.DEFAULT_SERIES))
            release = series.release(example["PYTHON_VERSION"])
            assert example["PYTHON_SHA256"] == release.xz
        if "SERIES" in example:
            assert example["GPG_KEY"] == series.gpg_key
