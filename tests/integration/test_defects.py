"""Every reproducer of a defect: there on stock or not, and not on patched."""

import pytest
from harness import PATIENCE, run_command
from threadjoin.core import layout
from threadjoin.proof import defects

SCRIPTS = [layout.ROOT / defect.script for defect in defects.load()]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_reproducer(python, script):
    command = defects.command(python.path, script)
    result = run_command(python, command, timeout=3 * PATIENCE, preload=False)
    there = not python.is_without(script.stem)
    assert result.status == (defects.DEFECT if there else defects.SOUND), result
