"""Download one file, without waiting long for a server that is not there."""

import http.client
import urllib.error
import urllib.request

from . import disk

#: Seconds for a server to answer, and between two pieces of its answer.
TIMEOUT = 10


class Unavailable(Exception):
    """One way to get a file did not work; the message says why."""


def download(url, path):
    """Write what is at *url* to the file *path*.

    Raises Unavailable when the server does not answer, or not with the file.
    """
    with disk.writing(path), open(path, "wb") as output:
        for chunk in _chunks(url):
            output.write(chunk)


def _chunks(url):
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            yield from iter(lambda: response.read(1 << 20), b"")
            # http.client is silent about an answer shorter than announced.
            if getattr(response, "length", None):
                raise Unavailable("the answer broke off")
    except urllib.error.HTTPError as exc:
        raise Unavailable(f"status {exc.code} {exc.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise Unavailable(str(getattr(exc, "reason", exc)) or repr(exc)) from None
