"""unittest and doctest run inside a program, with all outcomes."""

import doctest
import io
import re
import unittest
from unittest import mock


class Arithmetic(unittest.TestCase):
    """Tests with each outcome."""

    @classmethod
    def setUpClass(cls):
        cls.log = []

    def setUp(self):
        self.addCleanup(self.log.append, "cleanup")

    def test_passes(self):
        self.assertAlmostEqual(0.1 + 0.2, 0.3)
        self.assertCountEqual([1, 2, 2], [2, 1, 2])
        with self.assertRaisesRegex(ValueError, "invalid"):
            int("x")

    def test_fails(self):
        self.assertEqual({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 3]})

    def test_errs(self):
        raise RuntimeError("an error")

    @unittest.skip("for a reason")
    def test_skipped(self):
        self.fail("not reached")

    @unittest.expectedFailure
    def test_expected(self):
        self.assertTrue(False)

    def test_subtests(self):
        for number in range(4):
            with self.subTest(number=number):
                self.assertNotEqual(number, 2)

    def test_logs(self):
        with self.assertLogs("x", "INFO") as logs:
            import logging

            logging.getLogger("x").info("message")
        self.assertEqual(logs.output, ["INFO:x:message"])

    def test_warns(self):
        import warnings

        with self.assertWarns(DeprecationWarning):
            warnings.warn("old", DeprecationWarning)


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    """Tests that are coroutines."""

    async def asyncSetUp(self):
        self.value = 42

    async def test_await(self):
        import asyncio

        await asyncio.sleep(0)
        self.assertEqual(self.value, 42)


def double(x):
    """Double a value.

    >>> double(2)
    4
    >>> double("ab")
    'abab'
    >>> double([1, 2])      # doctest: +ELLIPSIS
    [1, ... 2]
    >>> double(None)
    Traceback (most recent call last):
        ...
    TypeError: unsupported operand
    """
    return x * 2


def mocks():
    """Stand-ins that record their calls."""
    stub = mock.Mock(return_value=3, **{"method.side_effect": [1, KeyError("k")]})
    print(stub(1, key=2), stub.call_args, stub.method(), stub.call_count)
    try:
        stub.method()
    except KeyError as error:
        print("KeyError", error)
    stub.assert_called_once_with(1, key=2)
    with (
        mock.patch("os.getcwd", return_value="/patched"),
        mock.patch.dict("os.environ", {"NEW": "1"}),
    ):
        import os

        print(os.getcwd(), os.environ["NEW"])
    with mock.patch("builtins.open", mock.mock_open(read_data="fake")):
        print(open("anything").read())


def main():
    """Run all and print a summary."""
    stream = io.StringIO()
    loader = unittest.TestLoader()
    suite = unittest.TestSuite(
        [loader.loadTestsFromTestCase(Arithmetic), loader.loadTestsFromTestCase(Asynchronous)]
    )
    result = unittest.TextTestRunner(stream, verbosity=2).run(suite)
    text = stream.getvalue()
    print(
        result.testsRun,
        len(result.failures),
        len(result.errors),
        len(result.skipped),
        len(result.expectedFailures),
        result.wasSuccessful(),
    )
    for line in text.splitlines():
        if re.match(r"test_\w+ .*\.\.\. |FAILED|[-+?] ", line):
            print(line)
    print(len(Arithmetic.log))
    out = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False)
    for test in doctest.DocTestFinder().find(double, "double", globs={"double": double}):
        runner.run(test, out=out.write)
    print(runner.failures, runner.tries, "Expected" in out.getvalue())


if __name__ == "__main__":
    main()
    mocks()
