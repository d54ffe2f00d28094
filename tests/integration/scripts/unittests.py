"""Run the tests in a file, and print the outcome of each as JSON.

    python unittests.py FILE

Then end at once: a test that fails may leave a thread behind, for which an orderly
exit would wait.
"""

import importlib.util
import json
import os
import signal
import sys
import unittest


class Outcomes(unittest.TestResult):
    """Keeps the outcome of each test, the worst one if it has subtests."""

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
    # In a background job SIGINT is ignored, and would be in the children of tests.
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
