"""The language itself: scopes, patterns, unpacking, closures, operators."""

import sys


def unpacking(a, b=2, *rest, c, d=4, **others):
    """Return the arguments as they came."""
    return a, b, rest, c, d, others


def patterns(value):
    """Say what a value looks like."""
    match value:
        case 0 | 1:
            return "bit"
        case int(n) if n < 0:
            return f"negative {n}"
        case str() as text:
            return f"text of {len(text)}"
        case [x, y]:
            return f"pair {x} {y}"
        case [first, *_, last]:
            return f"from {first} to {last}"
        case {"kind": "point", "x": x, **rest}:
            return f"point {x} {sorted(rest)}"
        case None | True | False:
            return "constant"
        case _:
            return "other"


class Money:
    """Has most operators."""

    __match_args__ = ("cents",)

    def __init__(self, cents):
        self.cents = cents

    def __add__(self, other):
        return Money(self.cents + other.cents) if isinstance(other, Money) else NotImplemented

    def __radd__(self, other):
        return self if other == 0 else NotImplemented

    def __mul__(self, factor):
        return Money(self.cents * factor)

    __rmul__ = __mul__

    def __neg__(self):
        return Money(-self.cents)

    def __bool__(self):
        return self.cents != 0

    def __format__(self, spec):
        return f"{self.cents / 100:{spec or '.2f'}}"

    def __call__(self, tax):
        return Money(round(self.cents * (1 + tax)))

    def __getitem__(self, index):
        return divmod(self.cents, 100)[index]

    def __contains__(self, cents):
        return cents <= self.cents

    def __iadd__(self, other):
        self.cents += other.cents
        return self


def closures():
    """Functions that remember."""
    total = 0

    def add(n):
        nonlocal total
        total += n
        return total

    adders = [lambda x, n=n: x + n for n in range(3)]
    late = [lambda: n for n in range(3)]
    return (
        add(5),
        add(7),
        [f(10) for f in adders],
        [f() for f in late],
        add.__closure__[0].cell_contents,
    )


def flow():
    """Loops with else, nested breaks, walrus, chained comparison."""
    found = [n for n in range(2, 50) if all(n % d for d in range(2, n))]
    for n in found:
        if n > 40:
            break
    else:
        n = None
    data = iter([3, 1, 2, 0, 9])
    taken = []
    while item := next(data):
        taken.append(item)
    return (
        n,
        taken,
        1 < 2 < 3 != 4,
        [y for x in range(3) for y in range(x)],
        {k: v for k, v in zip("abc", range(3)) if v},
        {x % 3 for x in range(9)},
        (lambda *a, **k: (a, k))(1, z=2),
        not 0 or 1 / 0,
    )


def swap(first, /, *middle, last):
    """Keyword-only and positional-only parameters."""
    first, last = last, first
    return first, middle, last


if __name__ == "__main__":
    print(unpacking(1, *[9, 8, 7], c=3, **{"e": 5}), swap(1, 2, last=3))
    for candidate in (
        0,
        -5,
        "text",
        [1, 2],
        (1, 2, 3),
        {"kind": "point", "x": 1, "y": 2},
        None,
        2.5,
        [],
        Money(3),
    ):
        print(patterns(candidate))
    price = sum([Money(150), Money(275)])
    price += Money(1)
    print(
        f"{price} {-price:+.1f} {2 * price} {price(0.2)} {price[0]} {100 in price}", bool(Money(0))
    )
    try:
        price + 1
    except TypeError as error:
        print(error)
    print(closures(), flow())
    head, *body, tail = "unpack"
    (a, (b, *c)), d = (1, (2, 3, 4)), 5
    print(head, body, tail, a, b, c, d, [*range(2), *"ab"], {**{"x": 1}, "y": 2})
    print(
        7 // -2,
        -7 % 3,
        2**-1,
        5 & 6 | 8 ^ 3,
        ~5,
        1 << 70,
        True + True,
        "ab",
        0x_FF,
        1_000.5e-2,
        0o17,
        3 if [] else 4,
        (1,) * 2,
        "%s" % (None,),
        ... is Ellipsis,
    )
    assert sys.version_info >= (3, 14), "an older language"
    del a
    try:
        a
    except NameError as error:
        print(type(error).__name__)
