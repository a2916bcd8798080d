"""functools, itertools and operator."""

import functools
import itertools
import operator


def infinite():
    """Iterators without an end, cut."""
    print(
        list(itertools.islice(itertools.count(5, 3), 4)),
        list(itertools.islice(itertools.cycle("ab"), 5)),
        list(itertools.repeat(7, 3)),
    )


def combining():
    """Products, permutations, combinations."""
    print(list(itertools.product("ab", [1, 2])), len(list(itertools.product(range(3), repeat=4))))
    print(["".join(p) for p in itertools.permutations("abc")])
    print(
        list(itertools.combinations("abcd", 2)),
        list(itertools.combinations_with_replacement("ab", 3)),
    )


def streaming():
    """Take sequences apart and join them."""
    data = [1, 1, 2, 3, 3, 3, 1]
    print([(key, len(list(group))) for key, group in itertools.groupby(data)])
    print(
        list(itertools.accumulate(data)), list(itertools.accumulate(data, operator.mul, initial=2))
    )
    print(
        list(itertools.takewhile(lambda n: n < 3, data)),
        list(itertools.dropwhile(lambda n: n < 3, data)),
        list(itertools.filterfalse(lambda n: n % 2, data)),
        list(itertools.compress("abcdef", [1, 0, 1, 0, 1, 1])),
    )
    print(
        list(itertools.chain("ab", [1])),
        list(itertools.chain.from_iterable(["xy"])),
        list(itertools.zip_longest("abc", [1], fillvalue="-")),
        list(itertools.starmap(pow, [(2, 3), (3, 2)])),
        list(itertools.pairwise("abcd")),
        list(itertools.batched("abcdefg", 3)),
    )
    first, second = itertools.tee(iter(range(4)))
    next(first)
    print(list(first), list(second))


def functions():
    """Caches, partial application, dispatch, reduction."""
    calls = []

    @functools.lru_cache(maxsize=2)
    def slow(x):
        calls.append(x)
        return x * x

    print([slow(n) for n in (1, 2, 1, 3, 2)], calls, slow.cache_info())
    slow.cache_clear()
    print(slow.cache_info().currsize, slow.__wrapped__(9))
    power = functools.partial(pow, exp=2)
    print(power(5), power.keywords, functools.reduce(operator.add, [[1], [2]], []))

    @functools.singledispatch
    def kind(value):
        return "object"

    @kind.register
    def _(value: int):
        return "int"

    @kind.register(list)
    def _(value):
        return f"list of {len(value)}"

    print(kind(1.5), kind(True), kind([1]), kind.dispatch(bool) is kind.registry[int])


@functools.total_ordering
class Version:
    """Compared by its numbers."""

    def __init__(self, text):
        self.numbers = tuple(map(int, text.split(".")))

    def __eq__(self, other):
        return self.numbers == other.numbers

    def __lt__(self, other):
        return self.numbers < other.numbers

    @functools.cached_property
    def major(self):
        """The first number, found once."""
        print("(computed)", end=" ")
        return self.numbers[0]


def classes():
    """Ordering, cached properties, methods by type."""
    old, new = Version("1.9"), Version("1.10")
    print(old < new, old >= new, max(old, new) is new, new.major, new.major)

    class Formatter:
        @functools.singledispatchmethod
        def format(self, value):
            return str(value)

        @format.register
        def _(self, value: float):
            return f"{value:.2f}"

    print(Formatter().format(1), Formatter().format(1.0))
    print(sorted("bca", key=functools.cmp_to_key(lambda a, b: (a < b) - (a > b))))


def operators():
    """Operators as functions."""
    rows = [{"n": 2, "p": (1, 2)}, {"n": 1, "p": (3, 4)}]
    print(
        sorted(rows, key=operator.itemgetter("n"))[0]["n"],
        operator.attrgetter("real", "imag")(1 + 2j),
        operator.methodcaller("split", ",")("a,b"),
        operator.index(True),
        operator.countOf([1, 2, 1], 1),
        operator.length_hint(iter([1, 2])),
    )
    items = [1, 2]
    print(
        operator.iadd(items, [3]) is items,
        operator.contains(items, 3),
        operator.truth([]),
        operator.floordiv(-7, 2),
        operator.matmul is not None,
        operator.concat("a", "b"),
    )


if __name__ == "__main__":
    infinite()
    combining()
    streaming()
    functions()
    classes()
    operators()
