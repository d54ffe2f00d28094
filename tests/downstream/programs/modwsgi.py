"""Run Apache with mod_wsgi, whose processes have several interpreters with threads.

Usage: modwsgi.py BEHAVIOUR, or modwsgi.py --list

Clients send 10,000 requests to two interpreters, and a new thread answers each.
Then Apache is stopped, and has to end with status 0.
"""

import functools
import importlib.util
import os
import shutil
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import served

APPLICATION = Path(__file__).with_name("application.py")
APACHE = "/usr/sbin/apache2"
MODULES = "/usr/lib/apache2/modules"

CONFIGURATION = """
ServerRoot {here}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {here}/pid
User www-data
Group www-data
LoadModule mpm_{mpm}_module {modules}/mod_mpm_{mpm}.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {wsgi}
ErrorLog /dev/stderr
LogLevel warn mpm_{mpm}:notice
KeepAlive Off
WSGIPythonHome {home}
WSGISocketPrefix {sockets}/wsgi
WSGIScriptAlias /a {here}/a.wsgi
WSGIScriptAlias /b {here}/b.wsgi
<Directory {here}>
    Require all granted
</Directory>
"""

EVENT = "StartServers 2\nServerLimit 4\nMinSpareThreads 1\nMaxSpareThreads 64\n"
EVENT += "ThreadsPerChild 8\nMaxRequestWorkers 32\n"
PREFORK = "StartServers 4\nMinSpareServers 1\nMaxSpareServers 8\nServerLimit 8\n"
PREFORK += "MaxRequestWorkers 8\n"
DAEMON = EVENT + "WSGIDaemonProcess one processes=2 threads=8{}\nWSGIProcessGroup one\n"


@dataclass(frozen=True)
class Behaviour:
    """A configuration of Apache, and the events during its run."""

    configuration: str
    mpm: str = "event"
    reloads: int = 0  # how often it reloads during the load
    touch: bool = False  # whether changed files reload, and not a signal
    stop: int = signal.SIGTERM
    background: bool = False  # whether loading the application starts a thread
    processes: int = 1  # the least number of processes that answer


#: There is no graceful restart in daemon mode, which answers some requests with 503.
BEHAVIOURS = {
    "embedded": Behaviour(EVENT),
    "embedded_graceful_stop": Behaviour(EVENT, stop=signal.SIGWINCH, background=True),
    "prefork_recycled": Behaviour(
        PREFORK + "MaxConnectionsPerChild 200", "prefork", processes=40
    ),
    "graceful": Behaviour(EVENT, reloads=4),
    "daemon": Behaviour(DAEMON.format("")),
    "daemon_main_interpreter": Behaviour(
        DAEMON.format("") + "WSGIApplicationGroup %{GLOBAL}", background=True
    ),
    "daemon_recycled": Behaviour(
        DAEMON.format(" maximum-requests=500 graceful-timeout=30"), processes=10
    ),
    "daemon_touched": Behaviour(DAEMON.format(""), reloads=4, touch=True),
}


def module():
    """Return the Path of the Apache module that was built for this interpreter."""
    (package,) = importlib.util.find_spec("mod_wsgi").submodule_search_locations
    (found,) = Path(package).rglob("mod_wsgi-py*.so")
    return found


def configure(behaviour, port, sockets):
    """Write the files for Apache into the current directory.

    Parameters:
        behaviour: a Behaviour.
        port: the port that Apache listens on.
        sockets: a directory, with a short path, for the sockets of its daemons.

    Returns the Path of the configuration.
    """
    here = Path.cwd()
    # Apache's processes run as www-data, and have to read these directories.
    for directory in (here, sockets):
        os.chmod(directory, 0o755)
    for name in ("a.wsgi", "b.wsgi"):
        shutil.copy(APPLICATION, name)
    text = CONFIGURATION.format(
        here=here,
        port=port,
        sockets=sockets,
        mpm=behaviour.mpm,
        modules=MODULES,
        wsgi=module(),
        home=sys.prefix,
    )
    path = here / "httpd.conf"
    path.write_text(text + behaviour.configuration + "\n")
    return path


def touch():
    """Replace the scripts by new files, which makes mod_wsgi reload them."""
    for name in ("a.wsgi", "b.wsgi"):
        shutil.copy(APPLICATION, "new")
        os.replace("new", name)


def serve(behaviour):
    env = served.environment()
    if behaviour.background:
        env["SERVED_BACKGROUND"] = "yes"
    with socket.socket() as held, tempfile.TemporaryDirectory(dir="/tmp") as sockets:
        # This socket reserves the port. Apache can bind to the same port, since this
        # socket does not listen.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        address = held.getsockname()
        path = configure(behaviour, address[1], sockets)
        command = [APACHE, "-f", str(path), "-DFOREGROUND"]
        ready = "resuming normal operations"
        with served.Server(command, ready, env) as server:
            graceful = functools.partial(server.process.send_signal, signal.SIGUSR1)
            event = touch if behaviour.touch else graceful
            load = served.Load(served.connector(address), ("/a", "/b"))
            load.run([event] * behaviour.reloads)
            processes = {process for _, process in load.answers}
            assert len(processes) >= behaviour.processes, processes
            server.process.send_signal(behaviour.stop)
            server.ends()


if __name__ == "__main__":
    served.main(BEHAVIOURS, serve)
