"""Each unit runs in its own process, and its outcomes are read."""

import os
import sys
import venv

import pytest
from threadjoin.proof.downstream import run
from threadjoin.proof.downstream.data import Suite
from tinycpython import shell_script


@pytest.fixture
def sdist(tmp_path):
    directory = tmp_path / "sdist"
    (directory / "tests").mkdir(parents=True)
    return directory


@pytest.fixture
def python(tmp_path):
    """Return the interpreter of a virtual environment that has our own packages."""
    venv.create(tmp_path / "venv", system_site_packages=True, symlinks=True)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (site / "ours.pth").write_text("\n".join(ours))
    return tmp_path / "venv" / "bin" / "python"


@pytest.fixture
def place(tmp_path, python, sdist):
    def make(runner, *units, **options):
        options = {"timeout": 60, "take": ("tests",), **options}
        suite = Suite("own tests", runner, units, sdist="x", **options)
        return run.Place(suite, python, tmp_path / "work", sdist)

    return make


SCRIPT = '''\
import unittest

class Test(unittest.TestCase):
    def test_good(self):
        """With a docstring."""
        print("noise ... ok")
    def test_bad(self):
        self.fail()
    def test_left_out(self):
        raise unittest.SkipTest("why")

unittest.main()
'''


def test_a_script_of_unittest(place, sdist):
    (sdist / "tests" / "a.py").write_text(SCRIPT)
    found = place("unittest", "tests/*.py").run(["tests/a.py"])
    assert found.outcomes == {
        "tests/a.py::__main__.Test.test_good": "passed",
        "tests/a.py::__main__.Test.test_bad": "failed",
        "tests/a.py::__main__.Test.test_left_out": "skipped",
    }
    assert found.units == {"tests/a.py": sorted(found.outcomes)}


def test_a_script_that_crashes_has_failed(place, sdist):
    (sdist / "tests" / "a.py").write_text(
        SCRIPT.replace("self.fail()", "import os; os.abort()")
    )
    outcomes = place("unittest", "tests/*.py").run(["tests/a.py"]).outcomes
    assert outcomes["tests/a.py::__main__.Test.test_bad"] == "failed"


def test_a_script_without_tests_is_judged_by_its_status(place, sdist):
    (sdist / "tests" / "a.py").write_text("")
    (sdist / "tests" / "b.py").write_text("1 / 0")
    ours = place("unittest", "tests/*.py")
    assert ours.run(ours.units(ours.suite.units)).outcomes == {
        "tests/a.py": "passed",
        "tests/b.py (process)": "failed",
    }


def test_a_unit_that_hangs_is_stopped_with_its_children(place, sdist, tmp_path):
    (sdist / "tests" / "a.py").write_text(
        "import os, signal\n"
        f"os.open({str(tmp_path / 'fifo')!r}, os.O_RDWR)\n"
        "os.fork()\nsignal.pause()\n"
    )
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    found = place("unittest", "tests/*.py", timeout=2).run(["tests/a.py"])
    assert found.outcomes == {"tests/a.py (process)": "failed"}
    # End of file: no process has it open for writing any more.
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b""


def test_pytest_runs_without_our_configuration(place, sdist):
    (sdist / "tests" / "test_a.py").write_text(
        "import os, signal, unittest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "def test_left_out(): raise unittest.SkipTest('why')\n"
        "def test_interrupt():\n"
        "    assert signal.getsignal(2) is signal.default_int_handler\n"
        "def test_config(pytestconfig):\n"
        "    assert not pytestconfig.getini('xfail_strict')\n"
    )
    found = place("pytest", "tests/*.py").run(["tests/test_a.py"])
    assert {test.partition("::")[2]: o for test, o in found.outcomes.items()} == {
        "test_good": "passed",
        "test_bad": "failed",
        "test_left_out": "skipped",
        "test_interrupt": "passed",
        "test_config": "passed",
    }


