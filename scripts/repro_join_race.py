#!/usr/bin/env python3
"""Show whether Thread.join() has the race of gh-116372.

Run it with the interpreter to be tested, or name one or several of them:

    /path/to/python scripts/repro_join_race.py
    scripts/repro_join_race.py /path/to/python /path/to/another

Threads B and C join thread A. Nothing is left to luck: a trace function
(sys.settrace) stops the joiners at every line of threading.py, and the main
thread decides which of them goes on. The report has a column for each joiner:
the lines that it ran, in the order in which they ran.

Where join() consists of the code with the race (CPython 3.9 to 3.12), one
interleaving is forced, the one that the pull request describes, and a third
column shows which thread holds A's lock once the line has run. Where join() consists of
other code, every pair of its lines gets a turn: one joiner is held before the
first line, the other before the second, and they go on in one order and in the
other. What join() does in C is not stopped at.

Exit status: 0 no race, 1 race, 2 no verdict (stderr says why). Of several
interpreters, 2 if there is one without a verdict, else 1 if one has the race.
An interpreter that hangs is killed by SIGALRM after a dump of its threads.
"""

import sys

# First, and all below in syntax that Python 2 has: what cannot be parsed or
# imported makes for exit status 1, which says "race".
if sys.version_info < (3, 9):
    version = ".".join(map(str, sys.version_info[:3]))
    sys.stderr.write(
        "error: verdict unknown: this needs Python 3.9 or later, and is run by "
        + version
        + "\n"
    )
    sys.exit(2)

import argparse
import ast
import collections
import faulthandler
import linecache
import os
import platform
import queue
import re
import signal
import subprocess
import threading
import time
import traceback

NO_RACE, RACE, UNKNOWN = range(3)

# What a joiner is about to do, as the trace function reports it.  `woken` tells
# whether it has come back from waiting for A, so that a line that is passed
# once before the wait and once after it counts as two places.
Place = collections.namedtuple("Place", "woken event function line")

# One interleaving: B is held at `b`, then C at `c` (Places); then B goes on to
# the end, or C does (`b_first`), and then the other one.
Plan = collections.namedtuple("Plan", "b c b_first")

# A row of the report: the Joiner in whose column the text stands, or None where
# it is about A; and the state of A's lock after it, with {} for the name of the
# Joiner that has or had it. The names are known at the end only.
Row = collections.namedtuple("Row", "joiner text lock holder")

# The result of a Plan: its Rows, {"B": exception}, and whether B and C came to
# the places where they were to be held.
Outcome = collections.namedtuple("Outcome", "rows errors b_held c_held c_passed")

# Who holds A's lock at first.
A = collections.namedtuple("Thread", "name")("A")

# Characters of a joiner's column in the report, beside the lock's and without it.
NARROW, WIDE = 31, 38


class Unknown(Exception):
    """There is no verdict; the message says why."""


class Stuck(Unknown):
    """Threads hang."""


class Joiner:
    """A thread that joins A, stopping at every line of the code under test.

    Each stop, and the end, is put into *events* as (joiner, Place or None);
    go() ends the stop.
    """

    def __init__(self, thread, code_file, wait_line, events):
        self.name = "a joiner"  # or B or C, once it is known which it is
        self.place = None  # where it is stopped; None while it runs
        self.passed = []  # the Places it has been at, this one included
        self.done = False
        self.shown = False  # whether the lines that it runs go into the report
        self.raised = None  # name of the exception that its last line raised
        self.error = None  # what join() raised
        self.stops_at = lambda place: True
        self._join = thread.join
        self._file = code_file
        self._wait_line = wait_line
        self._events = events
        self._woken = False
        self._caught = None
        self._turn = threading.Lock()
        self._turn.acquire()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        """Start it; it runs to the first line of join()."""
        self._thread.start()

    def go(self):
        """Let it go on from where it is stopped."""
        self.place = None
        self._turn.release()

    def _run(self):
        sys.settrace(self._trace)
        try:
            self._join()
        except BaseException as exc:
            self.error = exc
        finally:
            sys.settrace(None)
        self._events.put((self, None))

    def _trace(self, frame, event, arg):
        if frame.f_code.co_filename != self._file:
            return None
        if event == "exception" and arg[1] is not self._caught:
            # It is reported to the callers as well.
            self._caught = arg[1]
            self.raised = arg[0].__name__
        if event in ("line", "return"):
            if self.passed and self.passed[-1].line == self._wait_line:
                self._woken = True
            place = Place(self._woken, event, frame.f_code.co_name, frame.f_lineno)
            self.passed.append(place)
            self._events.put((self, place))
            self._turn.acquire()
        return self._trace


