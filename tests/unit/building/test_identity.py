"""The identity of an interpreter: its kind, version, and the digest of its files."""

import sys

import pytest
from threadjoin.building import identity
from threadjoin.core.errors import Problem


def test_an_interpreter_is_identified_by_its_files():
    ours = identity.identify(sys.executable, "stock")
    assert (ours.kind, ours.version) == ("stock", sys.version)
    assert identity.identify(sys.executable, "patched").digest == ours.digest


def test_a_program_that_is_not_an_interpreter_is_refused(tmp_path):
    with pytest.raises(Problem, match="gone does not run .No such file"):
        identity.identify(tmp_path / "gone")
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho why >&2; exit 1\n")
    broken.chmod(0o755)
    with pytest.raises(Problem, match="broken does not run .why"):
        identity.identify(broken)
    with pytest.raises(Problem, match="true does not run .it is no Python"):
        identity.identify("/bin/true")


def test_what_it_is_called():
    python = identity.identify(sys.executable)
    assert python.label == ".".join(map(str, sys.version_info[:3]))
    assert not python.patched
    assert python.debug == hasattr(sys, "gettotalrefcount")
