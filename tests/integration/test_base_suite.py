"""The unchanged test_threading.py of the base."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import SCRIPTS, run_command

#: Seconds that the suite may take; it usually takes a tenth of that.
PATIENCE = 300

#: Tests of the lock that each thread has on stock, where the version has them.
OBSOLETE = {"test_tstate_lock", "test_shutdown_locks"}


@pytest.mark.slow
def test_unmodified_tests_of_the_base(stock, patched):
    suite = Path(stock.sysconfig()["srcdir"], "Lib", "test", "test_threading.py")

    def outcomes(python):
        command = [python.path, str(SCRIPTS / "unittests.py"), str(suite)]
        result = run_command(python, command, PATIENCE, preload=False)
        assert not result.hung, result.err
        return json.loads(result.lines[-1])

    with ThreadPoolExecutor() as executor:
        before, after = executor.map(outcomes, (stock, patched))
    assert before.keys() == after.keys()
    assert set(before.values()) <= {"passed", "skipped"}
    differing = {name for name in before if before[name] != after[name]}
    obsolete = {name for name in before if name.split(".")[-1] in OBSOLETE}
    assert differing == obsolete
    assert {after[name] for name in differing} == {"failed"}
