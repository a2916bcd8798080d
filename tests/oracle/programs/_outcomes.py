"""What programs share that are suites of tests: their outcomes on standard output."""

import unittest


class Names(unittest.TextTestResult):
    """Prints each test's outcome: nothing that differs from run to run."""

    def stopTest(self, test):
        super().stopTest(test)
        is_bad = any(test is bad for bad, _ in self.failures + self.errors)
        print("FAILED" if is_bad else "ok", test.id().removeprefix("__main__."))


def main():
    """Run the tests of the program that calls this."""
    unittest.main(testRunner=unittest.TextTestRunner(resultclass=Names))
