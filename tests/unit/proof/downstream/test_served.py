"""The clients that put servers under load report errors."""

import contextlib
import importlib.util
import itertools
import json
import socketserver
import sys
import threading

import pytest
from threadjoin.proof.downstream import data

#: The number of requests of a test.
FEW = 40


def program(name):
    """Return the module of the program *name*."""
    spec = importlib.util.spec_from_file_location(name, data.PROGRAMS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


served = program("served")
application = program("application")


def answer(environ):
    """Return the answer of the application, decoded from JSON."""
    (body,) = application.application(environ, lambda status, headers: None)
    return json.loads(body)


@pytest.fixture
def serve(tmp_path):
    """Yield a context manager: a server whose answers a function of ours changes."""

    @contextlib.contextmanager
    def run(change=lambda found: None, status="200 OK"):
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                target = self.rfile.readline().split()[1].decode()
                while self.rfile.readline().strip():
                    pass
                found = answer({"QUERY_STRING": target.partition("?")[2]})
                change(found)
                text = f"HTTP/1.0 {status}\r\n\r\n{json.dumps(found)}"
                self.wfile.write(text.encode())

        class Server(socketserver.ThreadingUnixStreamServer):
            request_queue_size = 100

        path = str(tmp_path / "socket")
        with Server(path, Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield served.Load(served.connector(path), ("/a", "/b"))
            finally:
                server.shutdown()
                thread.join()

    return run


def test_all_answers_are_counted(serve):
    with serve() as load:
        load.run(requests=FEW)
    assert sum(load.answers.values()) >= FEW
    assert load.generations == {application.GENERATION}


@pytest.mark.parametrize(
    "wrong", [{"number": "x"}, {"alive": True}, {"patched": None}, {"prefix": "/x"}]
)
def test_a_wrong_answer_is_an_error(serve, wrong):
    with serve(lambda found: found.update(wrong)) as load:
        with pytest.raises(AssertionError):
            load.run(requests=FEW)


def test_a_status_that_is_not_200_is_an_error(serve):
    with serve(status="503 Gone") as load:
        with pytest.raises(AssertionError, match="503 Gone"):
            load.run(requests=FEW)


def test_a_server_that_is_gone_is_an_error(serve):
    with serve() as load:
        pass
    with pytest.raises(OSError):
        load.run(requests=FEW)


def test_an_event_is_awaited(serve):
    generations = itertools.count()
    current = [next(generations)]

    def reload():
        current[0] = next(generations)

    with serve(lambda found: found.update(generation=current[0])) as load:
        load.run([reload] * 3, requests=FEW)
    assert load.generations == {0, 1, 2, 3}


def test_a_reload_that_does_not_happen_is_an_error(serve, monkeypatch):
    with serve() as load:
        monkeypatch.setattr(served, "PATIENCE", 0.01)
        with pytest.raises(AssertionError):
            load.run([lambda: None], requests=FEW)


def test_a_thread_that_is_left_is_an_error(serve):
    with serve(lambda found: found.update(threads=["answer-1"])) as load:
        with pytest.raises(AssertionError, match="answer-1"):
            load.run(requests=FEW)


def server(code):
    command = [sys.executable, "-c", f"print('ready', flush=True); {code}"]
    return served.Server(command, "ready", served.environment())


@pytest.mark.parametrize(
    "code, complaint",
    [
        ("print('done')", None),
        ("import sys; sys.exit(3)", "exit status 3"),
        ("print('Traceback (most recent')", "Traceback"),
        ("import os; os.abort()", "exit status -6"),
    ],
)
def test_the_exit_status_of_a_server_counts(code, complaint):
    expected = contextlib.nullcontext()
    if complaint:
        expected = pytest.raises(AssertionError, match=complaint)
    with server(code) as ours, expected:
        ours.ends()


def test_a_server_that_is_never_ready():
    command = [sys.executable, "-c", "print('starting')"]
    with pytest.raises(AssertionError, match="it does not say 'ready'"):
        served.Server(command, "ready", served.environment())


def test_a_server_that_still_runs_is_ended_with_its_children():
    with server("import os, signal; os.fork(); signal.pause()") as ours:
        pass
    assert ours.process.returncode == -9
    ours._reader.join(served.PATIENCE)
    assert not ours._reader.is_alive()


@pytest.mark.parametrize(
    "argument, did, said", [("one", [1], ""), ("--list", [], "one\ntwo\n")]
)
def test_the_command_line(monkeypatch, capsys, argument, did, said):
    done = []
    monkeypatch.setattr(sys, "argv", ["program.py", argument])
    served.main({"one": 1, "two": 2}, done.append)
    assert (done, capsys.readouterr().out) == (did, said)