def test_results_before_a_crash_are_kept(place, sdist):
    (sdist / "tests" / "test_a.py").write_text(
        "import os\ndef test_good(): pass\ndef test_bad(): os.abort()\n"
    )
    found = place("pytest", "tests/*.py").run(["tests/test_a.py"]).outcomes
    assert found["tests/test_a.py::test_good"] == "passed"
    assert found["tests/test_a.py (process)"] == "failed"


def test_a_module_that_cannot_be_imported_has_failed(place, sdist):
    (sdist / "tests" / "test_a.py").write_text("import no_such_module\n")
    found = place("pytest", "tests/*.py").run(["tests/test_a.py"]).outcomes
    assert found["tests/test_a.py"] == "failed"


def test_units_come_in_the_order_of_the_patterns(place, sdist):
    for name in ("b.py", "a.py", "z.py"):
        (sdist / "tests" / name).touch()
    ours = place("unittest", "tests/z.py", "tests/*.py", "tests/gone.py -x")
    assert ours.units(ours.suite.units) == [
        "tests/z.py",
        "tests/a.py",
        "tests/b.py",
        "tests/gone.py -x",
    ]


def test_a_program_is_judged_by_its_status(place, tmp_path, monkeypatch):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "life.py").write_text(
        "import sys\nfrom pathlib import Path\n"
        "if sys.argv[-1] == '--list': sys.exit(print('good\\nbad'))\n"
        "assert sys.argv[1:] == ['gevent', 'good']\n"
        "assert not list(Path().iterdir()); Path('left').touch()\n"
    )
    monkeypatch.setattr(run.data, "PROGRAMS", programs)
    ours = place("program", "life.py gevent *")
    assert ours.units(ours.suite.units) == ["life.py gevent good", "life.py gevent bad"]
    for _ in range(2):
        assert ours.run(ours.units(ours.suite.units)).outcomes == {
            "life.py gevent good": "passed",
            "life.py gevent bad": "failed",
        }


def test_an_executable_is_judged_by_its_status(place, sdist):
    for name, status in (("good", 0), ("bad", 3)):
        shell_script(sdist / "tests" / name, f"test -f tests/good && exit {status}")
    found = place("executable", "tests/*").run(["tests/good", "tests/bad -x"])
    assert found.outcomes == {"tests/good": "passed", "tests/bad -x": "failed"}


@pytest.mark.parametrize("mark, end", [("FAILED", 101), ("ok", 134)])
def test_tests_of_rust(place, sdist, mark, end):
    path = sdist / "tests" / "rust"
    path.write_text(
        f"#!/bin/sh\necho 'test a ... ok'; echo 'test b ... {mark}'\nexit {end}\n"
    )
    path.chmod(0o755)
    found = place("libtest", "tests/*").run(["tests/rust"]).outcomes
    failed = {name for name, outcome in found.items() if outcome == "failed"}
    # That it crashed is told apart from the tests that failed.
    assert failed == {"tests/rust::b" if mark == "FAILED" else "tests/rust (process)"}
    assert found["tests/rust::a"] == "passed"


def test_an_embedding_program_finds_the_library_of_the_interpreter(place, sdist):
    (sdist / "tests" / "a.py").write_text(
        "import os, sys, sysconfig\n"
        "found = os.environ.get('LD_LIBRARY_PATH')\n"
        "sys.exit(found != sysconfig.get_config_var('LIBDIR'))\n"
    )
    found = place("unittest", "tests/a.py", embeds=True).run(["tests/a.py"])
    assert found.outcomes == {"tests/a.py": "passed"}


def test_the_environment_of_a_suite_goes_first(place, sdist):
    (sdist / "tests" / "a.py").write_text(
        "import os, sys; sys.exit(os.environ['TMPDIR'] != '/tmp')\n"
    )
    ours = place("unittest", "tests/a.py", environment={"TMPDIR": "/tmp"})
    assert ours.run(["tests/a.py"]).outcomes == {"tests/a.py": "passed"}
