"""No sanitizer reports anything on patched that it does not report on stock."""

import pytest
from threadjoin.commands import sanitizers
from threadjoin.proof.sanitizers import runs


@pytest.mark.long
@pytest.mark.parametrize("name", runs.load())
def test_no_new_report(name, capsys):
    # Builds two interpreters, and runs the tests of tests/regrtest/tests.json.
    status = sanitizers.main([name])
    assert status == 0, capsys.readouterr().out
