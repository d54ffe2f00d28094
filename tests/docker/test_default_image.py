"""The image that the two commands of the README build and run."""

import json
import re
import subprocess

import pytest
from dockerimages import readme_lines, release
from threadjoin.building import selftest
from threadjoin.series import catalog

SERIES = catalog.load_series()

#: The path in python:3.11-slim, which programs for that image use.
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
    "/sbin:/bin",
    "LANG": "C.UTF-8",
    "GPG_KEY": SERIES.gpg_key,
}

#: Options for a user without a name or a home, and a read-only file system.
CONFINED = (
    *("--user", "12345:12345", "--read-only", "--network", "none"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
)

#: Files of the build, which must not be in the image.
LEFT = re.compile(
    r"/threadjoin(/|$)|^/runtime$|\.py[co]$|__pycache__|\.gcda$|libpython.*\.a$"
    r"|^/var/lib/apt/lists/.*_|^/var/cache/apt/.*(bin|deb)$|^/var/log/(apt|.*\.log$)|^/tmp/."
    r"|^/usr/local/.*/(tests|idle_test)(/|$)|^/root/\.(cache|python)"
)


def test_the_readmes_second_line_passes(default):
    (line,) = readme_lines("docker run")
    done = subprocess.run(
        ["sh", "-c", line],
        env=default.engine.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=selftest.TEST_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 2 tests OK." in done.stdout


def test_it_has_pgo_and_lto(default):
    script = "import sysconfig; print(sysconfig.get_config_var('CONFIG_ARGS'))"
    arguments = default.run("-c", script)
    for word in ("--enable-optimizations", "--with-lto", "--enable-shared"):
        assert word in arguments


def test_it_tells_its_revision(default):
    assert default.run("-m", "concurrent._threadjoin") == f"{SERIES.label}\n"


def test_it_does_not_have_the_race(default):
    done = default.start("-", input=selftest.REPRODUCER.read_text())
    assert selftest.VERDICTS.get(done.returncode) == "no race", (
        done.stdout + done.stderr
    )


def test_its_settings_are_those_of_python_slim(default):
    config = json.loads(default.inspect("{{json .Config}}"))
    assert dict(one.split("=", 1) for one in config["Env"]) == {
        **ENVIRONMENT,
        "PYTHON_VERSION": release().version,
        "PYTHON_SHA256": release().xz,
    }
    assert config["Cmd"] == ["python3"]
    # It sets nothing that an image on top of it would inherit.
    for key in ("User", "WorkingDir", "Volumes", "ExposedPorts", "OnBuild"):
        assert not config.get(key)
    assert not config.get("Shell")
    labels = config["Labels"]
    assert labels["org.opencontainers.image.version"] == release().version
    assert labels["org.opencontainers.image.licenses"] == "PSF-2.0"
    assert labels["threadjoin.series"] == SERIES.name
    assert labels["threadjoin.variant"] == "pgo"


@pytest.mark.parametrize(
    "command, said",
    [
        (("python", "-c", "print(6 * 7)"), "42\n"),
        (("-c", "print(6 * 7)"), "42\n"),
        (("sh", "-c", "echo $0 $$"), "sh 1\n"),
        (("-c", "import os; print(os.getpid())"), "1\n"),
        (("python3", "-c", "import sys; print(sys.executable)"), "/usr/local/bin/py"),
        (("python3.11", "--version"), "Python 3.11."),
        (("pip", "--version"), "pip "),
        (("pydoc", "-b", "--help"), "pydoc - the Python documentation tool"),
        (("python-config", "--prefix"), "/usr/local\n"),
        (("sh", "-c", "command -v idle idle3 pip3 pydoc3"), "/usr/local/bin/idle\n"),
    ],
)
def test_commands_are_where_they_are_in_python_slim(default, command, said):
    assert said in default.run(*command)


def test_pip_has_what_the_release_bundles_and_no_more(default):
    script = "import ensurepip, json; print(json.dumps(ensurepip._PROJECTS))"
    bundled = json.loads(default.run("-c", script))
    said = json.loads(default.run("pip", "list", "--format=json"))
    there = {one["name"]: one["version"] for one in said}
    assert there == {name: version for name, version, *_ in bundled}


def test_without_a_command_it_is_python(default):
    assert default.run(input="print(6 * 7)") == "42\n"


def test_a_command_that_is_not_there_is_told(default):
    assert default.start("no-such-command").returncode == 127


def test_modules_of_the_libraries_are_there(default):
    modules = "bz2 ctypes curses dbm.gnu lzma readline sqlite3 ssl uuid zlib".split()
    script = f"import {', '.join(modules)}; print(ssl.create_default_context())"
    default.run("-c", script)
    script = "import sqlite3; sqlite3.connect(':memory:').enable_load_extension(True)"
    default.run("-c", script)


THREADS = """\
import os, threading
for _ in range(50):
    done = []
    one = threading.Thread(target=done.append, args=(1,))
    one.start()
    joiners = [threading.Thread(target=one.join) for _ in range(4)]
    for each in joiners: each.start()
    for each in joiners: each.join()
    assert done == [1] and not one.is_alive()
print(os.getuid(), threading.active_count())
"""


def test_another_user_on_a_read_only_file_system(default):
    assert default.run("-c", THREADS, options=CONFINED) == "12345 1\n"
    # The tests run, too, with the one directory that they write to.
    options = (*CONFINED, "--tmpfs", "/tmp")
    assert "1 test OK." in default.run("-m", "test", "test_threading", options=options)


def test_another_user_can_have_an_environment(default):
    script = "python3 -m venv /tmp/e && /tmp/e/bin/pip --version"
    options = ("--user", "12345:12345", "--network", "none")
    assert "/tmp/e/lib" in default.run("sh", "-c", script, options=options)


def test_nothing_of_the_build_is_left(default):
    left = default.files("/", lambda archive: [m.name for m in archive])
    names = ["/" + name.removeprefix("./").strip("/") for name in left]
    assert "/usr/local/lib/python3.11/threading.py" in names
    assert [name for name in names if LEFT.search(name)] == []
