"""Runs all tests and prints a JSON line for each: its name, and what went wrong, or null. Usage: python3 -m tests.report"""

import json
import os
import sys
import unittest


class Report(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.failed_subtests = []

    def startTest(self, test):
        super().startTest(test)
        self.failed_subtests = []

    def stopTest(self, test):
        wrong = [text for case, text in self.failures + self.errors if case is test] + self.failed_subtests
        print(json.dumps({"name": test.id().removeprefix("tests."), "wrong": "\n".join(wrong) or None}), flush=True)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.failed_subtests.append(f"{subtest}: {self._exc_info_to_string(error, test)}")

    def addSkip(self, test, reason):
        raise AssertionError(f"{test} was skipped: {reason}")


if __name__ == "__main__":
    folder = os.path.dirname(os.path.abspath(__file__))
    suite = unittest.defaultTestLoader.discover(folder, top_level_dir=os.path.dirname(folder))
    result = Report()
    suite.run(result)
    for case, text in result.errors:
        # A file that could not be loaded, or a class that could not be set up, has no test that could report it.
        if not isinstance(case, unittest.TestCase) or case.__class__.__module__.startswith("unittest"):
            print(json.dumps({"name": str(case), "wrong": text}), flush=True)
    sys.exit(0 if result.wasSuccessful() else 1)
