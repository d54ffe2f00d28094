"""Two interpreters run the same tests, and the differences are reported."""

import json
import sys

import pytest
from faketests import junit, write_tests
from threadjoin.building import identity
from threadjoin.commands import regrtest_diff as command
from threadjoin.core.errors import Problem
from threadjoin.proof import pages
from threadjoin.proof.regrtest import compared, runner, store

A = '<testcase name="test.t.C.a" />'
B = '<testcase name="test.t.C.b" />'
SKIPPED_B = '<testcase name="test.t.C.b"><skipped>why</skipped></testcase>'
BROKEN_B = '<testcase name="test.t.C.b"><failure>x</failure></testcase>'
FAIL = "\nsys.exit(2)"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "HOME", tmp_path / "regrtest")
    monkeypatch.setattr(compared, "RESULT", tmp_path / "regrtest" / "result.json")
    data = {"threading": ["test_a"], "left out": {"test_z": "it hangs"}, "gone": {}}
    monkeypatch.setattr(runner, "load", lambda: data)
    return data


@pytest.fixture
def pythons(tmp_path, program, monkeypatch):
    """Return a function that makes two interpreters with tests of their own."""

    def make(stock, patched):
        paths = []
        for role, files in (("stock", stock), ("patched", patched)):
            place = write_tests(tmp_path / f"{role}-tests", files)["PYTHONPATH"]
            script = f'PYTHONPATH={place} exec {sys.executable} "$@"'
            paths.append(program(role, script))
        return list(map(str, paths))

    def identify(path, role):
        # Wrappers of different interpreters have the same contents.
        return identity.Python(role, path, f"3.11.2 ({role})", path)

    monkeypatch.setattr(identity, "identify", identify)
    return make


def diff(capsys, *argv):
    """Return the exit status of the command and its output."""
    status = command.main([*map(str, argv), "--jobs", "1"])
    return status, capsys.readouterr().out


def test_nothing_differs(pythons, capsys):
    files = {"test_a": junit(A, B), "test_b": junit(SKIPPED_B), "test_z": "1 / 0"}
    status, said = diff(capsys, *pythons(files, files))
    assert status == 0
    assert "not run: test_z: it hangs" in said
    assert "worse" not in said and "repeated" not in said
    (stock, patched) = (line.split() for line in said.splitlines() if " 3 " in line)
    assert stock[:9] == ["stock", "2", "2", "0", "0", "3", "2", "1", "0"]
    assert patched[:9] == ["patched", *stock[1:9]]


def test_a_test_that_fails_on_patched_only(pythons, capsys):
    stock, patched = {"test_a": junit(A, B)}, {"test_a": junit(A, BROKEN_B) + FAIL}
    status, said = diff(capsys, *pythons(stock, patched), "test_a")
    assert status == 1
    again = "passed on stock, failed on patched; again: stock 3/3, patched 0/3"
    again = again.replace("3", "4")
    assert f"worse: test_a::test.t.C.b: {again}" in said
    assert f"worse: test_a: {again}" in said


def test_a_test_that_is_better_on_patched(pythons, capsys):
    stock, patched = {"test_a": junit(A, BROKEN_B) + FAIL}, {"test_a": junit(A, B)}
    status, said = diff(capsys, *pythons(stock, patched))
    assert status == 0
    assert "better: test_a::test.t.C.b: failed on stock, passed on patched" in said


def test_a_test_that_fails_once(pythons, capsys, tmp_path):
    mark = tmp_path / "mark"
    once = (
        f"if not os.path.exists({str(mark)!r}):\n open({str(mark)!r}, 'w'); sys.exit(2)"
    )
    status, said = diff(capsys, *pythons({"test_a": ""}, {"test_a": once}))
    assert status == 0
    assert "flaky: test_a: passed on stock, failed on patched; again: stock 5/5" in said


def test_failures_on_both_are_listed(pythons, capsys):
    status, said = diff(capsys, *pythons(*[{"test_a": "sys.exit(2)"}] * 2))
    assert status == 0
    assert "fails on both: test_a" in said


def test_tests_that_only_one_has(pythons, capsys, home):
    paths = pythons({"test_a": junit(A)}, {"test_a": junit(B)})
    status, said = diff(capsys, *paths)
    assert status == 1
    assert "only on stock: test_a::test.t.C.a: passed (not expected)" in said
    assert "only on patched: 1 tests: 1 passed" in said
    assert "repeated" not in said
    home["gone"]["test_a::test.t.C.a"] = "its subject is gone"
    status, said = diff(capsys, *paths)
    assert status == 0
    assert "only on stock: test_a::test.t.C.a: passed (its subject is gone)" in said


def test_a_file_that_only_patched_has(pythons, capsys):
    stock, patched = {"test_a": junit(A)}, {"test_a": junit(A), "test_n": junit(B)}
    status, said = diff(capsys, *pythons(stock, patched))
    assert status == 0
    assert "only on patched: 2 tests: 2 passed" in said
    assert "repeated" not in said
    (line,) = (line.split() for line in said.splitlines() if line.startswith("stock"))
    assert line[1:5] == ["1", "1", "0", "0"]
    status, said = diff(capsys, *pythons(stock, {**patched, "test_n": FAIL}), "--again")
    assert status == 1
    assert "worse: test_n: fails, and only patched has it" in said


