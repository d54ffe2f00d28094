"""The counts of runs of the soak are kept, and a page is written of them."""

import sys
from dataclasses import replace

import pytest
from threadjoin.building.identity import Python
from threadjoin.commands import soak as command
from threadjoin.core.errors import Problem
from threadjoin.proof import pages
from threadjoin.proof.soak import results, session
from threadjoin.series import catalog

SERIES = catalog.load_series("3.11")
PYTHON = Python("", "python", "3.11.2 (main)", "", patched=True)


def record(seconds=90.0, **changes):
    state = session.Soak(None, clock=iter([0.0, seconds]).__next__)
    state.programs = 3
    state.counts.update(joins=2000, waited=30, threads=1000, forks=7, other=1)
    return replace(results.Record.of(state, PYTHON, False, 40, 2), **changes)


def test_runs_are_added_to_those_before(tmp_path):
    for seed in (40, 41):
        record(seed=seed).save(tmp_path)
    assert results.load("3.11", tmp_path) == [record(), record(seed=41)]
    assert results.load("3.12", tmp_path) == []


def test_the_page_has_a_line_for_each_run_and_one_for_all():
    text = results.markdown(
        SERIES, [record(), record(debug=True, perturbed=True, failures=1)]
    )
    assert not list(pages.outdated(text)) and pages.of(text)
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    one = "3 | 1 min 30 s | 2,000 | 30 | 1,000 | 7"
    assert lines[2:] == [
        f"| 3.11.2, release, seeds from 40 | {one} | 0 |",
        f"| 3.11.2, debug, perturbed, seeds from 40 | {one} | 1 |",
        "| all | 6 | 3 min 00 s | 4,000 | 60 | 2,000 | 14 | 1 |",
    ]


def test_what_is_of_an_older_series_is_not_on_the_page():
    text = results.markdown(SERIES, [record(), record(digest="0" * 12, seed=77)])
    assert "seeds from 40" in text and "77" not in text
    assert "| all | 3 |" in text


@pytest.mark.parametrize("arguments", [[], ["--replay", "1"]])
def test_a_page_is_of_new_programs_on_a_patched_interpreter(
    tmp_path, monkeypatch, arguments
):
    patched = replace(PYTHON, patched=bool(arguments))
    monkeypatch.setattr(command.identity, "identify", lambda path: patched)
    table = ["--table", str(tmp_path / "page.md")]
    with pytest.raises(Problem, match="for new programs on a patched interpreter"):
        command.main(["--python", sys.executable, *table, *arguments])
