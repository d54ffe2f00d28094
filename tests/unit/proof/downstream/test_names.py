"""Uses of private names are found, and nothing else is."""

import zipfile

import pytest
from threadjoin.proof.downstream import names

LOOKED_FOR = {"_tstate_lock", "_stop", "_start_new_thread", "_active", "_handle"}


@pytest.mark.parametrize(
    "source, found",
    [
        ("import threading\nthreading._active", ("_active", "read", 2)),
        ("import threading as t\nt._active.clear()", ("_active", "read", 2)),
        ("from threading import _active", ("_active", "read", 1)),
        ("from saved import threading\nthreading._stop()", ("_stop", "called", 2)),
        ("main_thread._tstate_lock = 1", ("_tstate_lock", "assigned", 1)),
        ("x._tstate_lock.release()", ("_tstate_lock", "read", 1)),
        ("names = ['_start_new_thread']", ("_start_new_thread", "by name", 1)),
        (
            "import threading\nhasattr(t, '_handle')",
            ("_handle", "by name", 2),
        ),
        (
            "class T(threading.Thread):\n  def _stop(self): pass",
            ("_stop", "overridden", 2),
        ),
        (
            "class T(Thread):\n  def f(self): self._stop()",
            ("_stop", "called", 2),
        ),
    ],
)
def test_a_use_is_found(source, found):
    assert names.uses(source, LOOKED_FOR) == [found]


@pytest.mark.parametrize(
    "source",
    [
        "# threading._active",
        "'see threading._active'",
        "class Server:\n  def _stop(self): self._stop()",
        "process._handle",
        "x = '_stop'",
        "hasattr(process, '_handle')",
        "print 'Python 2'",
    ],
)
def test_other_occurrences_are_not_found(source):
    assert names.uses(source, LOOKED_FOR) == []


def wheel(directory, name, files):
    path = directory / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
    return path


def test_the_page(tmp_path):
    use = "import threading\n" + "threading._active\n" * 5
    wheels = [
        wheel(tmp_path, "user-1.0", {"user/a.py": use, "user/tests/b.py": use}),
        wheel(tmp_path, "quiet-2.0", {"quiet.py": "", "quiet.txt": use}),
        wheel(tmp_path, "other-3.0", {"other.py": use}),
    ]
    judged = {
        "names": {"_active": "a dict", "_stop": "nobody looks"},
        "others": {"other _active": "something else"},
    }
    page = names.page(wheels, judged)
    assert "| `_active` | user | a dict |" in page
    assert "`user/a.py:2`, `user/a.py:3`, `user/a.py:4` and 2 more" in page
    assert "tests/b.py" not in page
    assert "- other _active: something else" in page
    assert page.endswith("other-3.0, quiet-2.0.\n")
    assert "nobody looks" not in page
