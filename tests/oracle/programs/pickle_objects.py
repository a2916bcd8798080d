"""Pickle: every protocol, reducers, state, persistent ids, out-of-band data."""

import collections
import copyreg
import datetime
import decimal
import enum
import fractions
import io
import pickle


class Colour(enum.Enum):
    """Pickled by name."""

    RED = 1
    BLUE = 2


class Account:
    """Has a state of its own making."""

    def __init__(self, owner, balance):
        self.owner, self.balance = owner, balance
        self.lock = object()

    def __getstate__(self):
        return {"owner": self.owner, "balance": self.balance}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.lock = None


class Slotted:
    """Has no dictionary."""

    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b

    def __reduce__(self):
        return Slotted, (self.a, self.b)


class Vector:
    """Registered through copyreg."""

    def __init__(self, *parts):
        self.parts = parts


Pair = collections.namedtuple("Pair", "left right")
copyreg.pickle(Vector, lambda vector: (Vector, vector.parts))


def values():
    """Yield what is pickled."""
    shared = [1, 2]
    yield [None, True, 0, -1, 255, 2**64, -(2**100), 1.5, 2 + 3j]
    yield ["", "text", "é漢😀", b"", bytes(range(256)), bytearray(b"ab")]
    yield (), (1,), (1, 2, 3), {"k": [1, {"n": ()}]}
    yield sorted({1, 2, 3}), sorted(frozenset("abc")), range(1, 10, 2), slice(1, 2)
    yield [shared, shared], len, int, Colour.BLUE, Pair(1, Pair(2, 3))
    yield decimal.Decimal("1.10"), fractions.Fraction(3, 7)
    yield datetime.datetime(2026, 1, 2, 3, 4, 5), datetime.timedelta(1, 2, 3)
    yield collections.OrderedDict(b=1, a=2), collections.deque([1, 2], 5)
    yield collections.Counter("abca"), collections.defaultdict(list, k=[1])


class Persistent(pickle.Pickler):
    """Keeps some objects outside of the pickle."""

    def persistent_id(self, obj):
        return (
            ("external", obj[9:]) if isinstance(obj, str) and obj.startswith("external:") else None
        )


class Restoring(pickle.Unpickler):
    """The other side of `Persistent`."""

    def persistent_load(self, pid):
        return pid

    def find_class(self, module, name):
        if module == "builtins" and name == "eval":
            raise pickle.UnpicklingError(f"{module}.{name} is forbidden")
        return super().find_class(module, name)


def main():
    """Pickle and look at what comes back."""
    for value in values():
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            back = pickle.loads(pickle.dumps(value, protocol))
            if repr(back) != repr(value):
                print("differs", protocol, value, back)
        print(repr(value)[:120])
    account = pickle.loads(pickle.dumps(Account("ann", 12)))
    print(account.owner, account.balance, account.lock)
    print(
        pickle.loads(pickle.dumps(Slotted(1, 2))).b,
        pickle.loads(pickle.dumps(Vector(1, 2, 3))).parts,
    )
    twice = pickle.loads(pickle.dumps([account, account]))
    print(twice[0] is twice[1])
    stream = io.BytesIO()
    Persistent(stream).dump(["external:file", "inline", eval])
    stream.seek(0)
    try:
        Restoring(stream).load()
    except pickle.UnpicklingError as error:
        print(error)
    for broken in [b"", b"\x80\x05.", b"garbage", pickle.dumps([1, 2])[:-1]]:
        try:
            pickle.loads(broken)
        except Exception as error:
            print(broken[:4], isinstance(error, (EOFError, pickle.UnpicklingError, IndexError)))
    try:
        pickle.dumps(lambda: None)
    except (pickle.PicklingError, AttributeError):
        print("a lambda cannot be pickled")


if __name__ == "__main__":
    main()
