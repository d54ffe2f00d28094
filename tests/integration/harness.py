"""Run small scripts in the interpreters under test.

Every script runs in its own process, with two watchdogs: faulthandler inside, which
prints where each thread hangs, and one outside, in case that one hangs, too.
"""

import json
import os
import shlex
import signal
import subprocess
import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE / "scripts"

#: Seconds that a script may take when it is expected to end. Many, for they pass only
#: when something is broken. Where that is expected (see scripts/mutants), it is less.
PATIENCE = int(os.environ.get("THREADJOIN_PATIENCE", 40))

#: Seconds after which a script that is expected to hang is taken to hang.
HANG = 2

#: Seconds by which the watchdog outside is later than the one inside.
GRACE = 10


#: The beginning of each script. In a background job SIGINT is ignored, and in its
#: children, too.
PRELUDE = """
import faulthandler, signal
faulthandler.dump_traceback_later({timeout}, exit=True)
signal.signal(signal.SIGINT, signal.default_int_handler)
"""


@cache
def release(path):
    """Return the release of the interpreter at *path*, such as (3, 11, 2)."""
    code = "import sys; print(*sys.version_info[:3])"
    output = subprocess.run([path, "-c", code], check=True, stdout=subprocess.PIPE)
    return tuple(map(int, output.stdout.split()))


@dataclass(frozen=True)
class Interpreter:
    """A Python executable, and which of the two kinds it is."""

    name: str  # "stock", "patched" or a version
    path: str
    environment: tuple = ()  # pairs of names and values
    #: Pairs of a defect and the first release without it; see differences.py.
    mended: tuple = ()

    @property
    def patched(self):
        return self.name == "patched"

    def is_without(self, defect):
        """Tell whether it is patched, or upstream has fixed *defect* in it."""
        return self.patched or self.mended_upstream(defect)

    def mended_upstream(self, defect):
        """Tell whether upstream has fixed *defect* in this release."""
        since = dict(self.mended).get(defect)
        return bool(since) and release(self.path) >= tuple(map(int, since.split(".")))

    def sysconfig(self):
        """Return what is needed to compile for this interpreter, as a dict."""
        code = """
            import json, sys, sysconfig
            names = ("CC", "CFLAGS", "CCSHARED", "EXT_SUFFIX", "LIBRARY", "LIBS",
                     "SYSLIBS", "LINKFORSHARED", "srcdir", "projectbase")
            values = {name: sysconfig.get_config_var(name) for name in names}
            values.update(sysconfig.get_paths())
            print(json.dumps(values))
        """
        output = subprocess.run(
            [self.path, "-c", textwrap.dedent(code)],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        return json.loads(output)


@dataclass(frozen=True)
class Result:
    """How a process ended, and its output."""

    status: int  # negative: the number of the signal that killed it
    out: str
    err: str
    hung: bool  # did a watchdog end it?

    @property
    def lines(self):
        return self.out.splitlines()

    def check(self, *lines, err=""):
        """Assert that it ended well and printed *lines*, and *err* on stderr."""
        said = f"\n{self.out}\n{self.err}"
        assert not self.hung, f"hung{said}"
        assert (self.status, self.err) == (0, err), f"status {self.status}{said}"
        assert self.lines == list(lines), said


def run(interpreter, script, *args, timeout=PATIENCE):
    """Run *script*, some lines of Python, in a process of its own.

    Parameters:
        interpreter: the Interpreter.
        script: source text, with any indentation. It may import the modules
            of the scripts directory and the extension `osthread`.
        args: what sys.argv[1:] shall be.
        timeout: seconds until the watchdog inside strikes.

    Returns a Result. Raises AssertionError when the script misused a pthread
    (see pthreadwatch.c).
    """
    code = PRELUDE.format(timeout=timeout) + textwrap.dedent(script)
    command = [interpreter.path, "-c", code, *map(str, args)]
    return run_command(interpreter, command, timeout)


def run_command(interpreter, command, timeout=PATIENCE, preload=True):
    """Run *command* in the environment that *interpreter* needs.

    Parameters:
        command: list of the program and its arguments.
        timeout: seconds after which the command should have ended by itself.
        preload: whether to watch its use of pthreads.

    Returns a Result; raises AssertionError as run() does.
    """
    env = {**os.environ, **dict(interpreter.environment)}
    if not preload:
        env.pop("LD_PRELOAD", None)
    process = subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # Its children are in this group, too, and are killed with it.
        start_new_session=True,
    )
    hung = False
    try:
        out, err = process.communicate(timeout=timeout + GRACE)
    except subprocess.TimeoutExpired:
        hung = True
    finally:
        _kill_group(process.pid)
    if hung:
        out, err = process.communicate()
    assert "pthreadwatch: " not in err, err
    hung = hung or "Timeout (" in err
    return Result(process.returncode, out, err, hung)


def _kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def compile_c(*command):
    """Run the C compiler, given as words and command line fragments."""
    words = [word for part in command for word in shlex.split(str(part))]
    result = subprocess.run(
        words,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode:
        pytest.fail(f"{shlex.join(words)}\n{result.stdout}", pytrace=False)
