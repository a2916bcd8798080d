"""What can be sent from process to process, and how it arrives."""

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import math
import operator
import os
import pathlib
import random
import re
import sys
import types
import unittest

import _outcomes
import _roentgen


def trip(value):
    """Encode and decode, as a message does it."""
    data, ranges, descriptors, _ = _roentgen.encode(value)
    return _roentgen.decode(data, [bytes(part) for part in ranges], descriptors)


class Colour(enum.Enum):
    """An enumeration of `__main__`."""

    RED = 1
    BLUE = "b"

    def lower(self):
        """Have a method."""
        return self.name.lower()


@dataclasses.dataclass
class Point:
    """A data class of `__main__`."""

    x: int
    y: int = 2


class Slotted:
    """A class with slots."""

    __slots__ = ("a", "b")


class Base:
    """With most of what a class can have."""

    shared = [1]

    def __init__(self, value):
        self.value = value

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
        return cls(7)

    @staticmethod
    def plain():
        """Be a static one."""
        return "plain"


class Derived(Base):
    """Uses `super`, which needs a cell with the class in it."""

    def get(self):
        """Override."""
        return super().get() + 100


class Reducing:
    """Says itself how it is made."""

    def __init__(self, text):
        self.text = text

    def __reduce__(self):
        return (Reducing, (self.text.upper(),))


class Stateful:
    """Has states set by itself."""

    def __getstate__(self):
        return {"seen": 1}

    def __setstate__(self, state):
        self.state = state


class Builtins(unittest.TestCase):
    """Exact builtin types."""

    def check(self, value):
        result = trip(value)
        self.assertIs(type(result), type(value))
        self.assertEqual(repr(result), repr(value))

    def test_constants(self):
        for value in [None, True, False, ..., NotImplemented]:
            self.assertIs(trip(value), value)

    def test_integers_of_any_size(self):
        for exponent in [*range(70), 100, 1000, 20_000]:
            for sign in [1, -1]:
                for near in [-1, 0, 1]:
                    value = sign * 2**exponent + near
                    self.assertEqual(trip(value), value)

    def test_floats_to_the_bit(self):
        for value in [0.0, -0.0, 1.5, math.inf, -math.inf, 5e-324, sys.float_info.max]:
            self.check(value)
        self.assertTrue(math.isnan(trip(math.nan)))
        self.check(complex(-0.0, math.inf))

    def test_texts_with_all_kinds_of_characters(self):
        for value in ["", "plain", "\xe9", "\u4e2d\0\n", "\U0001f40d", "\ud800", "a\udfff\ud800b"]:
            self.check(value)

    def test_bytes(self):
        for value in [b"", bytes(range(256)), bytearray(b"abc")]:
            self.check(value)

    def test_containers_in_each_other(self):
        self.check([(), [], {}, (1, [2, {3: (4, "five")}])])
        self.check({"a": [1, None], 2: {"b": b"c"}, (1, 2): frozenset([3])})
        self.assertEqual(trip({1, "a", (2, 3)}), {1, "a", (2, 3)})
        self.assertIs(type(trip(frozenset({1}))), frozenset)

    def test_order_of_dictionaries_is_kept(self):
        value = {str(n): n for n in [5, 3, 9, 1]}
        self.assertEqual(list(trip(value)), ["5", "3", "9", "1"])

    def test_large_bytes_are_not_in_the_message(self):
        large = bytes(range(256)) * (1 << 13)
        for value in [large, bytearray(large), [large, {"x": bytearray(large)}]]:
            data, ranges, _, _ = _roentgen.encode(value)
            self.assertLess(len(data), 100)
            self.assertEqual(sum(map(len, ranges)), len(large) * len(ranges))
            self.check(value)
        self.assertIs(_roentgen.encode(large)[1][0], large)

    def test_more_large_bytes_than_a_message_has_ranges(self):
        value = [bytes([n]) * (1 << 20) for n in range(70)]
        data, ranges, _, _ = _roentgen.encode(value)
        self.assertEqual(len(ranges), 63)
        self.assertEqual(_roentgen.decode(data, ranges, []), value)

    def test_many_small_things(self):
        value = [str(n) for n in range(50_000)]
        self.assertEqual(trip(value), value)


