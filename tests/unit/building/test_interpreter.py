"""Configuring and compiling, with stand-ins for configure and make."""

import os

import pytest
from threadjoin.building import interpreter
from threadjoin.core import process
from threadjoin.host import packages
from tinycpython import write

VARIANT = interpreter.Variant("", ("--one", "--two"))


@pytest.fixture(autouse=True)
def system(monkeypatch):
    """Return a system with a compiler called `cc`, and all that a build needs."""
    monkeypatch.setattr(packages, "compiler", lambda: ["cc", "-m64"])
    monkeypatch.setattr(packages, "missing", lambda: [])
    monkeypatch.setenv("CFLAGS", "-g")
    for name in ("CC", "CCACHE_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def source(tmp_path):
    """Return a source tree whose configure counts its runs in the file `runs`."""
    script = '#!/bin/sh\necho "$*" >>../runs\nfor word; do echo "$word"; done\n'
    tree = write(tmp_path / "patched" / "src", {"configure": script})
    return tree


@pytest.fixture
def built(tmp_path, source):
    return interpreter.Interpreter("patched", tmp_path, VARIANT)


def runs(source):
    return (source.parent / "runs").read_text().splitlines()


def test_configure_gets_the_variants_arguments(built, source):
    interpreter.configure([built])
    assert runs(source) == ["--one --two CC=cc -m64"]
    assert built.log("configure").read_text() == "--one\n--two\nCC=cc -m64\n"


def test_configure_runs_once(built, source):
    interpreter.configure([built])
    write(built.objects, {"object": "kept"})
    interpreter.configure([built])
    assert len(runs(source)) == 1
    assert (built.objects / "object").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda m, built: m.setenv("CFLAGS", "-g3"),
        lambda m, built: m.setattr(packages, "compiler", lambda: ["other"]),
        lambda m, built: m.setattr(packages, "missing", lambda: packages.needs()[-1:]),
        lambda m, built: m.setattr(built, "_prefix", "/opt"),
        lambda m, built: m.setattr(built, "_options", ("--enable-shared",)),
        lambda m, built: m.setattr(built, "variant", interpreter.VARIANTS["tsan"]),
    ],
)
def test_another_recipe_starts_afresh(built, source, monkeypatch, change):
    interpreter.configure([built])
    write(built.objects, {"object": "stale"})
    change(monkeypatch, built)
    interpreter.configure([built])
    assert len(runs(source)) == 2
    assert not (built.objects / "object").exists()


def test_a_configure_that_failed_is_run_again(built, source):
    (source / "configure").write_text("#!/bin/sh\necho cannot; exit 77\n")
    for _ in range(2):
        with pytest.raises(process.Failed, match="configure .patched. failed .* 77"):
            interpreter.configure([built])
    assert process.tail(built.log("configure")) == "cannot"


def test_two_are_configured_at_the_same_time(tmp_path):
    # Each opens one end of a pipe, which blocks until the other end is open.
    os.mkfifo(tmp_path / "pipe")
    both = []
    for kind, way in (("stock", ">"), ("patched", "<")):
        script = f"#!/bin/sh\n: {way} {tmp_path}/pipe\n"
        write(tmp_path / kind / "src", {"configure": script})
        both.append(interpreter.Interpreter(kind, tmp_path, VARIANT))
    interpreter.configure(both)
    assert all((one.objects / "threadjoin.json").exists() for one in both)


def test_when_one_fails_the_other_is_stopped(tmp_path, built, source):
    os.mkfifo(tmp_path / "pipe")
    script = f"#!/bin/sh\n: < {tmp_path}/pipe\n"
    write(tmp_path / "stock" / "src", {"configure": script})
    (source / "configure").write_text("#!/bin/sh\nexit 1\n")
    waiting = interpreter.Interpreter("stock", tmp_path, VARIANT)
    with pytest.raises(process.Failed, match="configure .patched. failed"):
        interpreter.configure([waiting, built])
    assert not (waiting.objects / "threadjoin.json").exists()


@pytest.mark.parametrize(
    "cached, there, expected",
    [
        (True, True, "-j3 CC=ccache cc -m64"),
        (True, False, "-j3"),
        (False, True, "-j3"),
    ],
)
def test_ccache_is_used_where_it_is_installed(
    built, program, monkeypatch, tmp_path, cached, there, expected
):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    program("make", 'echo "$*"; echo "$CCACHE_DIR"')
    if there:
        program("ccache", "")
    built.variant = interpreter.Variant("", (), cached=cached)
    built.objects.mkdir()
    built.compile(3)
    said, where = built.log("compile").read_text().splitlines()
    assert said == expected
    assert where == str(interpreter.BUILD / "ccache")


def test_a_ccache_that_the_user_names_is_used(built, monkeypatch):
    monkeypatch.setenv("CCACHE_DIR", "/my/cache")
    assert built.environment()["CCACHE_DIR"] == "/my/cache"


def test_a_shared_library_is_found_where_it_was_built(tmp_path):
    built = interpreter.Interpreter(
        "patched", tmp_path, VARIANT, options=("--enable-shared",)
    )
    assert built.environment()["LD_LIBRARY_PATH"] == str(built.objects)
    assert "LD_LIBRARY_PATH" not in (
        interpreter.Interpreter("patched", tmp_path, VARIANT).environment()
    )


def test_a_full_disk_takes_the_objects_with_it(built, program):
    program("make", "echo 'as: No space left on device'; exit 2")
    built.objects.mkdir()
    with pytest.raises(process.DiskFull):
        built.compile(1)
    assert not built.objects.exists()


def test_a_compile_that_fails_keeps_the_objects(built, program):
    program("make", "exit 2")
    built.objects.mkdir()
    with pytest.raises(process.Failed, match="compile .patched. failed"):
        built.compile(1)
    assert built.objects.exists()


def test_compiling_reports_its_progress(built, program):
    assert built.compiled() == "0 files compiled"
    lines = ["cc -c -o a.o a.c", "cc -c -o b.o b.c", "0:00:02 [ 2/44] test_array"]
    program("make", "\n".join(f'echo "{line}"' for line in lines))
    built.objects.mkdir()
    built.compile(1)
    trained = "2 files compiled, then a training run: test 2 of 44"
    assert built.compiled() == trained
    said = built.log("compile").read_bytes()
    assert interpreter.far(said + b"cc -c -o a.o a.c\n") == "3 files compiled"
    failing = said.replace(b"2/44]", b"2/44/1]")
    assert interpreter.far(failing) == trained


def test_make_installs_it(built, program):
    program("make", 'echo "$*"')
    built.objects.mkdir()
    built.install()
    assert built.log("install").read_text() == "install\n"