class Director:
    """Carries out interleavings of two threads that join a third.

    Parameters:
        module: where the code under test is: threading, or a stand-in for it
            with a Thread class of its own.
        limit: seconds after which a thread that does not come is Stuck.
        patience: seconds after which a joiner that does not come is taken to
            wait: for A, or for the other one, which is held.
        wait_line: number of the line at which join() waits for A.
    """

    def __init__(self, module, limit, patience, wait_line=None):
        self.wait_line = wait_line
        self.patience = patience
        self.seen = {}  # every Place a joiner was at, in order of appearance
        self._module = module
        self._file = module.Thread.join.__code__.co_filename
        self._limit = limit

    def run(self, plan):
        """Carry out *plan* and return its Outcome; Stuck if it hangs."""
        scene = Scene(self._module, self._file, self.wait_line, self._limit)
        joiners = [scene.joiner(), scene.joiner()]
        for joiner, held_at in zip(joiners, (plan.b, plan.c)):
            scene.to_the_wait(joiner, held_at, self.patience)
        scene.finish_a()
        if plan.b.woken and plan.c.woken:
            # Both sleep in their wait: B is the one that wakes first.
            scene.serve(lambda: any(j.place or j.done for j in joiners))
            joiners.sort(key=lambda j: not (j.place or j.done))
        b, c = joiners
        b.name, c.name = "B", "C"
        b_held = scene.bring(b, plan.b, self.patience)
        c_held = scene.bring(c, plan.c, self.patience)
        scene.end([b, c] if plan.b_first else [c, b], self.patience)
        self.seen.update(dict.fromkeys(b.passed + c.passed))
        errors = {j.name: j.error for j in (b, c) if j.error is not None}
        return Outcome(scene.rows, errors, b_held, c_held, set(c.passed))

    def run_known(self, check, release):
        """Carry out the pull request's interleaving and return its Outcome.

        B, which has A's lock first, is held before *check*, and C before
        *release* (Places). B goes on to its end, and then C does.
        """
        scene = Scene(self._module, self._file, self.wait_line, self._limit)
        scene.watch_lock(release, check)
        joiners = [scene.joiner(), scene.joiner()]
        for joiner in joiners:
            scene.to_the_wait(joiner, None, self.patience)
        scene.finish_a()
        scene.serve(lambda: any(j.place or j.done for j in joiners))
        b, c = sorted(joiners, key=lambda j: not (j.place or j.done))
        b.name, c.name = "B", "C"
        scene.pass_line(b, release, self.patience)
        # Only now can C have the lock, and only C.
        c_held = scene.bring(c, release, self.patience)
        b_held = scene.bring(b, check, self.patience)
        scene.end([b, c], self.patience)
        errors = {j.name: j.error for j in (b, c) if j.error is not None}
        return Outcome(scene.rows, errors, b_held, c_held, set(c.passed))

    def find_wait(self):
        """Find the line at which join() waits: where a joiner comes to rest."""
        scene = Scene(self._module, self._file, None, self._limit)
        joiner = scene.joiner()
        joiner.stops_at = lambda place: False
        joiner.start()
        scene.serve(lambda: joiner.done, self.patience)
        self.wait_line = joiner.passed[-1].line
        scene.finish_a()
        scene.end([joiner], self._limit)
        if joiner.error is not None:
            raise Unknown("a single join() raised {!r}".format(joiner.error))

    def passes(self, lines):
        """Return whether a joiner, if there is no other, passes all of *lines*."""
        scene = Scene(self._module, self._file, None, self._limit)
        joiner = scene.joiner()
        joiner.stops_at = lambda place: False
        joiner.start()
        scene.finish_a()
        scene.end([joiner], self._limit)
        return {place.line for place in joiner.passed}.issuperset(lines)

    def explore(self):
        """Yield the Outcome of every Plan for the places that are seen.

        Places that come up on the way are explored too.
        """
        nowhere = Place(True, "line", "", 0)
        yield self.run(Plan(nowhere, nowhere, True))
        tried = set()
        blocks = {}  # place of B: the places that C can get to meanwhile
        while True:
            plans = [
                Plan(b, c, b_first)
                for b in self.seen
                for c in self.seen
                for b_first in (True, False)
            ]
            plans = [plan for plan in plans if plan not in tried]
            if not plans:
                return
            for plan in plans:
                tried.add(plan)
                if plan.c in blocks.get(plan.b, {plan.c}):
                    outcome = self.run(plan)
                    if outcome.b_held and outcome.c_held is None:
                        blocks[plan.b] = outcome.c_passed
                    yield outcome


