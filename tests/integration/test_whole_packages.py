"""The recipes of docs/packaging.md that build a whole package; it is then used."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import recipes
from debianroot import Root
from harness import PATIENCE
from threadjoin.building import selftest
from threadjoin.core import process

pytestmark = pytest.mark.long

UV = "uv==0.13.8"

#: Sections of a spec: a plain build, installed beside other versions, as distributions
#: do it.
SECTIONS = """
%build
./configure --prefix=/usr
make -j{jobs}

%install
make altinstall DESTDIR=%{{buildroot}}
ln -s python{name} %{{buildroot}}/usr/bin/python3

%files
/usr
"""

#: Settings of distributions for Python: nothing is stripped or compiled again.
DEFINITIONS = {
    "debug_package": "%{nil}",
    "__os_install_post": "%{nil}",
}

#: A program that is written for threads, with gevent's monkey patching.
GEVENT = """\
from gevent import monkey
monkey.patch_all()
import concurrent.futures, os, threading, time
import gevent
from gevent import threadpool

done = []
one = threading.Thread(target=lambda: (time.sleep(0.01), done.append(1)))
one.start()
joiners = [threading.Thread(target=one.join) for _ in range(20)]
for each in joiners: each.start()
for each in joiners: each.join()
assert done == [1] and not one.is_alive()

late = threading.Thread(target=time.sleep, args=(0.1,))
late.start()
late.join(0.001)
assert late.is_alive()
late.join()

# OS threads, which gevent starts beside the interpreter's own.
pool = threadpool.ThreadPool(4)
assert pool.map(lambda n: n * n, range(100)) == [n * n for n in range(100)]
with concurrent.futures.ThreadPoolExecutor(4) as executor:
    assert list(executor.map(abs, range(-9, 0))) == list(range(9, 0, -1))

real = monkey.get_original("threading", "Thread") if monkey.is_object_patched(
    "threading", "Thread") else threading.Thread
child = os.fork()
if not child:
    again = threading.Thread(target=done.append, args=(2,))
    again.start()
    again.join()
    os._exit(0 if done == [1, 2] else 1)
