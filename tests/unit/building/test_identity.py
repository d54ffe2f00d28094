"""The identity of an interpreter: its kind, version, and the digest of its files."""

import sys

from threadjoin.building import identity


def test_an_interpreter_is_identified_by_its_files():
    ours = identity.identify(sys.executable, "stock")
    assert (ours.kind, ours.version) == ("stock", sys.version)
    assert identity.identify(sys.executable, "patched").digest == ours.digest


def test_what_it_is_called():
    python = identity.identify(sys.executable)
    assert python.label == ".".join(map(str, sys.version_info[:3]))
    assert not python.patched
    assert python.debug == hasattr(sys, "gettotalrefcount")
