"""Runs the tests in a file; prints the outcome of each as JSON.

    python unittests.py FILE

Then ends at once: a test that fails may leave a thread behind that an orderly
exit would wait for.
"""

import importlib.util
import json
import os
import signal
import sys
import unittest


class Outcomes(unittest.TestResult):
    """Notes how each test ended: the worst, if it has parts."""

    def __init__(self):
        super().__init__()
        self.by_name = {}

    def note(self, test, outcome):
        self.by_name[test.id()] = outcome

    def startTest(self, test):
        super().startTest(test)
        self.note(test, "passed")

    def addSkip(self, test, reason):
        self.note(test, "skipped")

    def addFailure(self, test, error):
        self.note(test, "failed")

    def addError(self, test, error):
        self.note(test, "failed")

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.note(test, "failed")


def main(path):
    # A background job has it ignored, and what tests start would have, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    spec = importlib.util.spec_from_file_location("suite", path)
    suite = sys.modules["suite"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(suite)
    outcomes = Outcomes()
    unittest.defaultTestLoader.loadTestsFromModule(suite).run(outcomes)
    # Tests print, too: this is the last line.
    print("\n" + json.dumps(outcomes.by_name), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
