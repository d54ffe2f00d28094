"""Downloads, from a server in this process."""

import errno
import http.server
import socket
import threading

import pytest
from threadjoin.source import fetch


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/gone":
            self.send_error(404, "Not Found")
            return
        self.send_response(200)
        # /short announces more than it sends.
        self.send_header("Content-Length", "9" if self.path == "/short" else "4")
        self.end_headers()
        self.wfile.write(b"body")

    def do_HEAD(self):
        self.send_response(404 if self.path == "/gone" else 200)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """The URL of a server on this machine."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_the_body_becomes_the_file(server, tmp_path):
    fetch.download(f"{server}/whole", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"body"


@pytest.mark.parametrize(
    "path, words", [("/gone", "status 404 Not Found"), ("/short", "broke off")]
)
def test_what_is_not_the_file_is_told(server, tmp_path, path, words):
    with pytest.raises(fetch.Unavailable, match=words):
        fetch.download(server + path, tmp_path / "file")


def test_nobody_there_is_told(tmp_path):
    with socket.socket() as taken:
        # Bound but not listening: nobody else gets the number meanwhile.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(fetch.Unavailable, match="refused"):
            fetch.download(url, tmp_path / "file")


def test_a_server_that_says_nothing_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(fetch.Unavailable, match="timed out"):
            fetch.download(url, tmp_path / "file")


@pytest.mark.parametrize("url", ["file:///no/such/file", "nonsense://host/", "http://"])
def test_an_address_that_leads_nowhere_is_told(tmp_path, url):
    with pytest.raises(fetch.Unavailable, match="."):
        fetch.download(url, tmp_path / "file")


def test_a_full_disk_is_not_taken_for_the_network(server):
    with pytest.raises(OSError) as info:
        fetch.download(f"{server}/whole", "/dev/full")
    assert info.value.errno == errno.ENOSPC


def test_a_probe_says_whether_a_server_answers(server):
    fetch.probe(f"{server}/whole")
    with pytest.raises(fetch.Unavailable, match="status 404"):
        fetch.probe(f"{server}/gone")


def test_a_name_server_that_says_nothing_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT", 0.05)
    done = threading.Event()
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *args, **named: done.wait() and []
    )
    try:
        with pytest.raises(fetch.Unavailable, match="^no answer within 0.1 s$"):
            fetch.probe("http://python.invalid/")
    finally:
        done.set()


def test_what_the_system_says_is_told_without_its_number(monkeypatch):
    def fails(*args, **named):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(fetch.Unavailable, match="^Name or service not known$"):
        fetch.probe("http://python.invalid/")