class Scene:
    """One thread A that can be told to finish, its joiners, and the report."""

    def __init__(self, module, code_file, wait_line, limit):
        self.rows = []
        self._file = code_file
        self._wait_line = wait_line
        self._limit = limit
        self._events = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._gate.acquire()
        self._lock = None  # A's, if it is watched
        self._holder = A  # or a Joiner, or None
        self._release = self._check = None
        self._a = module.Thread(target=self._gate.acquire)
        self._a.start()

    def joiner(self):
        """Return a new Joiner of A; it is not started."""
        return Joiner(self._a, self._file, self._wait_line, self._events)

    def watch_lock(self, release, check):
        """Have the report show which thread holds A's lock.

        Of the joiners it then shows the function that *release* is in, and the
        line of *check* (Places), and no other lines.
        """
        self._lock = self._a._tstate_lock
        self._release = release
        self._check = check

    def serve(self, reached, seconds=None):
        """Let joiners run to where they stop until *reached*() is true.

        Returns False when that takes more than *seconds*; when that is None
        and it takes more than the limit, raises Stuck.
        """
        deadline = time.monotonic() + (self._limit if seconds is None else seconds)
        while not reached():
            try:
                left = max(0, deadline - time.monotonic())
                joiner, joiner.place = self._events.get(timeout=left)
            except queue.Empty:
                break
            self._show_progress(joiner)
            if joiner.place is None:
                joiner.done = True
                self._add(joiner, self._result(joiner))
            elif not joiner.stops_at(joiner.place):
                joiner.go()
        else:
            return True
        if seconds is None:
            raise Stuck("a join() did not return; last: " + self._last())
        return False

    def to_the_wait(self, joiner, held_at, seconds):
        """Start *joiner*; have it wait for A, or held at a Place before that.

        One that does not come there within *seconds* waits for something else.
        """
        joiner.stops_at = lambda place: held_at == place or self._waits(place)
        joiner.start()
        self.serve(lambda: joiner.place or joiner.done, seconds)
        joiner.shown = True
        if not joiner.place:
            if not joiner.done:
                self._add(joiner, "waits, and not for A")
            return
        if joiner.place == held_at:
            self._add(joiner, "held before " + self._cell(held_at))
            return
        self._add(joiner, "waits in join()")
        joiner.stops_at = lambda place: True
        joiner.go()

    def finish_a(self):
        """Let A come to its end."""
        if self._lock:
            self._holder = None
        self._add(None, "A ends, and releases its lock" if self._lock else "A ends")
        self._gate.release()

    def pass_line(self, joiner, place, seconds):
        """Let *joiner*, which may be stopped at *place*, run that one line."""
        if joiner.place == place:
            joiner.stops_at = lambda place: True
            joiner.go()
            self.serve(lambda: joiner.place or joiner.done, seconds)

    def bring(self, joiner, held_at, seconds):
        """Let *joiner* run to *held_at*.

        Returns True when it is there, False when its join() ended without
        passing there, None when it did not come within *seconds*.
        """
        joiner.stops_at = lambda place: place == held_at
        if joiner.place and joiner.place != held_at:
            joiner.go()
        if not self.serve(lambda: joiner.place or joiner.done, seconds):
            self._add(joiner, "waits for the other joiner")
            return None
        return not joiner.done

    def end(self, joiners, seconds):
        """Let *joiners*, in this order, run to the end of their join()."""
        late = []
        for joiner in joiners:
            if joiner.done:
                continue
            joiner.stops_at = lambda place: False
            if joiner.place:
                joiner.go()
            if not self.serve(lambda joiner=joiner: joiner.done, seconds):
                late.append(joiner)
        for joiner in late:
            # It may have ended while the other one was served.
            self.serve(lambda joiner=joiner: joiner.done)

    def _waits(self, place):
        return place.event == "line" and place.line == self._wait_line

    def _show_progress(self, joiner):
        """Report the line that *joiner* has just run, and what that raised."""
        ran = joiner.passed[-2:-1] if joiner.place else joiner.passed[-1:]
        if joiner.shown and ran and ran[0].event == "line":
            lock = self._lock_after(joiner, ran[0])
            if not self._check or self._is_shown(ran[0]):
                self._add(joiner, self._cell(ran[0]), lock)
                if joiner.raised:
                    self._add(joiner, "     " + joiner.raised, lock)
        joiner.raised = None

    def _is_shown(self, place):
        return place.function == self._release.function or place == self._check

    def _lock_after(self, joiner, ran):
        """Return the state of A's lock, now that *joiner* has run the Place *ran*."""
        if not self._lock:
            return "", None
        had = self._holder
        if had is joiner and ran == self._release:
            # It was free, and the next one may have it by now: that one tells.
            self._holder = None
        elif not self._lock.locked():
            self._holder = None
            if had not in (None, joiner):
                return "free, was {}'s", had
        elif had is None:
            self._holder = joiner
        return self._lock_state()

    def _lock_state(self):
        if not self._lock:
            return "", None
        return "held by {}" if self._holder else "free", self._holder

    def _add(self, joiner, text, lock=None):
        row = Row(joiner, text, *(lock or self._lock_state()))
        # A line with a comprehension is passed many times in a row.
        if self.rows[-1:] != [row]:
            self.rows.append(row)

    def _cell(self, place):
        source = linecache.getline(self._file, place.line).strip()
        end = "" if place.event == "line" else " (return)"
        return "{} {}{}".format(place.line, source, end)

    def _result(self, joiner):
        if joiner.error is None:
            return "join() returns"
        return "join() raises " + type(joiner.error).__name__

    def _last(self):
        row = self.rows[-1]
        return "{}: {}".format(row.joiner.name, row.text) if row.joiner else row.text


