"""One run at a time measures in a directory below build/."""

import sys

import pytest
from threadjoin.commands import downstream, refleaks, regrtest_diff, sanitizers
from threadjoin.core.errors import Problem
from threadjoin.host import workplace
from threadjoin.proof.downstream import environments
from threadjoin.proof.regrtest import runner
from threadjoin.proof.sanitizers import results

PAIR = [sys.executable, sys.executable]


@pytest.mark.parametrize(
    "command, arguments, owner, name, below",
    [
        (downstream, PAIR, environments, "HOME", ""),
        (downstream, ["--embedders", *PAIR, "gdb"], environments, "HOME", "embedders"),
        (refleaks, [sys.executable], refleaks.refleaks, "HOME", ""),
        (regrtest_diff, PAIR, runner, "HOME", ""),
        (sanitizers, ["tsan"], results, "HOME", "3.11"),
    ],
    ids=["downstream", "embedders", "refleaks", "regrtest-diff", "sanitizers"],
)
def test_a_second_run_is_refused(
    monkeypatch, tmp_path, command, arguments, owner, name, below
):
    monkeypatch.setattr(owner, name, tmp_path)
    monkeypatch.setattr(environments.data, "require", lambda libraries: None)
    monkeypatch.setattr(refleaks.refleaks, "check", lambda python, units: None)
    with workplace.held(tmp_path / below):
        with pytest.raises(Problem, match="another run works in .*; wait for it"):
            command.main(arguments)
