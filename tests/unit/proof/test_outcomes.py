"""Reading the outcomes that test runners report."""

import json

from threadjoin.proof import outcomes


def test_a_report_that_was_cut_off(tmp_path):
    path = tmp_path / "log.json"
    entry = {"$report_type": "TestReport", "nodeid": "a::b", "outcome": "passed"}
    path.write_text(json.dumps(entry) + "\n" + json.dumps(entry)[:20])
    assert outcomes.parse_reportlog(path) == {"a::b": "passed"}


def test_the_worst_phase_of_a_test_counts(tmp_path):
    path = tmp_path / "log.json"
    entry = {"$report_type": "TestReport", "nodeid": "a::b"}
    phases = [{**entry, "outcome": o} for o in ("passed", "failed", "passed")]
    path.write_text("\n".join(map(json.dumps, phases)))
    assert outcomes.parse_reportlog(path) == {"a::b": "failed"}


def test_no_report_is_no_outcome(tmp_path):
    assert outcomes.parse_reportlog(tmp_path / "gone") == {}


def test_ids_are_the_same_in_each_environment():
    name = "../venvs/stock/x/lib/python3.11/site-packages/x/test.py::t[<f at 0x7f00aa>]"
    assert outcomes.stable(name) == "x/test.py::t[<f at 0x...>]"


def test_rust():
    output = (
        "running 4 tests\n"
        "test gil::tests::a ... ok\n"
        "test b - should panic ... ok\n"
        "test c ... ignored, not here\n"
        "test d ... FAILED\n"
        "test result: FAILED. 2 passed; 1 failed; 1 ignored\n"
    )
    assert outcomes.parse_libtest("u", output) == {
        "u::gil::tests::a": "passed",
        "u::b - should panic": "passed",
        "u::c": "skipped",
        "u::d": "failed",
    }


def test_a_failure_of_setup_that_has_no_line_of_its_own():
    output = "Test ...\n" + "=" * 70 + "\nERROR: setUpClass (__main__.Test)\n"
    found = outcomes.parse_unittest("u", output)
    assert found == {"u::__main__.Test.setUpClass": "failed"}
