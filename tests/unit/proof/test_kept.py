"""Results are kept, and read again by the same version of the program."""

from dataclasses import asdict, dataclass

import pytest
from threadjoin.core.errors import Problem
from threadjoin.proof import compare, kept


@dataclass(frozen=True)
class Result(kept.Named):
    """A result."""

    differences: list


ONE = Result("one", compare.differences({"t": "passed"}, {"t": "failed"}))
NONE = Result("none", [])


def test_what_was_kept_is_read(tmp_path):
    path = tmp_path / "new" / "result.json"
    assert kept.load(Result, path, "") is None
    kept.save(path, asdict(ONE))
    assert kept.load(Result, path, "") == ONE


@pytest.mark.parametrize(
    "content",
    [{"name": "one"}, {**asdict(NONE), "more": 1}, {"name": "", "differences": [{}]}],
)
def test_what_another_version_kept_is_refused(tmp_path, content):
    path = tmp_path / "result.json"
    kept.save(path, content)
    with pytest.raises(Problem, match="result.json is too old; run one again"):
        kept.load(Result, path, "run one again")


def test_one_of_each_name_is_kept(tmp_path):
    with pytest.raises(Problem, match="nothing has been run yet; name a thing"):
        Result.load(tmp_path, ["one", "none"], "thing")
    for result in (ONE, NONE):
        result.save(tmp_path)
    assert Result.load(tmp_path, ["none", "other", "one"], "thing") == [NONE, ONE]
