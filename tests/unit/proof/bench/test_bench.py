"""The benchmark: its statistics, its tables, and the commands that it runs."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import worker
from threadjoin.building.identity import Python
from threadjoin.commands import bench as command
from threadjoin.core.errors import Problem
from threadjoin.host import packages
from threadjoin.proof import pages
from threadjoin.proof.bench import measure, stats
from tinycpython import shell_script

QUICK = measure.Effort(rounds=2, samples=2, divisor=1000)


def ratios(above, below, same=0):
    return [1.5] * above + [0.5] * below + [1.0] * same


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7], (7, 7, 7)),
        ([1, 2], (1.25, 1.5, 1.75)),
        ([5, 1, 4, 2, 3], (2, 3, 4)),
    ],
)
def test_spread_is_the_median_and_the_quartiles(values, expected):
    found = stats.spread(values)
    assert (found.low, found.median, found.high) == expected


# The sign test at one in a hundred, worked out by hand: 2/2**7 is more than
# that and 2/2**8 less; of 20, 2 * 1351/2**20 is less and 2 * 6196/2**20 more.
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (ratios(7, 0), ""),
        (ratios(8, 0), "slower"),
        (ratios(0, 8), "faster"),
        (ratios(17, 3), "slower"),
        (ratios(16, 4), ""),
        (ratios(3, 17), "faster"),
        (ratios(10, 10), ""),
        (ratios(0, 0, same=20), ""),
        (ratios(8, 0, same=12), "slower"),
    ],
)
def test_a_verdict_takes_more_than_chance(values, expected):
    assert stats.verdict(values) == expected


def test_samples_of_the_same_round_are_compared():
    # The machine is ten times slower in every other round.
    stock = [[1, 2, 3], [10, 20, 90], [1, 2, 3], [10, 20, 90]]
    patched = [[1, 1, 5], [10, 10, 10], [1, 1, 1], [9, 10, 11]]
    compared = stats.compare("start", stock, patched)
    assert compared.title == "start"
    assert (compared.stock, compared.patched) == (11, 5.5)
    assert compared.ratio == stats.Spread(0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (80e-9, "0.080"),
        (1.5e-6, "1.50"),
        (56.04e-6, "56.0"),
        (123.4e-6, "123"),
        (0.25, "250,000"),
    ],
)
def test_microseconds_have_three_significant_digits(seconds, text):
    assert stats.microseconds(seconds) == text


def results(rounds=8, **more):
    """Return made-up Results: patched is twice as fast, half the floor's pace."""
    found = measure.Results(
        stock={"start_join": [[40e-6]] * rounds},
        patched={"start_join": [[20e-6]] * rounds},
        floor=[[10e-6]] * rounds,
        failed={"stock": 3, "patched": 0},
        switches={"stock": [2.5] * rounds, "patched": [4, 3] * 4, "floor": [1] * 3},
        **more,
    )
    return {"two": found}


def test_report():
    space = {"stock": [100e6, 101e6, 99e6], "patched": [1e9]}
    found = results(space=space)
    found["one"] = measure.Results(
        floor=[[10e-6]],
        switches={"floor": [1]},
    )
    assert measure.report(found, measure.Effort(8, divisor=5), markdown=False) == [
        "",
        "two processors",
        "",
        "              stock µs  patched µs  patched / stock     quartiles",
        "start + join      40.0        20.0             0.50  0.50 to 0.50  faster",
        "",
        "address space, 6,600 finished threads kept: 100 MB stock, 1,000 MB patched, "
        "10.00 times",
        "floor, pthread_create, a lock handed over, pthread_join in C: 10.0 µs, 1.00 "
        "voluntary context switches",
        "start + join, stock: 4.00 times the floor (quartiles 4.00 to 4.00), 2.50 "
        "voluntary context switches",
        "start + join, patched: 2.00 times the floor (quartiles 2.00 to 2.00), 3.50 "
        "voluntary context switches",
        "note: join() raised 3 times in stock: the race",
        "",
        "one processor",
        "",
        "floor, pthread_create, a lock handed over, pthread_join in C: 10.0 µs, 1.00 "
        "voluntary context switches",
        "",
        "medians of 8 rounds; shutdown is that of the whole process",
    ]


