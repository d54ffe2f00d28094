"""uWSGI: threads in workers that it forks, recycles and reloads.

Usage: uwsgi.py BEHAVIOUR, or uwsgi.py --list

10,000 requests, each answered by a thread of its own; then it is stopped, by
SIGTERM or through its FIFO, and ends with status 0.
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
    """How uWSGI is run."""

    options: tuple
    background: bool = False  # the application starts a thread when it is loaded
    gevent: bool = False
    reloads: int = 0  # while it is under load
    # A signal, or a word for the FIFO: that waits until its master reads it.
    by: object = "r"
    stop: object = signal.SIGTERM
    paths: tuple = ("/",)  # several: each has an interpreter of its own
    processes: int = 1  # that answer, at least, one after the other


THREADS = ("--master", "--processes", "2", "--threads", "4")
GEVENT = ("--master", "--processes", "2", "--gevent", "20", "--gevent-monkey-patch")
#: A worker ends after so many requests, and another one is forked: of both
#: threads, one may be in its last request.
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
    # uWSGI ends no interpreter, and so cannot finalize: not on stock either.
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
    """Send *what*, a signal or a word for the FIFO, to uWSGI."""
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
        # Each of both workers loads it.
        each = 2 if "--lazy-apps" in behaviour.options else len(behaviour.paths)
        load.run([reload] * behaviour.reloads, each=each)
        processes = {process for _, process in load.answers}
        assert len(processes) >= behaviour.processes, processes
        stop = behaviour.stop if master else signal.SIGINT
        tell(server, stop)
        server.ends()


if __name__ == "__main__":
    served.main(BEHAVIOURS, serve)