def known_places(module):
    """Find the lines of the pull request in the source of *module*.

    Returns (wait, check, release): the line where join() acquires A's lock, the
    Place of the assertion that it is free, and the Place of the release after
    the acquiring.  None where join() consists of other code.
    """
    lines = linecache.getlines(module.Thread.join.__code__.co_filename)
    functions = {
        node.name: node
        for cls in ast.walk(ast.parse("".join(lines)))
        if isinstance(cls, ast.ClassDef) and cls.name == "Thread"
        for node in cls.body
        if isinstance(node, ast.FunctionDef)
    }
    wait, stop = (functions.get(n) for n in ("_wait_for_tstate_lock", "_stop"))
    if not (wait and stop):
        return None
    acquires = [
        (node.test.lineno, child.lineno)
        for node in ast.walk(wait)
        if isinstance(node, ast.If) and _calls(node.test, "acquire")
        for child in node.body
        if isinstance(child, ast.Expr) and _calls(child, "release")
    ]
    checks = [
        node.lineno
        for node in ast.walk(stop)
        if isinstance(node, ast.Assert) and _calls(node, "locked")
    ]
    if not (acquires and checks):
        return None
    wait_line, release_line = acquires[0]
    check = Place(True, "line", stop.name, checks[0])
    return wait_line, check, Place(True, "line", wait.name, release_line)


