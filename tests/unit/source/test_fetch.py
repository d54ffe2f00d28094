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
        # /short announces more bytes than it sends.
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
    """Yield the URL of a server on this machine."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_the_body_is_written_to_the_file(server, tmp_path):
    fetch.download(f"{server}/whole", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"body"


@pytest.mark.parametrize(
    "path, words",
    [("/gone", "status 404 Not Found"), ("/short", "connection ended before")],
)
def test_an_error_status_and_a_short_body_are_reported(server, tmp_path, path, words):
    with pytest.raises(fetch.Unavailable, match=words):
        fetch.download(server + path, tmp_path / "file")


def test_a_refused_connection_is_reported(tmp_path):
    with socket.socket() as taken:
        # A port that is bound and does not listen, so that no other process takes it.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(fetch.Unavailable, match="refused"):
            fetch.download(url, tmp_path / "file")


def test_a_silent_server_times_out(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(fetch.Unavailable, match="timed out"):
            fetch.download(url, tmp_path / "file")


@pytest.mark.parametrize("url", ["file:///no/such/file", "nonsense://host/", "http://"])
def test_an_address_without_a_server_is_reported(tmp_path, url):
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


def test_a_silent_name_server_times_out(monkeypatch):
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


def test_the_systems_message_is_reported_without_its_number(monkeypatch):
    def fails(*args, **named):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(fetch.Unavailable, match="^Name or service not known$"):
        fetch.probe("http://python.invalid/")
