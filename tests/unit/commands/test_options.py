"""Bad command lines of several commands are refused in the same words."""

import argparse
import importlib

import pytest
from threadjoin.commands import options

REPEAT = "argument --repeat: fewer than 4 decide nothing"
TABLE = "'/none/x.md' cannot be written"


@pytest.mark.parametrize(
    "line, said",
    [
        ("downstream", "two interpreters are needed, STOCK and PATCHED"),
        ("downstream only-one", "two interpreters are needed, STOCK and PATCHED"),
        ("downstream a b --repeat 3", REPEAT),
        ("downstream a b --table /none/x.md", f"argument --table: {TABLE}"),
        ("downstream a b --names /none/x.md", f"argument --names: {TABLE}"),
        ("platforms", "name a platform: "),
        ("platforms musl z", "'z' is not one of "),
        ("platforms musl --repeat 1", REPEAT),
        ("platforms musl --table /none/x.md", TABLE),
        ("refleaks", "are required: PYTHON; see scripts/refleaks --help"),
        ("refleaks a --table /none/x.md", TABLE),
        ("regrtest_diff", "two interpreters are needed, STOCK and PATCHED"),
        ("regrtest_diff only-one", "two interpreters are needed, STOCK and PATCHED"),
        ("regrtest_diff a b --repeat 2", REPEAT),
        ("regrtest_diff a b --table /none/x.md", TABLE),
        ("sanitizers", "name a sanitizer: tsan, asan, ubsan"),
        ("sanitizers z", "'z' is not one of tsan, asan, ubsan"),
        ("sanitizers tsan --repeat 3", REPEAT),
        ("sanitizers tsan --table /none/x.md", TABLE),
    ],
)
def test_command_lines_that_are_refused(line, said, capsys):
    name, *words = line.split()
    command = importlib.import_module(f"threadjoin.commands.{name}")
    with pytest.raises(SystemExit) as caught:
        command.main(words)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_where_a_page_can_be_written(tmp_path):
    page = tmp_path / "page.md"
    assert options.target(str(page)) == page
    page.touch()
    assert options.target(str(page)) == page
    for path in (tmp_path, tmp_path / "none" / "page.md"):
        with pytest.raises(argparse.ArgumentTypeError, match="cannot be written"):
            options.target(str(path))