def test_a_new_test_that_fails(pythons, capsys):
    # Its file fails on stock for another reason.
    stock, patched = {"test_a": junit(A) + FAIL}, {"test_a": junit(A, BROKEN_B) + FAIL}
    status, said = diff(capsys, *pythons(stock, patched))
    assert status == 1
    assert "worse: test_a::test.t.C.b: fails, and only patched has it" in said


def test_where_a_file_crashes_no_test_is_gone(pythons, capsys):
    status, said = diff(
        capsys, *pythons({"test_a": junit(A)}, {"test_a": "os.abort()"})
    )
    assert status == 1
    assert "worse: test_a: " in said
    assert "only on" not in said


def test_the_part_about_threads(pythons, capsys):
    files = {"test_a": "", "test_b": "1 / 0"}
    assert "test_b" not in diff(capsys, *pythons(files, files), "--threading")[1]


def test_finished_files_are_not_run_again(pythons, capsys, tmp_path):
    count = f"open({str(tmp_path / 'count')!r}, 'a').write('x')"
    paths = pythons(*[{"test_a": count, "test_b": ""}] * 2)
    for more, times in (((), 2), ((), 2), (("--again",), 4)):
        assert diff(capsys, *paths, "test_a", *more)[0] == 0
        assert (tmp_path / "count").read_text() == "x" * times


def test_kept_results_are_those_of_the_same_interpreters_and_settings(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(runner, "digest", lambda path: path)
    one, other = (identity.Python("stock", "p", "v", d) for d in "ab")
    retested = identity.Python("stock", "q", "v", "a")
    settings = runner.Settings(timeout=1)
    known = store.Known(tmp_path, [one], settings)
    run = runner.Run()
    run.add("test_a", {"test_a": "passed"}, 1.23)
    known.add("stock", run)

    def again(python, **options):
        options = runner.Settings(**{"timeout": 1, **options})
        return "test_a" in store.Known(tmp_path, [python], options)

    assert again(one)
    assert again(one, jobs=7)
    assert not again(other)
    assert not again(retested)
    assert not again(one, timeout=2)
    (path,) = tmp_path.iterdir()
    assert json.loads(path.read_text()) == {
        "stock": {"test_a": [{"test_a": "passed"}, 1.2]}
    }


def test_the_page(pythons, capsys, tmp_path):
    files = {"test_a": junit(A), "test_z": ""}
    diff(capsys, *pythons(files, files))
    page = tmp_path / "page.md"
    status = command.main(["--table", str(page)])
    assert status == 0
    text = page.read_text()
    assert text.startswith("# CPython's own tests\n")
    assert "- patched: 3.11.2 (patched)\n" in text
    assert "| stock | 1 | 1 | 0 | 0 | 1 | 1 | 0 | 0 |" in text
    assert "- not run: `test_z`: it hangs\n" in text


def test_the_page_says_with_what_it_was_measured(pythons, capsys, tmp_path, patches):
    diff(capsys, *pythons({"test_a": ""}, {"test_a": ""}))
    before = pages.measured()
    (path,) = (patches / "3.11").glob("0002*")
    path.write_text(path.read_text().replace("\n+", "\n+ "))
    page = tmp_path / "page.md"
    command.main(["--table", str(page)])
    # The series of the run, and not the one when the page is written.
    assert before[0] in page.read_text()
    assert list(pages.outdated(page.read_text(), patches)) == before != pages.measured()


def test_a_result_of_another_version_is_refused(pythons, capsys):
    diff(capsys, *pythons({"test_a": ""}, {"test_a": ""}))
    content = json.loads(compared.RESULT.read_text())
    del content["measured"]
    compared.RESULT.write_text(json.dumps(content))
    with pytest.raises(Problem, match="result.json is too old; name two"):
        command.main(["--table", "page.md"])


@pytest.fixture
def patches(series, monkeypatch):
    """Return the patches of a small series, which stands in for the project's."""
    directory = series.directory.parent
    measured = pages.measured
    monkeypatch.setattr(pages, "measured", lambda *names: measured(["3.11"], directory))
    return directory


@pytest.mark.parametrize("part", ["test_a", "--threading"])
def test_a_part_is_not_kept_for_the_page(pythons, capsys, tmp_path, part):
    paths = pythons(*[{"test_a": "", "test_b": ""}] * 2)
    page = tmp_path / "page.md"
    said = diff(capsys, *paths, part, "--table", page)[1]
    assert "not run: all others: not asked for" in said
    assert "- not run: `all others`: not asked for" in page.read_text()
    with pytest.raises(Problem, match="some tests have not been run yet"):
        command.main(["--table", str(page)])
    diff(capsys, *paths)
    diff(capsys, *paths, part)
    assert "| stock | 2 | 2 |" in diff(capsys, "--table", page)[1] + page.read_text()


def test_an_unknown_test_is_refused(pythons):
    stock, patched = pythons({"test_a": "", "test_b": ""}, {"test_b": ""})
    for unit in ("test_nosuch", "test_a -m X"):
        with pytest.raises(Problem, match=f"{patched} has no {unit.split()[0]};"):
            command.main([patched, patched, unit])
    with pytest.raises(Problem, match=f"{patched} has no test_a; .*--list-tests"):
        command.main([stock, patched, "test_a", "test_b"])


def test_a_page_of_nothing_is_refused(home):
    with pytest.raises(Problem, match="some tests have not been run yet"):
        command.main(["--table", "page.md"])
