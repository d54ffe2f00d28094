"""Programs write to a log, and no process outlives them."""

import os
import re
import signal
import sys
import threading

import pytest
from threadjoin.core import process
from threadjoin.core.errors import Problem
from tinycpython import shell_script

#: Starts a child, says that it is ready, and waits for ever.
#: Both hold the pipe whose descriptor is the first argument.
FAMILY = """\
import os, signal, sys
os.fork()
signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[2] == "deaf" else
              signal.SIG_DFL)
os.write(int(sys.argv[1]), b"x")
while True:
    signal.pause()
"""


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def test_stdout_and_stderr_go_to_the_log(log):
    command = ["sh", "-c", "echo out; echo err >&2; exit 3"]
    assert process.status(command, log) == 3
    assert log.read_text() == "out\nerr\n"


def test_a_failure_names_the_step_and_the_log(log):
    with pytest.raises(
        process.Failed, match=f"compile failed with status 3; see {log}"
    ):
        process.check(["sh", "-c", "exit 3"], log, "compile")


def test_success_is_silent(log):
    assert process.check(["true"], log, "compile") is None


def test_a_program_that_is_not_there_is_a_problem(log):
    with pytest.raises(Problem, match="no-such-program is not there; install it"):
        process.status(["no-such-program"], log)


def test_a_full_disk_is_told_from_other_failures(log):
    script = "echo 'cc: No space left on device'; seq 1000; exit 1"
    with pytest.raises(process.DiskFull, match="the disk is full; make room"):
        process.check(["sh", "-c", script], log, "compile")


def test_the_tail_is_the_last_lines(log):
    log.write_text("".join(f"line {n}\n" for n in range(100_000)))
    assert process.tail(log, 2) == "line 99998\nline 99999"
    log.write_text("")
    assert process.tail(log) == ""


def run_family(log, manner, pipe, **options):
    reader, writer = pipe
    os.set_inheritable(writer, True)
    script = [sys.executable, "-c", FAMILY, str(writer), manner]
    original = process.subprocess.Popen

    def popen(*args, **kwargs):
        return original(*args, **kwargs, close_fds=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process.subprocess, "Popen", popen)
        try:
            process.status(script, log, **options)
        finally:
            os.close(writer)


@pytest.mark.parametrize("manner", ["obedient", "deaf"])
def test_an_interrupt_ends_the_program_and_its_children(log, monkeypatch, manner):
    monkeypatch.setattr(process, "GRACE", 0.1)
    pipe = os.pipe()

    def interrupt():
        # When both are ready.
        os.read(pipe[0], 1), os.read(pipe[0], 1)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_family(log, manner, pipe)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)
    # End of file: no process holds the other end, so all have ended.
    assert os.read(pipe[0], 1) == b""
    os.close(pipe[0])


def test_a_program_that_takes_too_long_is_stopped(log):
    pipe = os.pipe()
    with pytest.raises(process.Failed, match="was stopped after 0.01 s; see"):
        run_family(log, "obedient", pipe, timeout=0.01)
    assert os.read(pipe[0], 3) in (b"", b"x", b"xx")
    assert os.read(pipe[0], 1) == b""
    os.close(pipe[0])


def test_variables_that_steer_python_git_or_make_are_not_passed_on(monkeypatch):
    for name in ("PYTHONPATH", "GIT_DIR", "MAKEFLAGS", "MAKELEVEL"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("CFLAGS", "-g")
    env = process.environment(EXTRA="1")
    assert not {"PYTHONPATH", "GIT_DIR", "MAKEFLAGS", "MAKELEVEL"} & set(env)
    assert (env["CFLAGS"], env["LC_ALL"], env["EXTRA"]) == ("-g", "C.UTF-8", "1")


@pytest.mark.parametrize(("after", "status"), [("exit 3", 3), ("wait", None)])
def test_a_bounded_program_leaves_nothing_behind(log, tmp_path, after, status):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # End of file comes when no process has it open any more.
    reader = threading.Thread(target=fifo.read_bytes, daemon=True)
    reader.start()
    script = f"exec 3>{fifo}; sleep 1000 & {after}"
    assert process.bounded(["sh", "-c", script], log, 2) == status
    reader.join(60)
    assert not reader.is_alive()


def test_asking_an_interpreter():
    assert process.ask(sys.executable, "print('[1, {}]')") == [1, {}]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/bin/true", "it is no Python"),
        ("/bin/false", "status 1"),
        ("/none", "No such file or directory"),
    ],
)
def test_a_program_that_is_not_an_interpreter_is_refused(path, why):
    said = f"{path} does not run ({why}); name an interpreter"
    with pytest.raises(Problem, match=f"^{re.escape(said)}$"):
        process.ask(path, "print(1)")
    with pytest.raises(Problem, match=f"^{re.escape(said)}$"):
        process.require_python(sys.executable, path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo '[3, 8, 18]'", "is Python 3.8.18; name one of 3.9 or later"),
        ("echo '[2, 7, 18]'", "is Python 2.7.18; name one of 3.9 or later"),
        ("echo 3", "does not run (it is no Python); name an interpreter"),
        ("printf '\\377'", "does not run (it is no Python); name an interpreter"),
        ("echo a >&2; echo b >&2; exit 3", "does not run (b); name an interpreter"),
        ("exec tail -f /dev/null", "does not run (no answer within 0.2 s); name an"),
    ],
)
def test_an_interpreter_that_cannot_answer_is_refused(
    tmp_path, monkeypatch, text, words
):
    if "tail" in text:
        monkeypatch.setattr(process, "PATIENCE", 0.2)
    path = shell_script(tmp_path / "python", text)
    with pytest.raises(Problem) as caught:
        process.require_python(path)
    assert str(caught.value).startswith(f"{path} {words}")


def test_a_file_that_cannot_be_executed_is_refused(tmp_path):
    path = shell_script(tmp_path / "python", "")
    path.write_text("not a program")
    with pytest.raises(Problem, match=f"^{path} does not run .Exec format error.; "):
        process.require_python(path)


def test_the_output_of_a_program():
    done = process.said(["sh", "-c", "cat; echo a; echo b >&2; echo c >&2; exit 3"])
    assert (done.returncode, done.stdout) == (3, "a\n")
    assert process.last_words(done) == "c"
    assert process.last_words(process.said(["false"])) == "it said nothing"
    assert process.said(["cat"], input="x").stdout == "x"
    with pytest.raises(Problem, match="^cannot run /none: No such file or directory$"):
        process.said(["/none"])
    with pytest.raises(Problem, match="^tail was stopped after 0.1 s$"):
        process.said(["tail", "-f", "/dev/null"], timeout=0.1)


def test_modules_in_the_current_directory_are_not_imported(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemError('not this one')")
    monkeypatch.chdir(tmp_path)
    process.require_python(sys.executable)


def test_an_interrupt_while_a_program_starts_ends_it(log, monkeypatch):
    """The program runs, and its process ID has not been returned yet."""
    original = process.subprocess.Popen
    started = []

    def popen(*args, **kwargs):
        started.append(original(*args, **kwargs))
        signal.raise_signal(signal.SIGINT)
        return started[0]

    monkeypatch.setattr(process.subprocess, "Popen", popen)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            process.status(["tail", "-f", "/dev/null"], log)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
        # In case it still runs.
        started[0].kill()
    assert started[0].returncode == -signal.SIGTERM
