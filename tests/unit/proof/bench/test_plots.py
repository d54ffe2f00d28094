"""The plots of the benchmark."""

import xml.etree.ElementTree as ElementTree

import pytest
from threadjoin.proof.bench import plots
from threadjoin.proof.bench.stats import Comparison, Spread

SVG = "{http://www.w3.org/2000/svg}"


def comparison(title, low, median, high, verdict=""):
    return Comparison(title, 1e-6, 1e-6 * median, Spread(low, median, high), verdict)


def draw(*rows):
    return ElementTree.fromstring(plots.ratios("one & two", rows))


def texts(svg):
    return [text.text for text in svg.iter(f"{SVG}text")]


def dots(svg):
    return [
        (float(dot.get("cx")), dot.get("class")) for dot in svg.iter(f"{SVG}circle")
    ]


def test_a_row_has_its_name_its_ratio_and_its_verdict():
    svg = draw(
        comparison("start < join", 1.05, 1.07, 1.08, "slower"),
        comparison("alive", 0.31, 0.48, 0.61, "faster"),
        comparison("the same", 0.9, 1, 1.1),
    )
    said = texts(svg)
    assert said[0] == "one & two"
    for text in ("start < join", "1.07 slower", "alive", "0.48 faster", "1.00"):
        assert text in said
    (slower, first), (faster, second), (same, third) = dots(svg)
    assert (first, second, third) == ("slower", "faster", "same")
    assert faster < same < slower


def test_the_axis_is_logarithmic_and_has_all_rows():
    svg = draw(comparison("half", 0.5, 0.5, 0.5), comparison("twice", 2, 2, 2))
    (half, _), (twice, _) = dots(svg)
    assert half == plots.NAMES and twice == plots.NAMES + plots.PLOT
    (one,) = [line for line in svg.iter(f"{SVG}line") if line.get("class") == "one"]
    assert float(one.get("x1")) == pytest.approx((half + twice) / 2)


@pytest.mark.parametrize(
    "low, high, first, last",
    [(1, 1, 0.8, 1.25), (0.3, 1.3, 0.25, 1.5), (0.1, 9, 0.25, 4)],
)
def test_the_ticks_are_around_the_rows(low, high, first, last):
    rows = [comparison("", low, 1, high)]
    found = plots._ticks(rows)
    assert (found[0], found[-1]) == (first, last)
    assert 1 in found


def test_it_can_be_read_on_a_light_and_on_a_dark_page():
    text = plots.ratios("", [comparison("", 1, 1, 1)])
    light, dark = text.split("prefers-color-scheme: dark")
    for name in (".page", "text", ".slower", ".faster", ".same", ".tick", ".one"):
        assert f"{name} {{" in light and f"{name} {{" in dark
    assert '<rect class="page"' in dark