assert os.waitpid(child, 0)[1] == 0
print("gevent", gevent.__version__, "fine")
"""


def race(*command):
    """Return the verdict of the reproducer on the interpreter *command*."""
    done = subprocess.run(
        command,
        input=selftest.REPRODUCER.read_text(),
        capture_output=True,
        text=True,
        timeout=selftest.TEST_TIMEOUT,
        check=False,
    )
    return selftest.VERDICTS.get(done.returncode, done.stdout + done.stderr)


def jobs():
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def test_packages_of_debian(
    page, series, release, package, tool, tmp_path, monkeypatch
):
    if os.geteuid():
        pytest.skip("not run: a root file system is made by root")
    tool("mmdebstrap")
    top = tmp_path / "packages"
    top.mkdir()
    place = recipes.source_package(release, package, top)
    suite = series.debian.suite
    log = tmp_path / "root.log"
    page.run("debian", top)
    root = Root(top / "build", suite, ["build-essential", "fakeroot"], log)
    # Optimizations and Debian's own tests are left out, for they take long.
    options = f"nocheck nobench nopgo nolto parallel={jobs()}"
    monkeypatch.setenv("DEB_BUILD_OPTIONS", options)
    monkeypatch.setenv("DEB_BUILD_PROFILES", "nocheck")
    (top / "build/work").mkdir()
    shutil.move(place, top / "build/work" / place.name)
    root.run("apt-get", "update")
    inside = root.enter("env", "--chdir=/work", "bash")
    said = page.run("debian-build", top, inside=inside)
    (tmp_path / "build.log").write_text(said)
    # dpkg-gensymbols lists with a plus sign what the symbols file lacks.
    for name in series.debian.symbols:
        assert not re.search(rf"^\+ {name}@", said, re.MULTILINE)

    packages = ["python3", "python3-gevent", "ca-certificates"]
    fresh = Root(top / "fresh", suite, packages, log)
    python = f"python{series.name}"
    assert race(*fresh.enter(python, "-")) == "race"
    (top / "fresh/debs").mkdir()
    for path in (top / "build/work").glob("*.deb"):
        shutil.move(path, top / "fresh/debs")
    inside = fresh.enter("env", "--chdir=/debs", "bash")
    listed = ["dpkg-query", "--show", "--showformat=${Package}\n"]
    before = fresh.run(*listed).stdout
    page.run("debian-install", top, inside=inside)
    assert fresh.run(*listed).stdout == before
    page.run("ask", top, inside=fresh.enter("bash"))
    assert race(*fresh.enter(python, "-")) == "no race"
    # The package with the tests is for all architectures.
    for path in (top / "build/work" / place.name / "Lib/test").iterdir():
        target = top / f"fresh/usr/lib/{python}/test" / path.name
        if not target.exists():
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, target)
    shutil.rmtree(top / "build")
    fresh.run(python, "-m", "test", *selftest.ADDED, "test_threading")
    assert "fine" in fresh.run(python, "-", text=GEVENT).stdout

    page.run("debian-downgrade", top, inside=fresh.enter("bash"))
    asked = fresh.run("python3", "-m", "concurrent._threadjoin", check=False)
    assert "No module named" in asked.stdout
    assert race(*fresh.enter(python, "-")) == "race"
    shutil.rmtree(top)


def test_an_rpm(page, series, release, tool, tmp_path):
    for command in ("rpmbuild", "rpm"):
        tool(command)
    shutil.copy(release.path, tmp_path / "python.tgz")
    page.run("one-file", tmp_path)
    sections = SECTIONS.format(jobs=jobs(), name=series.name)
    (tmp_path / "python.spec").write_text(recipes.spec(page, series, sections))
    defined = {"_topdir": tmp_path, "_sourcedir": tmp_path, **DEFINITIONS}
    build = ["rpmbuild", "-bb", "--nodeps", "python.spec"]
    build += [f"--define={name} {value}" for name, value in defined.items()]
    process.check(build, tmp_path / "rpmbuild.log", "rpmbuild", cwd=tmp_path)
    (package,) = tmp_path.glob("RPMS/**/*.rpm")
    assert f"-1.{series.label.partition('+')[2]}" in package.name
    root = tmp_path / "root"
    root.mkdir()
    install = ["rpm", f"--root={root}", "--nodeps", "--noscripts"]
    # Debian's rpm asks for it where a system is Debian's.
    install += ["--define=_dbpath /var/lib/rpm"]
    log = tmp_path / "rpm.log"
    process.check([*install, "--install", package], log, "rpm --install")
    used(page, series, tmp_path, root / "usr/bin")
    process.check([*install, "--erase", "python"], log, "rpm --erase")
    assert not (root / "usr/bin/python3").exists()
    shutil.rmtree(tmp_path)


def used(page, series, place, binaries):
    """Run programs with the interpreter in the directory *binaries*."""
    path = f"{binaries}:{os.environ['PATH']}"
    page.run("ask", place, PATH=path)
    python = binaries / "python3"
    assert race(python, "-") == "no race"
    command = [python, "-m", "test", *selftest.ADDED, "test_threading"]
    process.check(command, place / "test.log", "test_threading", cwd=place)


def test_pyenv_and_uv(page, series, release, tmp_path):
    environment = recipes.pyenv(tmp_path, release)
    if not environment:
        pytest.skip("not run: pyenv is not installed")
    environment["MAKE_OPTS"] = f"-j{jobs()}"
    page.run("pyenv", tmp_path, **environment)
    prefix = environment["PYENV_ROOT"] / "versions" / series.base.version
    used(page, series, tmp_path, prefix / "bin")

    get = [sys.executable, "-m", "pip", "install", "--target", tmp_path / "tools", UV]
    process.check(get, tmp_path / "uv.log", "pip install uv")
    (tmp_path / "project").mkdir()
    page.run(
        "uv",
        tmp_path / "project",
        PREFIX=prefix,
        PATH=f"{tmp_path}/tools/bin:{os.environ['PATH']}",
        UV_CACHE_DIR=tmp_path / "uv",
        UV_OFFLINE=1,
    )

    page.run("pyenv-out", tmp_path, **environment)
    asked = [prefix / "bin/python3", "-m", "concurrent._threadjoin"]
    done = subprocess.run(asked, check=False, capture_output=True, timeout=PATIENCE)
    assert b"No module named" in done.stderr
    assert race(prefix / "bin/python3", "-") == "race"
    shutil.rmtree(tmp_path)
