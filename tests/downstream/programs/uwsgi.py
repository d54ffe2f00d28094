"""Run uWSGI, whose workers have threads and are forked, recycled and reloaded.

Usage: uwsgi.py BEHAVIOUR, or uwsgi.py --list

Clients send 10,000 requests, and a new thread answers each. Then uWSGI is stopped, by
a signal or through its FIFO, and has to end with status 0.
"""

import functools
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import served

APPLICATION = str(Path(__file__).with_name("application.py"))


@dataclass(frozen=True)
class Behaviour:
    """The options of uWSGI, and the events during its run."""

    options: tuple
    background: bool = False  # whether loading the application starts a thread
    gevent: bool = False  # whether the application uses threads of gevent
    reloads: int = 0  # how often it reloads during the load
    # What reloads uWSGI, and what stops it: a signal, or a command for the FIFO.
    # Writing to the FIFO waits until the master opens it.
    by: object = "r"
    stop: object = signal.SIGTERM
    paths: tuple = ("/",)  # each of several has an interpreter of its own
    processes: int = 1  # the least number of processes that answer


THREADS = ("--master", "--processes", "2", "--threads", "4")
GEVENT = ("--master", "--processes", "2", "--gevent", "20", "--gevent-monkey-patch")
#: A worker ends after so many requests, and another one is forked. When it ends, one of
#: its two threads may still be in its last request.
RECYCLED = ("--master", "--processes", "4", "--threads", "2", "--max-requests", "100")
RECYCLED += ("--min-worker-lifetime", "0")

BEHAVIOURS = {
    "threads": Behaviour(THREADS),
    "one_process": Behaviour(("--threads", "4"), stop=signal.SIGINT),
    "thread_before_the_fork": Behaviour(THREADS, background=True, stop="q"),
    "call_osafterfork": Behaviour(
        (*THREADS, "--py-call-osafterfork"), background=True, stop="q"
    ),
    "call_fork_hooks": Behaviour(
        (*THREADS, "--py-call-uwsgi-fork-hooks"), background=True, stop="q"
    ),
    "lazy_apps": Behaviour((*THREADS, "--lazy-apps"), background=True),
    # uWSGI ends none of its interpreters, so it cannot finalize Python with several of
    # them, on stock and on patched.
    "interpreters": Behaviour(
        (*THREADS, "--manage-script-name", "--skip-atexit-teardown"),
        paths=("/a/", "/b/"),
        stop="q",
    ),
    "recycled": Behaviour(RECYCLED, background=True, stop="q", processes=60),
    "recycled_call_osafterfork": Behaviour(
        (*RECYCLED, "--py-call-osafterfork"), background=True, processes=60
    ),
    "recycled_call_fork_hooks": Behaviour(
        (*RECYCLED, "--py-call-uwsgi-fork-hooks"), background=True, processes=60
    ),
    "reload": Behaviour(THREADS, reloads=4, stop="q"),
    "reload_lazy_apps": Behaviour(
        (*THREADS, "--lazy-apps"), background=True, reloads=4
    ),
    "gevent": Behaviour(GEVENT, gevent=True),
    "gevent_reload": Behaviour(GEVENT, gevent=True, reloads=4, stop="q"),
}


def tell(server, what):
    """Send *what* to uWSGI: a signal, or a command for the FIFO."""
    if isinstance(what, str):
        with open("fifo", "w") as fifo:
            fifo.write(what)
    else:
        server.process.send_signal(what)


def command(behaviour):
    uwsgi = str(Path(sys.executable).with_name("uwsgi"))
    options = ["--http-socket", "socket", "--master-fifo", "fifo", "--need-app"]
    options += ["--home", sys.prefix, "--disable-logging", "--die-on-term"]
    options += ["--enable-threads", *behaviour.options]
    if len(behaviour.paths) == 1:
        return [uwsgi, *options, "--wsgi-file", APPLICATION]
    for path in behaviour.paths:
        options += ["--mount", f"{path.rstrip('/')}={APPLICATION}"]
    return [uwsgi, *options]


def serve(behaviour):
    env = served.environment()
    if behaviour.background:
        env["SERVED_BACKGROUND"] = "yes"
    if behaviour.gevent:
        env["SERVED_GEVENT"] = "yes"
    master = "--master" in behaviour.options
    ready = "spawned uWSGI worker 1 " if master else "spawned uWSGI worker"
    with served.Server(command(behaviour), ready, env) as server:
        load = served.Load(served.connector("socket"), behaviour.paths)
        reload = functools.partial(tell, server, behaviour.by)
        # With --lazy-apps, each of the two workers loads the application.
        each = 2 if "--lazy-apps" in behaviour.options else len(behaviour.paths)
        load.run([reload] * behaviour.reloads, each=each)
        processes = {process for _, process in load.answers}
        assert len(processes) >= behaviour.processes, processes
        stop = behaviour.stop if master else signal.SIGINT
        tell(server, stop)
        server.ends()


if __name__ == "__main__":
    served.main(BEHAVIOURS, serve)
