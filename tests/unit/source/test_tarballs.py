"""A tarball has the right checksum, wherever it comes from, or is not used."""

import os
from dataclasses import replace

import pytest
from threadjoin.core.errors import Problem
from threadjoin.series import catalog
from threadjoin.source import aptsource, tarballs
from threadjoin.source.fetch import Unavailable
from tinycpython import digest

GOOD = b"the right bytes"
BAD = b"other bytes"


class Ways:
    """Stand-ins for python.org and the distribution: each gives bytes or
    fails, and is counted.
    """

    def __init__(self, monkeypatch):
        self.answers = {"python.org": None, "apt": None}
        self.asked = []
        monkeypatch.setattr(
            tarballs, "download", lambda url, path: self._answer("python.org", path)
        )
        monkeypatch.setattr(
            aptsource, "fetch", lambda package, path, log: self._answer("apt", path)
        )

    def _answer(self, name, path):
        self.asked.append(name)
        if self.answers[name] is None:
            raise Unavailable(f"{name} does not answer")
        path.write_bytes(self.answers[name])


@pytest.fixture
def ways(monkeypatch):
    return Ways(monkeypatch)


@pytest.fixture
def base():
    """Return a release whose two tarballs have the same content."""
    total = digest(GOOD)
    return catalog.Release("3.11.2", True, total, total, "https://x.invalid/{name}")


DEBIAN = catalog.Debian("bookworm", "python3.11", "p_3.11.2.orig.tar.gz", frozenset())


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def get(base, cache, name="Python-3.11.2.tar.xz"):
    """Get the release; return its bytes; check that the cache has only *name*."""
    path = tarballs.pinned(base, DEBIAN, cache, cache / "log")
    assert [entry.name for entry in cache.iterdir()] == [path.name] == [name]
    return path.read_bytes()


@pytest.mark.parametrize("name", ["Python-3.11.2.tar.xz", "Python-3.11.2.tgz"])
def test_a_tarball_in_the_cache_is_not_fetched(base, cache, ways, name):
    cache.mkdir()
    (cache / name).write_bytes(GOOD)
    assert get(base, cache, name) == GOOD
    assert ways.asked == []


def test_a_damaged_file_in_the_cache_is_replaced(base, cache, ways):
    cache.mkdir()
    (cache / "Python-3.11.2.tar.xz").write_bytes(BAD)
    ways.answers["python.org"] = GOOD
    assert get(base, cache) == GOOD


def test_python_org_is_asked_first(base, cache, ways):
    ways.answers = {"python.org": GOOD, "apt": BAD}
    assert get(base, cache) == GOOD
    assert ways.asked == ["python.org"]


@pytest.mark.parametrize("answer", [None, BAD])
def test_the_distribution_is_asked_next(base, cache, ways, answer):
    ways.answers = {"python.org": answer, "apt": GOOD}
    assert get(base, cache, "Python-3.11.2.tgz") == GOOD
    assert ways.asked == ["python.org", "apt"]


@pytest.mark.parametrize(
    "debian",
    [None, replace(DEBIAN, orig="p_3.11.1.orig.tar.gz")],
    ids=["none", "other"],
)
def test_the_distribution_is_asked_for_its_own_release_alone(base, cache, ways, debian):
    ways.answers["apt"] = GOOD
    with pytest.raises(tarballs.NoWay):
        tarballs.pinned(base, debian, cache, cache / "log")
    assert ways.asked == ["python.org"]


def test_when_nothing_works_one_line_has_every_reason(base, cache, ways):
    with pytest.raises(Problem) as info:
        tarballs.pinned(base, DEBIAN, cache, cache / "log")
    assert str(info.value) == (
        "no way to get CPython 3.11.2: python.org: python.org does not answer; "
        "the distribution's source package: apt does not answer. Check the network, "
        "or give a file with --source"
    )
    assert list(cache.iterdir()) == []


def test_a_wrong_checksum_is_never_taken(base, cache, ways):
    ways.answers = {"python.org": BAD, "apt": BAD}
    words = f"checksum mismatch .SHA-256 {digest(BAD)}, not {digest(GOOD)}."
    with pytest.raises(Problem, match=f"python.org: {words}; .*package: {words}"):
        tarballs.pinned(base, DEBIAN, cache, cache / "log")
    assert list(cache.iterdir()) == []


def test_a_damaged_cache_is_reported_when_nothing_replaces_it(base, cache, ways):
    cache.mkdir()
    (cache / "Python-3.11.2.tgz").write_bytes(BAD)
    with pytest.raises(Problem, match="Python-3.11.2.tgz: checksum mismatch"):
        tarballs.pinned(base, DEBIAN, cache, cache / "log")


def test_an_interrupt_leaves_nothing(base, cache, monkeypatch):
    def interrupted(url, path):
        path.write_bytes(GOOD[:3])
        raise KeyboardInterrupt

    monkeypatch.setattr(tarballs, "download", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tarballs.pinned(base, DEBIAN, cache, cache / "log")
    assert list(cache.iterdir()) == []


def test_a_url_is_fetched_once(tmp_path, cache):
    (tmp_path / "x.tgz").write_bytes(GOOD)
    url = f"file://{tmp_path}/x.tgz"
    path = tarballs.remote(url, digest(GOOD), cache)
    assert (path, path.read_bytes()) == (cache / "x.tgz", GOOD)
    os.unlink(tmp_path / "x.tgz")
    assert tarballs.remote(url, digest(GOOD), cache) == path


def test_a_url_with_another_checksum_is_refused(tmp_path, cache):
    (tmp_path / "x.tgz").write_bytes(BAD)
    with pytest.raises(Problem, match="x.tgz: checksum mismatch"):
        tarballs.remote(f"file://{tmp_path}/x.tgz", digest(GOOD), cache)
    assert list(cache.iterdir()) == []


def test_a_given_file_is_verified(tmp_path):
    (tmp_path / "x").write_bytes(BAD)
    tarballs.verify(tmp_path / "x", digest(BAD))
    with pytest.raises(Problem, match=f"{tmp_path}/x: checksum mismatch .*get it"):
        tarballs.verify(tmp_path / "x", digest(GOOD))
