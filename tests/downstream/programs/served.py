"""Run a server, ask it from several threads, and look at what it answers."""

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

#: How often a server is asked, and by how many at a time.
REQUESTS = 10_000
CLIENTS = 8

#: Seconds that anything may take which is expected to happen.
PATIENCE = 60

#: How often it is asked, after the load, which threads it has.
LOOKS = 20

#: What no server says whose Python is in order.
TROUBLE = ("Traceback", "Fatal Python error", "egmentation fault", "core dump")


def environment(**changes):
    """Return the environment for a server that is linked to our libpython.

    The server was linked to that of stock; which one it loads is said here.
    """
    return {**os.environ, "LD_LIBRARY_PATH": library(), **changes}


def library():
    """Return the directory of the libpython of this interpreter."""
    return sysconfig.get_config_var("LIBDIR")


class Server:
    """A server that runs, and what it says.

    Parameters:
        command: list of its arguments.
        ready: what it says when it can be asked.
        env: its environment.
    """

    def __init__(self, command, ready, env):
        self._said = []
        self._changed = threading.Condition()
        self._ended = False
        # Apache ends its whole process group: it is not to be ours. Should we be
        # killed, it is told.
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
            # Somebody of the group is there, who has our end of the pipe.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        print(self.said)

    @property
    def said(self):
        return "".join(self._said)

    def ends(self, status=0):
        """Wait until it ends; check its exit status and what it has said."""
        found = self.process.wait(PATIENCE)
        # Its processes have all ended when nobody can write any more.
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
    """Return a function that connects to *address*: a path, or host and port."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    limit = struct.pack("ll", PATIENCE, 0)

    def connect():
        connection = socket.socket(family)
        # settimeout() would make connect() fail where the queue is full.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        connection.connect(address)
        return connection

    return connect


def ask(connect, target):
    """Return what a server answers, that is JSON, when asked for *target*."""
    with connect() as connection:
        connection.sendall(f"GET {target} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1:2] == [b"200"], (target, answer[:500])
    return json.loads(body)


class Load:
    """Clients that ask a server, and each time expect their own answer.

    Parameters:
        connect: as connector() returns it.
        paths: what is asked for, in turn.

    Attributes:
        answers: Counter of the answers by (generation, process).
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
        """Ask *requests* times, and longer until all *events* have happened.

        Parameters:
            events: functions that have the server load its application anew,
                called at equal distances. The next one waits until there were
                answers of the new generations.
            each: how many generations there are at once.
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
        """Check that no thread is left that an answer came out of."""
        for number in range(LOOKS):
            path = self._paths[number % len(self._paths)]
            answer = ask(self._connect, f"{path}?threads")
            # The one of this very answer has ended, and was joined.
            assert answer["threads"] == [], answer


def main(behaviours, serve):
    """Do what the command line says: name a behaviour for *serve*, or list them."""
    (name,) = sys.argv[1:]
    if name == "--list":
        print("\n".join(behaviours))
    else:
        serve(behaviours[name])
