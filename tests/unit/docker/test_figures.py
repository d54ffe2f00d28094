"""The measurements of the images: stored, and written to a page."""

import os

from figures import Results


def test_an_added_result_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (1, 2.34, 3))
    first = Results(tmp_path)
    first.add("MB", "stock", 1.5)
    first.add("MB", "patched", 2)
    first.save()
    second = Results(tmp_path)
    second.add("MB", "patched", 3)
    second.add_build("debug", 61.7)
    second.save()
    page = second.page.read_text()
    assert page.startswith("# The images, measured\n")
    assert page.endswith(
        "\n\n|  | stock | patched | debug |\n| --- | ---: | ---: | ---: |\n"
        "| MB | 1.5 | 3 |  |\n| seconds to build |  |  | 62 |\n"
        "| load while it was built |  |  | 2.3 |\n"
    )
