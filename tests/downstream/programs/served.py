"""Run a server, send it requests from several threads, and check its answers."""

import _thread
import collections
import contextlib
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import sysconfig
import threading

#: The number of requests, and of the threads that send them.
REQUESTS = 10_000
CLIENTS = 8

#: Seconds that one step may take.
PATIENCE = 60

#: The number of requests after the load that ask which threads the server has.
LOOKS = 20

#: Words that the output of a server must not have.
TROUBLE = ("Traceback", "Fatal Python error", "egmentation fault", "core dump")


def environment(**changes):
    """Return the environment in which a server loads this interpreter's libpython.

    The server was linked to the libpython of stock.

    Parameters:
        changes: more variables of the environment.
    """
    return {**os.environ, "LD_LIBRARY_PATH": library(), **changes}


def library():
    """Return the directory of the libpython of this interpreter."""
    return sysconfig.get_config_var("LIBDIR")


class Server:
    """A running server, and its output.

    Parameters:
        command: list of the server and its arguments.
        ready: the text that it writes when it accepts requests.
        env: its environment.

    Raises AssertionError when the server does not write *ready* within PATIENCE.
    """

    def __init__(self, command, ready, env):
        self._said = []
        self._changed = threading.Condition()
        self._ended = False
        # Apache signals its whole process group when it ends, so it gets a group of its
        # own. If this process is killed, the server gets SIGTERM.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", *command],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=env,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait_for(ready)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self._ended:
            # The pipe is still open: a process of the group is left.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        print(self.said)

    @property
    def said(self):
        return "".join(self._said)

    def ends(self, status=0):
        """Wait until the server ends; check its exit *status* and its output."""
        found = self.process.wait(PATIENCE)
        # The reader ends when no process has the other end of the pipe open.
        self._reader.join(PATIENCE)
        assert not self._reader.is_alive(), "a process of the server is left"
        assert found == status, f"exit status {found}"
        trouble = [word for word in TROUBLE if word in self.said]
        assert not trouble, trouble

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self._said.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _wait_for(self, text):
        def there():
            return text in self.said or self._ended

        with self._changed:
            self._changed.wait_for(there, PATIENCE)
        if text not in self.said:
            self.__exit__()
            raise AssertionError(f"it does not say {text!r}")


def connector(address):
    """Return a function that connects to *address* and returns the socket.

    Parameters:
        address: the path of a Unix socket, or a tuple of host and port.
    """
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    limit = struct.pack("ll", PATIENCE, 0)

    def connect():
        connection = socket.socket(family)
        # With settimeout(), connect() to a Unix socket fails when its queue is full.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        connection.connect(address)
        return connection

    return connect


def ask(connect, target):
    """Send a request for *target*; return the answer, decoded from JSON.

    Parameters:
        connect: a function that connector() has returned.

    Raises AssertionError if the status of the answer is not 200.
    """
    with connect() as connection:
        connection.sendall(f"GET {target} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1:2] == [b"200"], (target, answer[:500])
    return json.loads(body)


class Load:
    """Clients that send numbered requests, and check the number in each answer.

    Parameters:
        connect: a function that connector() has returned.
        paths: the paths to ask for, in turn.

    Attributes:
        answers: collections.Counter of the answers by (generation, process). A
            generation is one load of the application.
    """

    def __init__(self, connect, paths=("/",)):
        self._connect = connect
        self._paths = paths
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._enough = False
        self._error = None
        self.answers = collections.Counter()

    @property
    def generations(self):
        return {generation for generation, _ in self.answers}

    def run(self, events=(), requests=REQUESTS, each=1):
        """Send *requests* requests, and more until all *events* have been called.

        Parameters:
            events: functions that make the server reload its application. They are
                called after equal numbers of answers, and each waits until the
                previous one has led to answers of new generations.
            requests: the least number of requests.
            each: number of generations that exist at the same time.

        Raises the first exception of a client, and AssertionError when there are
        too few answers or generations.
        """
        clients = [threading.Thread(target=self._client) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            for number, event in enumerate(events, 1):
                self._wait(requests * number // (len(events) + 1))
                before = self.generations
                event()
                self._wait(0, lambda b=before: len(self.generations - b) >= each)
            self._wait(requests)
        finally:
            self._enough = True
            for client in clients:
                client.join()
        if self._error:
            raise self._error
        self._look()
        total = sum(self.answers.values())
        print(f"{total} answers by {len(self.answers)} processes")
        assert total >= requests, total
        assert len(self.generations) >= each * (len(events) + 1), self.generations

    def _wait(self, answers, condition=lambda: True):
        def there():
            return self._error or (
                sum(self.answers.values()) >= answers and condition()
            )

        with self._changed:
            there = self._changed.wait_for(there, 10 * PATIENCE)
        if self._error:
            raise self._error
        assert there, (answers, self.answers)

    def _client(self):
        while not (self._enough or self._error):
            try:
                key = self._question()
            except Exception as exc:
                with self._changed:
                    self._error = self._error or exc
                    self._changed.notify_all()
            else:
                with self._changed:
                    self.answers[key] += 1
                    self._changed.notify_all()

    def _question(self):
        number = next(self._numbers)
        path = self._paths[number % len(self._paths)]
        answer = ask(self._connect, f"{path}?{number}")
        assert answer["number"] == str(number), answer
        assert not answer["alive"], answer
        assert answer["patched"] == hasattr(_thread, "_ThreadHandle"), answer
        assert answer["prefix"] == sys.base_prefix, answer
        return answer["generation"], answer["process"]

    def _look(self):
        """Check that no thread that has computed an answer is left."""
        for number in range(LOOKS):
            path = self._paths[number % len(self._paths)]
            answer = ask(self._connect, f"{path}?threads")
            # The thread that computed this answer has been joined, too.
            assert answer["threads"] == [], answer


def main(behaviours, serve):
    """Call *serve* with the behaviour that the command line names, or list all.

    Parameters:
        behaviours: dict of behaviours by name.
        serve: a function of one behaviour.
    """
    (name,) = sys.argv[1:]
    if name == "--list":
        print("\n".join(behaviours))
    else:
        serve(behaviours[name])
