"""The reports of this compiler's sanitizers are read correctly.

On a small program: builds of the interpreters take too long for each change.
"""

import os
import subprocess

import pytest
from harness import HERE, compile_c
from threadjoin.proof.sanitizers import reports, runs

FAULTS = {
    (
        "thread",
        "tsan",
        "race",
    ): "data race: change (F) < race (F) | change (F) < run (F)",
    ("address", "asan", "use"): (
        "heap-use-after-free: use (F) < use_after_free (F) | "
        "use_after_free (F) < main (F)"
    ),
    ("address", "asan", "leak"): "Direct leak: leak (F) < main (F)",
    ("undefined", "ubsan", "overflow"): (
        "signed integer overflow: N + N cannot be represented in type 'int': "
        "overflow (F) < main (F)"
    ),
}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    directory = tmp_path_factory.mktemp("src")

    def make(flag):
        path = directory / flag
        if not path.exists():
            options = f"-g -O0 -pthread -fno-omit-frame-pointer -fsanitize={flag}"
            source = HERE / "misuse.c"
            compile_c(os.environ.get("CC", "cc"), options, source, "-o", path)
        return path

    return make


@pytest.mark.parametrize(("flag", "tool", "fault"), FAULTS)
def test_a_fault_is_reported(program, tmp_path, flag, tool, fault):
    tool = runs.load()[tool]
    options = f"{tool.options}:log_path={tmp_path / 'report'}"
    # The user may have set options for the sanitizer.
    env = {**os.environ, tool.variable: options}
    subprocess.run([program(flag), fault], env=env, timeout=60, check=False)
    found = [
        report.signature
        for path in tmp_path.iterdir()
        for report in reports.parse(path.read_text())
    ]
    (signature,) = found
    file = signature.partition("(")[2].partition(")")[0]
    assert file.endswith("misuse.c")
    assert signature.replace(file, "F") == FAULTS[flag, tool.name, fault]


@pytest.mark.parametrize(("flag", "tool"), sorted({key[:2] for key in FAULTS}))
def test_without_a_fault_nothing_is(program, tmp_path, flag, tool):
    tool = runs.load()[tool]
    env = {**os.environ, tool.variable: f"{tool.options}:log_path={tmp_path / 'r'}"}
    done = subprocess.run([program(flag)], env=env, timeout=60, check=False)
    assert done.returncode == 0
    assert not list(tmp_path.iterdir())