def _calls(node, method):
    return any(
        isinstance(child, ast.Call)
        and isinstance(child.func, ast.Attribute)
        and child.func.attr == method
        for child in ast.walk(node)
    )


def force_known(module, places, limit=20.0, patience=5.0):
    """Force the pull request's interleaving; return (verdict, report lines)."""
    wait_line, check, release = places
    director = Director(module, limit, patience, wait_line)
    outcome = director.run_known(check, release)
    report = _report(outcome)
    if outcome.errors:
        return RACE, report + [_race(outcome)]
    if outcome.b_held and outcome.c_held:
        return NO_RACE, report + ["Verdict: no race, both joins returned."]
    raise Unknown("the joiners did not pass the lines to hold them at")


def force_all(module, limit=20.0, patience=1.0, each=lambda: None):
    """Force every interleaving of pairs; return (verdict, report lines).

    *each* is called before every one of them.  The report tells of the one
    with the race or, where there is none, of the last with both joiners held.
    """
    director = Director(module, limit, patience)
    director.find_wait()
    tried = both = 0
    shown = None
    for outcome in director.explore():
        each()
        tried += 1
        if outcome.errors:
            return RACE, _report(outcome) + [_race(outcome)]
        if outcome.b_held and outcome.c_held:
            both += 1
            shown = outcome
    if shown is None:
        raise Unknown("the joiners could not be held anywhere")
    head = [
        "{} places in join() where a joiner can be held, {} interleavings "
        "forced,".format(len(director.seen), tried),
        "in {} of them both joiners held. The last of them:".format(both),
    ]
    verdict = "Verdict: no race, every join() of {} interleavings returned."
    return NO_RACE, head + _report(shown) + [verdict.format(tried)]


def _report(outcome):
    """Return the columns of *outcome*, and what a program sees, as lines."""
    watched = any(row.lock for row in outcome.rows)
    width = NARROW if watched else WIDE

    def line(*cells):
        fitted = [c if len(c) <= width else c[: width - 3] + "..." for c in cells]
        return "  ".join(cell.ljust(width) for cell in fitted).rstrip()

    heads = ["B", "C", "A's lock"] if watched else ["B", "C"]
    rules = ["-" * width, "-" * width, "-" * len("free, was C's")]
    lines = ["", line(*heads), line(*rules[: len(heads)])]
    for joiner, text, state, holder in outcome.rows:
        b, c = ("", text) if joiner and joiner.name == "C" else (text, "")
        lines.append(line(b, c, state.format(holder and holder.name)))
    lines += ["", "What the program sees:"]
    for name in "BC":
        error = outcome.errors.get(name)
        seen = "returns"
        if error is not None:
            seen = "raises " + traceback.format_exception_only(type(error), error)[-1]
        lines.append("    A.join() in {} {}".format(name, seen.rstrip()))
    return lines + [""]


def _race(outcome):
    raised = ", ".join(
        type(error).__name__ + " in " + name
        for name, error in sorted(outcome.errors.items())
    )
    return "Verdict: race ({}).".format(raised)


def watchdog(seconds=60):
    """Have the process killed, its threads dumped, in *seconds* from now."""
    if hasattr(signal, "alarm"):
        # Not dump_traceback_later(exit=True): its exit status 1 says "race".
        faulthandler.register(signal.SIGALRM, all_threads=True, chain=True)
        signal.alarm(seconds)


def choose(explore, module=threading, limit=20.0, patience=1.0):
    """Return the function that forces what there is to force here.

    With *explore*, that is every interleaving of pairs of lines; also where
    the lines of the pull request are there, but not for such a thread. It
    returns (verdict, report lines). Raises Unknown where nothing can be found
    out.
    """
    if not __debug__:
        raise Unknown("without assertions the race goes unnoticed; run without -O")
    if not linecache.getlines(module.Thread.join.__code__.co_filename):
        raise Unknown("the source of this Python's threading module is not there")
    places = None if explore else known_places(module)
    director = Director(module, limit, patience)
    if places and director.passes([places[0]] + [place.line for place in places[1:]]):
        return lambda: force_known(module, places)
    return lambda: force_all(module, each=watchdog)