class Sharing(unittest.TestCase):
    """What occurs twice."""

    def test_what_is_shared_stays_shared(self):
        for make in [list, dict, set, bytearray, collections.deque]:
            inner = make()
            first, second, other = trip([inner, inner, make()])
            self.assertIs(first, second)
            self.assertIsNot(first, other)

    def test_cycles(self):
        value = [1]
        value.append(value)
        value.append({"self": value})
        result = trip(value)
        self.assertIs(result[1], result)
        self.assertIs(result[2]["self"], result)

    def test_a_cycle_through_a_tuple(self):
        inner = []
        value = (inner, 1)
        inner.append(value)
        result = trip(value)
        self.assertEqual(result[0][0][1], 1)
        self.assertIs(result[0][0][0], result[0])

    def test_a_cycle_through_objects(self):
        one, two = Base(1), Base(2)
        one.other, two.other = two, one
        result = trip(one)
        self.assertIs(result.other.other, result)

    def test_what_doubles_at_each_level_does_not_explode(self):
        value = ("x",)
        for _ in range(100):
            value = (value, value)
        self.assertLess(len(_roentgen.encode(value)[0]), 2000)

    def test_too_deep_is_an_error(self):
        value = []
        for _ in range(400):
            value = [value]
        self.assertEqual(trip(value), value)
        for _ in range(200):
            value = [value]
        with self.assertRaisesRegex(RecursionError, "more than 500 deep"):
            _roentgen.encode(value)


class Objects(unittest.TestCase):
    """All others, as pickle has them."""

    def test_of_the_library(self):
        values = [
            datetime.datetime(2004, 5, 6, 7, 8, tzinfo=datetime.UTC),
            decimal.Decimal("1.10"),
            fractions.Fraction(1, 3),
            pathlib.PurePosixPath("/a/b"),
            collections.OrderedDict(a=1, b=2),
            collections.Counter("abca"),
            collections.deque([1, 2], maxlen=5),
            range(1, 10, 3),
            slice(1, None, 2),
            re.compile("a+b", re.I),
            types.SimpleNamespace(a=1),
            ValueError("bad", 3),
            OSError(2, "missing", "name"),
        ]
        for value in values:
            result = trip(value)
            self.assertIs(type(result), type(value))
            self.assertEqual(repr(result), repr(value))
        result = trip(collections.defaultdict(list, {1: [2]}))
        self.assertEqual((result[1], result[3]), ([2], []))

    def test_callables(self):
        self.assertIs(trip(len), len)
        self.assertIs(trip(math.sqrt), math.sqrt)
        self.assertIs(trip(os.path.join), os.path.join)
        self.assertIs(trip(dict), dict)
        self.assertIs(trip(collections.OrderedDict), collections.OrderedDict)
        self.assertEqual(trip(functools.partial(int, base=2))("101"), 5)
        self.assertEqual(trip("abc".upper)(), "ABC")
        self.assertEqual(trip(operator.itemgetter(1))([4, 5]), 5)
        self.assertIs(trip(type(None)), type(None))
        self.assertIs(trip(types.FunctionType), types.FunctionType)

    def test_the_shared_random_generator_is_each_process_s_own(self):
        self.assertIs(trip(random.random).__self__, random._inst)
        self.assertIsNot(trip(random.Random(3)), random._inst)
        generator = random.Random(3)
        self.assertEqual(trip(generator).random(), generator.random())

    def test_modules(self):
        self.assertIs(trip(math), math)
        self.assertIs(trip(os.path), os.path)

    def test_attributes_slots_and_states(self):
        value = Base([1])
        value.more = {"a": 1}
        result = trip(value)
        self.assertEqual((result.value, result.more), ([1], {"a": 1}))
        value = Slotted()
        value.a = 1
        result = trip(value)
        self.assertEqual((result.a, hasattr(result, "b")), (1, False))
        self.assertEqual(trip(Reducing("x")).text, "X")
        self.assertEqual(trip(Stateful()).state, {"seen": 1})
        self.assertEqual(trip(Point(1)), Point(1, 2))
        self.assertIs(trip(dataclasses.fields(Point)[0]).default, dataclasses.MISSING)
        self.assertIs(trip(Colour.BLUE), Colour.BLUE)

    def test_what_cannot_be_sent_is_named(self):
        for value, text in [
            ((n for n in []), "a generator cannot be sent"),
            ([1, {"a": memoryview(b"")}], "a memoryview cannot be sent"),
            (sys._getframe(), "a frame cannot be sent"),
        ]:
            with self.assertRaisesRegex(TypeError, text):
                _roentgen.encode(value)


