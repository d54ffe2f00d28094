"""Every reproducer of a defect: there on stock or not, and not on patched."""

import pytest
from harness import PATIENCE, run_command
from threadjoin.core import layout
from threadjoin.proof import defects

#: Not a defect of the base, but of what upstream replaced it with.
NOT_ON_STOCK = {"destructor_joins_a_daemon"}

#: The release that has mended it.
MENDED_SINCE = {"fork_from_a_dummy": (3, 11, 8)}

SCRIPTS = [layout.ROOT / defect.script for defect in defects.load()]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_reproducer(python, script):
    command = defects.command(python.path, script)
    result = run_command(python, command, timeout=3 * PATIENCE, preload=False)
    since = MENDED_SINCE.get(script.stem)
    mended = python.patched or (since and python.mended_since(*since))
    there = not mended and script.stem not in NOT_ON_STOCK
    assert result.status == (defects.DEFECT if there else defects.SOUND), result
