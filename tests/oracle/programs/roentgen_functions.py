"""Functions and classes that go to other processes by name and by value."""

import collections
import dataclasses
import enum
import functools
import math
import os.path
import threading
import traceback
import unittest
import xml.etree.ElementTree

import _outcomes
import roentgen

FACTOR = 3
NAMES = ["a", "b"]
lock = threading.Lock()


def run(fn, *args, **kwargs):
    """Call a function in another process."""
    return roentgen.spawn(fn, *args, **kwargs).result(timeout=60)


def plain(x, /, y=2, *rest, z=4, **more):
    """Have every kind of parameter."""
    return (x, y, rest, z, more)


def factorial(n):
    """Call itself by its global name."""
    return 1 if n < 2 else n * factorial(n - 1)


def is_even(n):
    """Call another."""
    return n == 0 or is_odd(n - 1)


def is_odd(n):
    """Call the first one back."""
    return n != 0 and is_even(n - 1)


def uses_globals():
    """Use a number, a list, a module, and a module within a package."""
    NAMES.append("c")
    root = xml.etree.ElementTree.fromstring("<a><b/></a>")
    return FACTOR, NAMES, math.floor(2.5), os.path.join("x", "y"), root[0].tag


def inner_uses_globals():
    """Use them in functions within it."""
    return [(lambda: FACTOR * n)() for n in range(3)] + [len(NAMES)]


def generator(n):
    """Yield."""
    for i in range(n):
        yield i * FACTOR


def counter(start):
    """Make two functions that share a variable."""

    def add():
        nonlocal start
        start += 1
        return start

    def get():
        return start

    return add, get


def recursive_closure():
    """Make a function that is in its own cell."""

    def down(n):
        return [] if n == 0 else [n, *down(n - 1)]

    return down


def traced(fn):
    """Be a decorator."""

    @functools.wraps(fn)
    def wrapper(*args):
        return ("traced", fn(*args))

    wrapper.calls = 7
    return wrapper


@traced
def decorated(x):
    """Be decorated."""
    return x + FACTOR


def uses_lock():
    """Use what cannot be sent."""
    with lock:
        return 1


def calls_uses_lock():
    """Use it through another function."""
    return uses_lock()


def fails():
    """Raise from a cause."""
    try:
        math.sqrt(-1)
    except ValueError as error:
        raise Trouble("trouble", 7) from error


class Trouble(Exception):
    """An exception of `__main__`."""


class Awkward(Exception):
    """One that cannot be made again of what it is made of."""

    def __init__(self, one, two):
        super().__init__("made of two")


def fails_awkwardly():
    """Raise it."""
    raise Awkward(1, 2)


class Colour(enum.Enum):
    """An enumeration of `__main__`."""

    RED = 1


@dataclasses.dataclass
class Point:
    """A data class of `__main__`."""

    x: int
    y: int = 2

    def moved(self, by):
        """Make another."""
        return Point(self.x + by, self.y)


class Base:
    """With what a class can have."""

    made = 0

    def __init__(self, value):
        self.value = value
        type(self).made += 1

    def get(self):
        """Be overridden."""
        return self.value

    @property
    def double(self):
        """Be a property."""
        return 2 * self.value

    @classmethod
    def make(cls):
        """Be a class method."""
        return cls(FACTOR)

    @staticmethod
    def plain():
        """Be static."""
        return "plain"


class Derived(Base):
    """Uses `super`."""

    def get(self):
        """Override."""
        return super().get() + 100


class Functions(unittest.TestCase):
    """By value, all of them."""

    def test_parameters_and_defaults(self):
        self.assertEqual(run(plain, 1), (1, 2, (), 4, {}))
        expected = (1, 5, (6,), 7, {"w": 8})
        self.assertEqual(run(plain, 1, 5, 6, z=7, w=8), expected)

    def test_what_a_function_says_of_itself(self):
        def ask(fn):
            return fn.__name__, fn.__qualname__, fn.__module__, fn.__doc__

        self.assertEqual(run(ask, plain), ask(plain))
        self.assertEqual(run(ask, ask)[1], ask.__qualname__)

    def test_recursion(self):
        self.assertEqual(run(factorial, 20), math.factorial(20))
        self.assertEqual((run(is_even, 10), run(is_odd, 10)), (True, False))

    def test_globals_go_along_and_changes_stay_there(self):
        expected = (3, ["a", "b", "c"], 2, "x/y", "b")
        self.assertEqual(run(uses_globals), expected)
        self.assertEqual(run(uses_globals), expected)
        self.assertEqual(NAMES, ["a", "b"])

    def test_changed_globals_are_sent_anew(self):
        global FACTOR
        self.assertEqual(run(decorated, 1), ("traced", 4))
        FACTOR = 10
        try:
            self.assertEqual(run(decorated, 1), ("traced", 11))
        finally:
            FACTOR = 3

    def test_globals_of_inner_functions(self):
        self.assertEqual(run(inner_uses_globals), [0, 3, 6, 2])

    def test_lambdas_and_generators(self):
        self.assertEqual(run(lambda x: [x * FACTOR], 5), [15])
        self.assertEqual(run(lambda: list(generator(4))), [0, 3, 6, 9])

    def test_closures_share_their_cells(self):
        add, get = counter(5)
        add()

        def both(add, get):
            add()
            add()
            return get()

        self.assertEqual(run(both, add, get), 8)
        self.assertEqual(get(), 6)

    def test_a_function_in_its_own_cell(self):
        self.assertEqual(run(recursive_closure(), 3), [3, 2, 1])

    def test_an_empty_cell(self):
        def make():
            def get():
                return later

            if False:
                later = 1
            return get

        with self.assertRaises(NameError):
            run(make())

    def test_decorators_and_attributes(self):
        self.assertEqual(run(decorated, 1), ("traced", 4))
        self.assertEqual(run(lambda: (decorated.calls, decorated.__name__)), (7, "decorated"))

    def test_functions_as_arguments_and_results(self):
        add, _ = counter(1)
        self.assertEqual(run(lambda f, xs: [f(x) for x in xs], factorial, [3, 4]), [6, 24])
        self.assertEqual(run(lambda: factorial)(5), 120)
        self.assertEqual(run(lambda n: lambda m: n + m, 1)(2), 3)

    def test_by_name(self):
        self.assertEqual(run(math.hypot, 3, 4), 5.0)
        self.assertEqual(run(os.path.basename, "/a/b"), "b")
        self.assertEqual(run(collections.Counter, "aab"), {"a": 2, "b": 1})
        self.assertEqual(run(functools.partial(math.pow, 2), 5), 32.0)
        self.assertEqual(run("a-b".split, "-"), ["a", "b"])
        self.assertEqual(run([3, 1, 2].__getitem__, 2), 2)

    def test_code_of_exec_has_its_own_globals(self):
        namespace = {"__name__": "made", "number": 5}
        exec("def get():\n    return number, later()\ndef later():\n    return -number", namespace)
        self.assertEqual(run(namespace["get"]), (5, -5))
        number = "other"
        self.assertEqual(run(lambda get: (get(), number), namespace["get"]), ((5, -5), "other"))


