"""A real engine, and images that are built once for all tests."""

import contextlib
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "scripts")]

import figures  # noqa: E402
import own_engine  # noqa: E402
from dockerimages import Images, make_authority  # noqa: E402


@pytest.fixture(scope="session")
def engine(progress):
    """Yield the own_engine.Engine; skip the tests where none can run."""
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(own_engine.running(progress))
        except own_engine.Unavailable as exc:
            pytest.skip(f"the image was NOT tested, Docker cannot run here: {exc}")
        yield running


@pytest.fixture(scope="session")
def results(engine, progress):
    """Keep the measurements, and make the page of them, also if a test fails."""
    measured = figures.Results()
    yield measured
    measured.save()
    progress.note(f"\nThe figures are in {measured.page}, for docs/docker.md.")


@pytest.fixture(scope="session")
def authority(engine):
    """Return a certificate authority, and a server's key pair certified by it."""
    return make_authority(engine.home / "authority")


@pytest.fixture(scope="session")
def images(engine, progress, results, authority):
    return Images(engine, progress, results, authority)


@pytest.fixture(scope="session")
def default(images):
    """Return the image of the README's first line."""
    return images.default()


@pytest.fixture(scope="session")
def patched(images):
    """Return a release image without PGO, by the classic builder."""
    return images.release("patched")


@pytest.fixture(scope="session")
def stock(images):
    """Return the same without the series."""
    return images.release("stock")