class Descriptors(unittest.TestCase):
    """Descriptors beside the bytes."""

    def test_they_are_numbered_and_arrive_owned(self):
        read, write = os.pipe()
        data, _, numbers, _ = _roentgen.encode([_roentgen.Descriptor(read), "x"])
        self.assertEqual(numbers, [read])
        result, _ = _roentgen.decode(data, [], [os.dup(read)])
        copy = result.fileno()
        os.write(write, b"y")
        self.assertEqual(os.read(copy, 1), b"y")
        del result
        self.assertRaises(OSError, os.fstat, copy)
        os.fstat(read)
        os.close(read)
        os.close(write)

    def test_a_detached_one_stays_open_and_a_closed_one_is_refused(self):
        read, write = os.pipe()
        descriptor = _roentgen.Descriptor(read, True)
        self.assertEqual(descriptor.detach(), read)
        del descriptor
        os.fstat(read)
        descriptor = _roentgen.Descriptor(read, True)
        descriptor.close()
        self.assertRaises(OSError, os.fstat, read)
        self.assertRaises(ValueError, descriptor.fileno)
        self.assertRaises(ValueError, _roentgen.encode, descriptor)
        self.assertRaises(ValueError, _roentgen.Descriptor, -1)
        os.close(write)

    def test_those_that_the_value_does_not_take_are_closed(self):
        data = _roentgen.encode(1)[0]
        read, write = os.pipe()
        self.assertEqual(_roentgen.decode(data, [], [read]), 1)
        self.assertRaises(OSError, os.fstat, read)
        os.close(write)


class Nonsense(unittest.TestCase):
    """Bytes that are no value."""

    def test_each_cut_is_an_error(self):
        value = [1, "text", (2.5, None, {"k": b"bytes"}), {3}, 2**80]
        data = _roentgen.encode(value)[0]
        for length in range(len(data)):
            self.assertRaises(ValueError, _roentgen.decode, data[:length], [], [])
        self.assertRaises(ValueError, _roentgen.decode, data + b"\0", [], [])

    def test_any_change_gives_a_value_or_an_error(self):
        value = [1, "text", ("a", [[], {}], {"k": b"bytes"}), {3}, 2**80, bytearray(b"x")]
        value.append(value[2])
        data = _roentgen.encode(value)[0]
        generator = random.Random(111)
        outcomes = collections.Counter()
        for _ in range(20_000):
            changed = bytearray(data)
            for _ in range(generator.randint(1, 4)):
                # Tags up to 20: those above name things to import and call.
                changed[generator.randrange(1, len(data))] = generator.choice(
                    [generator.randrange(21), generator.randrange(128, 149), 255]
                )
            try:
                _roentgen.decode(changed, [], [])
                outcomes["value"] += 1
            except (ValueError, TypeError, RecursionError) as error:
                outcomes[type(error).__name__] += 1
        self.assertGreater(outcomes["ValueError"], 1000)

    def test_a_huge_count_takes_no_memory(self):
        for tag in [9, 10, 14, 15, 16, 17]:
            data = bytes([1, tag, 255, 255, 255, 255, 255, 255, 255, 127])
            self.assertRaises(ValueError, _roentgen.decode, data, [], [])

    def test_deep_nesting_is_an_error(self):
        data = b"\1" + b"\x0e\1" * 100_000 + b"\0"
        with self.assertRaisesRegex(ValueError, "nested"):
            _roentgen.decode(data, [], [])


if __name__ == "__main__":
    _outcomes.main()