def test_report_in_markdown():
    lines = measure.report(results(), measure.Effort(8), markdown=True)
    row = "| start + join | 40.0 | 20.0 | 0.50 | 0.50 to 0.50 | faster |"
    assert lines[5] == row


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return an empty build directory."""
    monkeypatch.setattr(measure.layout, "BUILD", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "missing"),
    [([], "stock"), (["--stock", sys.executable], "patched")],
)
def test_an_interpreter_that_is_not_built_is_named(monkeypatch, options, missing):
    monkeypatch.setattr(command.interpreter.built, "__defaults__", ("", "", Path("/")))
    words = f"no {missing} interpreter .*; run `./build.sh 3.11 .* with --{missing}$"
    with pytest.raises(Problem, match=words):
        command.main(options)


@pytest.mark.parametrize(
    ("stock", "patched", "note"),
    [
        (False, False, None),
        (True, True, "note: debug builds; see how a release build does"),
        (
            True,
            False,
            "note: only one of them is a debug build; the ratios mean nothing",
        ),
    ],
)
def test_notes_warn_of_debug_builds(stock, patched, note):
    pythons = {"stock": "/s", "patched": "/p"}
    about = {
        "stock": Python("stock", "/s", "3.11.2", "", debug=stock),
        "patched": Python("patched", "/p", "3.11.2", "", debug=patched),
    }
    lines = measure.notes(pythons, about)
    build = ", a debug build" if stock else ""
    assert lines[0] == f"stock: Python 3.11.2{build}, /s"
    assert lines[2:] == ([note] if note else [])
    about["patched"] = replace(about["patched"], patched=True)
    assert measure.notes(pythons, about)[2:] == pages.measured() + lines[2:]


class Workers:
    """Stand-ins for the measured processes, which record commands and processors."""

    def __init__(self, monkeypatch, processors=(3, 5, 8)):
        self.order = []
        self.affinity = set(processors)
        self.spinning = []
        monkeypatch.setattr(measure, "_worker", self.worker)
        monkeypatch.setattr(measure, "_compile", str.upper)
        monkeypatch.setattr(measure, "_output", self.output)
        monkeypatch.setattr(measure.subprocess, "Popen", self.popen)
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: self.affinity)
        monkeypatch.setattr(os, "sched_setaffinity", self.set)

    def set(self, pid, processors):
        self.affinity = set(processors)

    def where(self):
        return sorted(self.affinity), len(self.spinning)

    def worker(self, python, row, loops, samples=None, *more):
        self.order.append((row, python, loops, samples, *more))
        if row == "kept":
            return {"space": 1000}
        return {"values": [1.0], "failed": 2, "switches": 4.0}

    def output(self, command):
        self.order.append((command[0], *self.where()))
        return {"values": [0.5], "switches": 1.0}

    def popen(self, command):
        assert command == ["SPIN", str(os.getpid())]
        assert len(self.affinity) == 1
        spinning = SimpleNamespace(kill=self.spinning.pop, wait=lambda: None)
        self.spinning.append(spinning)
        return spinning


def test_rounds_take_turns(monkeypatch):
    workers = Workers(monkeypatch)
    rows = {"one": ["start_join", "gilstate"], "busy": ["joiners_200"]}
    measured = measure.measure({"stock": "s", "patched": "p"}, rows, QUICK)
    assert workers.order == [
        ("start_join", "s", 1, 2),
        ("start_join", "p", 1, 2),
        ("gilstate", "s", 50, 2, "GILSTATE"),
        ("gilstate", "p", 50, 2, "GILSTATE"),
        ("FLOOR", [3], 0),
        ("joiners_200", "s", 1, 2),
        ("joiners_200", "p", 1, 2),
        ("FLOOR", [3, 5], 2),
        ("start_join", "p", 1, 2),
        ("start_join", "s", 1, 2),
        ("gilstate", "p", 50, 2, "GILSTATE"),
        ("gilstate", "s", 50, 2, "GILSTATE"),
        ("FLOOR", [3], 0),
        ("joiners_200", "p", 1, 2),
        ("joiners_200", "s", 1, 2),
        ("FLOOR", [3, 5], 2),
    ]
    assert workers.where() == ([3, 5, 8], 0)
    one = measured["one"]
    twice = [[1.0], [1.0]]
    assert one.stock == {"start_join": twice, "gilstate": twice}
    assert one.patched == one.stock
    assert one.floor == [[0.5], [0.5]]
    assert one.failed == {"stock": 8, "patched": 8}
    assert one.switches == {"stock": [4, 4], "patched": [4, 4], "floor": [1, 1]}
    assert list(measured["busy"].stock) == ["joiners_200"]


def test_the_address_space_is_looked_at_a_few_times(monkeypatch):
    workers = Workers(monkeypatch)
    effort = measure.Effort(rounds=5, divisor=1000)
    measured = measure.measure(
        {"stock": "s", "patched": "p"}, {"two": ["kept"]}, effort
    )
    assert measured["two"].space == {"stock": [1000] * 3, "patched": [1000] * 3}
    assert workers.order[0] == ("kept", "s", 33, None)
    assert measured["two"].stock == {}


def test_busy_processes_are_ended_when_a_row_fails(monkeypatch):
    workers = Workers(monkeypatch)
    with pytest.raises(Problem), measure.on(measure.SETTINGS["busy"], "SPIN"):
        assert workers.where() == ([3, 5], 2)
        raise Problem("a row fails")
    assert workers.where() == ([3, 5, 8], 0)


def test_the_settings_on_one_processor(monkeypatch):
    Workers(monkeypatch, processors=[7])
    settings = measure.possible(measure.SETTINGS)
    assert list(settings) == ["one"]
    assert measure.chosen(None, settings) == {"one": list(measure.ROWS)}
    with pytest.raises(Problem, match="only one processor here; leave --setting out"):
        measure.possible(["two", "busy"])


def test_rows_that_matter_are_measured_in_all_settings(monkeypatch):
    Workers(monkeypatch)
    rows = measure.chosen(None, measure.possible(measure.SETTINGS))
    assert rows["two"] == list(measure.ROWS)
    assert rows["one"] == rows["busy"]
    assert rows["one"] == [
        "start_join",
        "join_finished",
        "start_2000",
        "joiners_200",
        "gilstate",
    ]
    assert measure.chosen(["constructor"], ["one"]) == {"one": ["constructor"]}


needs_compiler = pytest.mark.skipif(
    not packages.compiler(), reason="the floor is a C program, and no compiler is here"
)


@needs_compiler
def test_the_whole_benchmark_with_this_interpreter(place, capsys):
    options = ["--rounds", "1", "--quick", "--setting", "one"]
    for kind in measure.KINDS:
        options += [f"--{kind}", sys.executable]
    for row in ("start_join", "gilstate", "kept"):
        options += ["--row", row]
    command.main(options)
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    version = sys.version.split()[0]
    assert lines[0].startswith(f"stock: Python {version}")
    assert [line.split("  ")[0] for line in lines[6:8]] == [
        "start + join",
        "PyGILState_Ensure() + _Release()",
    ]
    assert "measure 1 rounds" in captured.err
    assert (place / "bench" / "floor").is_file()


@needs_compiler
def test_the_floor_measures_threads_in_c(place):
    floor = measure._compile("floor")
    output = measure._output([floor, 10, 3])
    values = output["values"]
    assert 0 < output["switches"] < 10
    assert len(values) == 3
    assert all(0 < value < 1 for value in values)
    with pytest.raises(Problem, match="status 2: usage: bench_floor LOOPS SAMPLES"):
        measure._output([floor, 0, 3])


def test_shutdown_is_measured_to_the_end_of_the_process(monkeypatch):
    # The program ends two seconds after the start of the clock.
    monkeypatch.setattr(measure, "_worker", lambda python, row: {"ends": 2.0})
    monkeypatch.setattr(measure.time, "monotonic", lambda: 2.25)
    assert measure._shutdown("python") == 0.25


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("echo hello", "{} is no Python interpreter; name another"),
        ("echo a >&2; echo b >&2; exit 3", "{} fails with status 3: b"),
        ("exit 3", "{} fails with status 3: it said nothing"),
        ("exec tail -f /dev/null", "{} was stopped after 0.1 s"),
    ],
)
def test_a_row_that_fails(tmp_path, monkeypatch, text, problem):
    if "tail" in text:
        monkeypatch.setattr(measure, "TIMEOUT", 0.1)
    path = str(shell_script(tmp_path / "program", text))
    with pytest.raises(Problem) as caught:
        measure._output([path])
    assert str(caught.value) == problem.format(path)


@pytest.mark.parametrize("options", [["--rounds", "0"], ["--row", "x"]])
def test_options_that_make_no_sense(options, capsys):
    with pytest.raises(SystemExit) as caught:
        command.main(options)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.fixture
def small(monkeypatch):
    """Make the rows use few threads, whatever their names say."""
    monkeypatch.setattr(worker, "ALIVE", 3)
    monkeypatch.setattr(worker, "JOINERS", 4)
    monkeypatch.setattr(worker, "_failed", [])
    before = set(threading.enumerate())
    yield
    # The threads that a row left running.
    for thread in set(threading.enumerate()) - before:
        thread.join()


OTHERS = {"shutdown_2000", "kept"}


@pytest.mark.parametrize("row", sorted(set(measure.ROWS) - OTHERS))
def test_each_row_yields_its_samples(row, small, capsys, place):
    more = [str(measure._compile("gilstate"))] if row == "gilstate" else []
    worker.main(row, 2, 3, *more)
    output = json.loads(capsys.readouterr().out)
    assert list(output) == ["values", "switches"]
    assert 0 <= output["switches"] < 10_000
    assert len(output["values"]) == 3
    assert all(0 < value < 1 for value in output["values"])


def test_the_row_of_the_shutdown_tells_when_it_ends(small, capsys):
    worker.main("shutdown_2000", 1, 1)
    output = json.loads(capsys.readouterr().out)
    assert 0 < output["ends"] <= worker.time.monotonic()


def test_idle_threads_wait_until_the_crowd_is_left(small):
    before = threading.active_count()
    with worker._crowd():
        assert threading.active_count() == before + 3


def test_joins_that_raise_are_counted(small, monkeypatch, capsys):
    class Failing(threading.Thread):
        def join(self, timeout=None):
            super().join(timeout)
            if threading.current_thread() is not threading.main_thread():
                raise AssertionError

    monkeypatch.setattr(worker.threading, "Thread", Failing)
    worker.main("joiners_200", 1, 1)
    # Four of them in each of two samples, one of which warms up.
    assert json.loads(capsys.readouterr().out)["failed"] == 8


def test_finished_threads_that_are_kept(monkeypatch, capsys):
    command = [sys.executable, "-I", "-S", str(measure.WORKER), "kept"]
    few, many = (
        measure._output([*command, number, "1"])["space"] for number in (1, 2000)
    )
    # A Thread takes a kilobyte or two, and the C library keeps arenas and stacks;
    # those of all would be 16 GB.
    assert 2e6 < many - few < 2e9


@needs_compiler
def test_a_busy_process_ends_with_its_parent(place):
    spin = str(measure._compile("spin"))
    running = subprocess.Popen([spin, str(os.getpid())])
    running.send_signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    script = f"{spin} $$ & wait $!"
    parent = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    parent.kill()
    # End of file: no process has the pipe open any more.
    assert parent.communicate() == (b"", None)


def test_a_plot_for_each_setting_that_has_rows(tmp_path):
    found = results()
    found["one"] = measure.Results(floor=[[10e-6]])
    (path,) = measure.plot(found, tmp_path)
    assert path == tmp_path / "performance-two.svg"
    text = path.read_text()
    assert ">two processors<" in text and ">start + join<" in text
    assert ">0.50 faster<" in text


def test_plotting_to_nowhere(tmp_path):
    with pytest.raises(Problem, match="cannot write --plot into .*nowhere; name"):
        command.main(["--plot", str(tmp_path / "nowhere")])
