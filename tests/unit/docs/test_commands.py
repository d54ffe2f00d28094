"""The commands that the documents name exist, and print their help."""

import re
import subprocess

import pytest
from threadjoin.core.layout import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
COMMAND = r"(?<![\w./-])(?:\./)?(build\.sh|scripts/[\w.-]*\w)(?![\w/])"
NAMES = {
    name for path in DOCUMENTS for name in re.findall(COMMAND, path.read_text())
} - {"scripts/threadjoin"}


def test_the_documents_name_some():
    assert {"build.sh", "scripts/apply", "scripts/test"} <= NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_command(name):
    done = subprocess.run(
        [ROOT / name, "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
