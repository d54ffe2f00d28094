"""A command that fails says so in one line."""

import errno
import subprocess
import sys

import pytest
from threadjoin.core import cli, errors, layout


def failing(exception):
    def main(argv):
        raise exception

    return main


@pytest.mark.parametrize(
    "exception, status, text",
    [
        (errors.Problem("no tree; name one"), 1, "error: no tree; name one\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/proc/disk/file"),
            1,
            "error: the file system at /proc is full; make room there, then run "
            "again\n",
        ),
        (
            OSError(errno.EDQUOT, "Disk quota exceeded"),
            1,
            "error: the disk is full; make room, then run again\n",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/cdrom/build"),
            1,
            "error: /cdrom/build: Read-only file system\n",
        ),
    ],
)
def test_failure_is_one_line_and_a_status(capsys, exception, status, text):
    assert cli.run(failing(exception), []) == status
    assert capsys.readouterr() == ("", text)


def test_an_unexpected_error_is_not_hidden():
    with pytest.raises(IsADirectoryError):
        cli.run(failing(IsADirectoryError(errno.EISDIR, "Is a directory")), [])


def test_main_gets_the_arguments_and_gives_the_status():
    assert cli.run(lambda argv: len(argv), ["a", "b"]) == 2
    assert cli.run(lambda argv: None, []) == 0


def test_a_closed_pipe_ends_the_command_in_silence():
    script = (
        "import sys\n"
        "from threadjoin.core import cli, errors\n"
        "def main(argv):\n"
        "    raise BrokenPipeError\n"
        "sys.exit(cli.run(main, []))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=layout.ROOT / "scripts",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_wrong_option_is_one_line(capsys):
    parser = cli.Parser(prog="scripts/x")
    with pytest.raises(SystemExit) as exit_:
        parser.parse_args(["--nonsense"])
    assert exit_.value.code == 2
    text = capsys.readouterr().err
    assert text == ("error: unrecognized arguments: --nonsense; see scripts/x --help\n")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "one", "", "1 "])
def test_counts_are_positive_numbers(text, capsys):
    parser = cli.Parser(prog="command")
    parser.add_argument("--times", type=cli.count)
    assert parser.parse_args(["--times", "20"]).times == 20
    with pytest.raises(SystemExit) as exc:
        parser.parse_args(["--times", text])
    assert exc.value.code == 2
    assert capsys.readouterr().err == (
        f"error: argument --times: {text!r} is not a number from 1 up; "
        "see command --help\n"
    )


def test_output_to_a_full_disk_is_a_failure():
    script = (
        "import sys\n"
        "from threadjoin.core import cli, errors\n"
        "sys.exit(cli.run(print, ['an argument']))\n"
    )
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=layout.ROOT / "scripts",
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    said = "error: the disk is full; make room, then run again\n"
    assert (done.returncode, done.stderr) == (1, said)
