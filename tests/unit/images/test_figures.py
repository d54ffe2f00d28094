"""The measurements of the images: stored, shown, written to the page."""

import os

import pytest
from threadjoin.commands import dockerfigures as command
from threadjoin.core import cli
from threadjoin.images import figures
from threadjoin.images.figures import Results


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return the Path of the file with the results; the page is beside it."""
    monkeypatch.setattr(figures, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(figures.layout, "ROOT", tmp_path)
    monkeypatch.setattr(figures, "PAGE", tmp_path / "docs" / "docker.md")
    return figures.RESULTS


def test_an_added_result_is_kept(place):
    first = Results(place)
    first.add("MB", "stock", 1.5)
    first.add("MB", "patched", 2)
    first.save()
    second = Results(place)
    second.add("MB", "patched", 3)
    second.add("ms", "debug", 0)
    assert second.table() == (
        "|  | stock | patched | debug |\n| --- | ---: | ---: | ---: |\n"
        "| MB | 1.5 | 3 |  |\n| ms |  |  | 0 |\n"
    )


def test_a_build_is_shown_with_its_load(place, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (1, 2.34, 3))
    results = Results(place)
    results.add_build("stock", 61.7)
    assert "| seconds to build | 62 |\n| load while it was built | 2.3 |" in (
        results.table()
    )


def test_the_page_has_the_table(place, capsys):
    results = Results(place)
    results.add("MB", "stock", 1.5)
    results.save()
    assert cli.run(command.main, ["--write"]) == 0
    page = figures.PAGE.read_text()
    assert page.endswith(results.table())
    assert "<!-- Made by scripts/dockerfigures --write. Do not edit. -->" in page
    assert capsys.readouterr().out == results.table()


def test_without_the_option_nothing_is_written(place):
    results = Results(place)
    results.add("MB", "stock", 1.5)
    results.save()
    assert cli.run(command.main, []) == 0
    assert not figures.PAGE.exists()


def test_without_measurements_it_says_how_to_measure(place, capsys):
    assert cli.run(command.main, ["--write"]) == 1
    assert capsys.readouterr().err == (
        "error: nothing was measured yet; run `scripts/test tests/docker`\n"
    )
    assert not figures.PAGE.exists()
