"""Download one file, without waiting long for a server that is not there."""

from __future__ import annotations

import contextlib
import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core import disk

#: Seconds for a server to answer, and between two pieces of its answer.
TIMEOUT = 10


class Unavailable(Exception):
    """One way to get a file did not work; the message says why."""


def probe(url: str) -> None:
    """Check that a server answers for *url*, without downloading the file.

    Raises Unavailable if it does not.
    """
    with _told(), _opened(urllib.request.Request(url, method="HEAD")):
        pass


def download(url: str, path: Path) -> None:
    """Download *url* to the file *path*.

    Raises Unavailable if the server does not answer, or does not have the file.
    """
    with disk.writing(path), open(path, "wb") as output:
        for chunk in _chunks(url):
            output.write(chunk)


def _chunks(url: str) -> Iterator[bytes]:
    with _told(), _opened(url) as response:
        yield from iter(lambda: response.read(1 << 20), b"")
        # http.client is silent about an answer shorter than announced.
        if getattr(response, "length", None):
            raise Unavailable("the connection ended before the file did")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn the errors of a download into Unavailable."""
    try:
        yield
    except urllib.error.HTTPError as exc:
        raise Unavailable(f"status {exc.code} {exc.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as exc:
        cause = getattr(exc, "reason", exc)
        words = getattr(cause, "strerror", None) or str(cause) or repr(cause)
        raise Unavailable(words) from None


def _opened(request: str | urllib.request.Request) -> Any:
    """Return the response to *request*, a URL or a Request.

    A name server that is silent, and each address of a server, have timeouts of
    their own, which add up to minutes: so this is waited for from outside.
    """
    outcome = []

    def work() -> None:
        try:
            outcome.append(urllib.request.urlopen(request, timeout=TIMEOUT))
        except Exception as exc:
            outcome.append(exc)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(2 * TIMEOUT)
    if not outcome:
        raise Unavailable(f"no answer within {2 * TIMEOUT} s")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]