class Classes(unittest.TestCase):
    """Of `__main__`, by value."""

    def test_members_of_every_kind(self):
        def ask(cls):
            one = cls.make()
            return one.get(), one.double, cls.plain(), cls.made, cls.__doc__

        self.assertEqual(run(ask, Base), (3, 6, "plain", 1, "With what a class can have."))
        self.assertEqual(run(ask, Derived), (103, 6, "plain", 1, "Uses `super`."))
        self.assertEqual((Base.made, Derived.made), (0, 0))

    def test_instances_come_back_as_what_they_were(self):
        result = run(lambda: Derived(1))
        self.assertIs(type(result), Derived)
        result = run(lambda one: (isinstance(one, Base), one), Derived(2))
        self.assertEqual((result[0], type(result[1])), (True, Derived))
        Base.made = Derived.made = 0

    def test_bound_methods(self):
        self.assertEqual(run(Derived(5).get), 105)
        Base.made = Derived.made = 0

    def test_data_classes_and_enumerations(self):
        self.assertEqual(run(Point(1).moved, 5), Point(6))
        self.assertEqual(run(dataclasses.asdict, Point(1)), {"x": 1, "y": 2})
        self.assertIs(run(lambda colour: colour, Colour.RED), Colour.RED)
        self.assertTrue(run(lambda colour: colour is Colour.RED, Colour.RED))

    def test_local_classes(self):
        class Local(Base):
            def get(self):
                return [super().get(), FACTOR]

        self.assertEqual(run(Local(1).get), [1, 3])
        self.assertIs(type(run(lambda: Local(2))), Local)

    def test_a_class_is_in_main_there(self):
        import sys

        def ask():
            Base(1)
            return sys.modules["__main__"].Base is Base

        self.assertTrue(run(ask))


class Errors(unittest.TestCase):
    """What goes wrong says what and where."""

    def test_an_exception_comes_back_with_its_traceback(self):
        with self.assertRaises(Trouble) as caught:
            run(fails)
        self.assertEqual(caught.exception.args, ("trouble", 7))
        text = "".join(traceback.format_exception(caught.exception))
        for part in ["in fails", "math.sqrt(-1)", "direct cause", "Trouble", "RemoteTraceback"]:
            self.assertIn(part, text)

    def test_one_that_cannot_be_made_again_comes_as_text(self):
        with self.assertRaises(roentgen.RemoteError) as caught:
            run(fails_awkwardly)
        self.assertIn("Awkward: made of two", str(caught.exception))
        self.assertIn("cannot be made again", str(caught.exception.__cause__))

    def test_the_global_that_cannot_be_sent_is_named(self):
        for fn in [uses_lock, calls_uses_lock]:
            with self.assertRaisesRegex(
                TypeError, r"^global `lock` of function uses_lock \(a _thread.lock\) cannot be sent"
            ):
                roentgen.spawn(fn)

    def test_so_is_a_variable_and_a_default(self):
        hidden = lock

        def closure():
            return hidden

        def default(x=lock):
            return x

        with self.assertRaisesRegex(TypeError, r"^variable `hidden` of function .*closure"):
            roentgen.spawn(closure)
        with self.assertRaisesRegex(TypeError, r"^__defaults__ of function .*default"):
            roentgen.spawn(default)
        with self.assertRaisesRegex(TypeError, "a _thread.lock cannot be sent"):
            roentgen.spawn(print, lock)

    def test_a_result_that_cannot_be_sent_is_an_error(self):
        with self.assertRaisesRegex(TypeError, "a _thread.lock cannot be sent"):
            run(threading.Lock)

    def test_a_function_that_is_not_callable(self):
        with self.assertRaises(TypeError):
            run(5)
        with self.assertRaises(TypeError):
            run(plain)


if __name__ == "__main__":
    _outcomes.main()