def run(options):
    """Do what *options* ask for; return the exit status."""
    counts = collections.Counter()
    watchdog()
    force = choose(options.explore)
    for number in range(options.times):
        watchdog()
        verdict, report = force()
        counts[verdict] += 1
        if number == 0:
            print("\n".join(map(colour, report)))
    if options.times > 1:
        print("{} of {} times: race".format(counts[RACE], options.times))
    return RACE if counts[RACE] else NO_RACE


def colour(line):
    """Return *line* of a report with the verdict in colour, on a terminal."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return line
    if os.environ.get("TERM", "dumb") == "dumb":
        return line
    red, green, plain = "\033[1;31m", "\033[32m", "\033[0m"
    line = re.sub(r"\bno race\b", green + r"\g<0>" + plain, line)
    wrong = r"(?<!no )\brace\b|(?<=raises )\w+|free, was .'s"
    return re.sub(wrong, red + r"\g<0>" + plain, line)


def ask(python, options):
    """Run this script under *python*; return (exit status, the verdict's line).

    Raises Unknown where there is no verdict.
    """
    script = globals().get("__file__", "")
    if not os.path.isfile(script):
        raise Unknown("interpreters can be named only if this is run from a file")
    command = [python, os.path.abspath(script), "--times", str(options.times)]
    if options.explore:
        command.append("--explore")
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False
        )
    except OSError as exc:
        # Not "from": an older Python is to parse this.
        problem = Unknown("{} does not run: {}".format(python, exc.strerror))
        raise problem  # noqa: B904
    output = done.stdout.decode(errors="replace")
    version = re.match(r"Python (\S+), ", output)
    verdict = re.search(r"^Verdict: (.*)\.$", output, re.MULTILINE)
    if not (version and verdict and done.returncode in (NO_RACE, RACE)):
        said = done.stderr.decode(errors="replace").strip().splitlines()[:1]
        why = said[0].replace("error: verdict unknown: ", "") if said else "no Python"
        raise Unknown("{}: {}".format(python, why))
    times = re.search(r"^\d+ of \d+ times: race$", output, re.MULTILINE)
    line = "{} ({}): {}".format(python, version.group(1), verdict.group(1))
    return done.returncode, line + ("; " + times.group(0) if times else "")


def ask_all(options):
    """Print the verdict on each of the interpreters; return the exit status."""
    statuses = set()
    for python in options.python:
        try:
            status, line = ask(python, options)
            print(colour(line))
            sys.stdout.flush()
        except Unknown as exc:
            _complain(exc)
            status = UNKNOWN
        statuses.add(status)
    return max(statuses)


def _complain(exc):
    sys.stderr.write("error: verdict unknown: {}\n".format(exc))


def main(argv=None):
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "python",
        nargs="*",
        metavar="PYTHON",
        help="run under these interpreters, and print one line for each",
    )
    parser.add_argument(
        "--times",
        type=int,
        default=1,
        metavar="N",
        help="do it N times in one process, and count the verdicts",
    )
    parser.add_argument(
        "--explore",
        action="store_true",
        help="force every pair of lines, also where the one interleaving is known",
    )
    options = parser.parse_args(argv)
    if options.times < 1:
        parser.error("--times must be at least 1")
    try:
        if options.python:
            return ask_all(options)
        print("Python {}, {}".format(platform.python_version(), threading.__file__))
        return run(options)
    except Stuck as exc:
        sys.stdout.flush()
        _complain(exc)
        faulthandler.dump_traceback(all_threads=True)
        # A normal exit would wait for the threads that hang.
        os._exit(UNKNOWN)
    except Unknown as exc:
        _complain(exc)
    except BrokenPipeError:
        # The reader went away; nothing may be written, not even by the exit.
        sys.stderr.close()
    except Exception:
        # Left alone it would make for exit status 1, which says "race".
        traceback.print_exc()
    return UNKNOWN


if __name__ == "__main__":
    sys.exit(main())
