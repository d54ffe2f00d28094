"""Each command that takes an interpreter first refuses a path that is not one."""

import subprocess
import sys

import pytest
from threadjoin.core import layout

#: Command lines, with {} in the place of the interpreter.
COMMANDS = [
    "abi {} {python}",
    "abi {python} {}",
    "bench --stock {} --patched {python}",
    "bench --stock {python} --patched {}",
    "defects {python} {}",
    "downstream {} {python} gevent",
    "downstream {python} {} gevent",
    "refleaks {}",
    "regrtest-diff {} {python}",
    "regrtest-diff {python} {} test_thread",
    "soak --python {} --programs 1",
]


@pytest.mark.parametrize("program", ["/bin/true", "/bin/cat", "/none"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_path_that_is_not_a_python_is_refused(command, program, tmp_path):
    words = command.format(program, python=sys.executable).split()
    done = subprocess.run(
        [sys.executable, layout.ROOT / "scripts" / words[0], *words[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert program in done.stderr
