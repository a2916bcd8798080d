"""collections, heapq, bisect, graphlib, copy and the abstract classes."""

import bisect
import collections
import collections.abc
import copy
import graphlib
import heapq
import random


def dictionaries():
    """Ordered, counting, default and chained."""
    ordered = collections.OrderedDict.fromkeys("abcde", 0)
    ordered.move_to_end("b")
    ordered.move_to_end("d", last=False)
    print(list(ordered), ordered.popitem(last=False), list(reversed(ordered)))
    counter = collections.Counter("abracadabra")
    counter.update("aaa")
    counter.subtract("b" * 5)
    print(
        counter.most_common(2),
        +counter,
        counter["z"],
        counter.total(),
        sorted((counter | collections.Counter("zz")).elements()),
    )
    groups = collections.defaultdict(list)
    for word in "one two three four five six".split():
        groups[len(word)].append(word)
    print(dict(groups), groups.default_factory.__name__)
    chain = collections.ChainMap({"a": 1}, {"a": 2, "b": 3})
    chain["c"] = 4
    print(dict(chain), chain.maps[0], chain.parents["a"], chain.new_child()["b"])
    plain = {"x": 1, "y": 2}
    print(
        plain | {"y": 3},
        plain.setdefault("z", []),
        list(plain.items()),
        plain.keys() & {"x", "q"},
        plain.pop("x"),
        list(reversed(plain)),
    )


def sequences():
    """Deques and named tuples."""
    line = collections.deque(range(5), maxlen=5)
    line.rotate(2)
    line.appendleft(9)
    line.extend([7, 8])
    print(line, line.index(0) if 0 in line else None, line.count(7), line[-1])
    Point = collections.namedtuple("Point", "x y z", defaults=[0])
    point = Point(1, 2)
    print(point, point._replace(y=5), point._asdict(), Point._fields, Point._make("abc"))


def ordering():
    """Heaps and sorted lists."""
    source = random.Random(4)
    numbers = [source.randrange(100) for _ in range(30)]
    heap = numbers[:]
    heapq.heapify(heap)
    print(
        [heapq.heappop(heap) for _ in range(10)],
        heapq.nlargest(3, numbers),
        heapq.nsmallest(3, numbers, key=lambda n: -n),
        heapq.heappushpop(heap, 1),
    )
    print(list(heapq.merge([1, 4, 7], [2, 5], [3, 6], reverse=False)))
    ranked = sorted(numbers)
    print(bisect.bisect_left(ranked, 50), bisect.bisect(ranked, ranked[3]))
    bisect.insort(ranked, 50)
    print(ranked == sorted(numbers + [50]))
    words = "the quick brown Fox jumps Over".split()
    print(sorted(words), sorted(words, key=str.lower, reverse=True), sorted(words, key=len))


def graphs():
    """Topological order."""
    graph = {"d": {"b", "c"}, "b": {"a"}, "c": {"a"}}
    sorter = graphlib.TopologicalSorter(graph)
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        print(ready)
        sorter.done(*ready)
    try:
        list(graphlib.TopologicalSorter({1: [2], 2: [1]}).static_order())
    except graphlib.CycleError as error:
        print(type(error).__name__, len(error.args[1]))


class Ring(collections.abc.MutableSequence):
    """A sequence with nothing but the five methods it must have."""

    def __init__(self, items=()):
        self.items = list(items)

    def __getitem__(self, index):
        return self.items[index]

    def __setitem__(self, index, value):
        self.items[index] = value

    def __delitem__(self, index):
        del self.items[index]

    def __len__(self):
        return len(self.items)

    def insert(self, index, value):
        self.items.insert(index, value)


def abstract():
    """Mix-in methods, copies and sets."""
    ring = Ring("abc")
    ring.append("d")
    ring += "ef"
    ring.reverse()
    print(
        ring[1],
        ring.index("d"),
        ring.pop(),
        ring.count("a"),
        "c" in ring,
        isinstance(ring, collections.abc.Sequence),
    )
    try:
        collections.abc.Mapping()
    except TypeError as error:
        print(type(error).__name__)
    nested = {"list": [1, [2]], "ring": ring}
    nested["self"] = nested
    shallow, deep = copy.copy(nested), copy.deepcopy(nested)
    nested["list"][1].append(3)
    print(shallow["list"], deep["list"], deep["self"] is deep)
    left, right = {1, 2, 3}, frozenset({3, 4})
    print(
        left & right,
        sorted(left | right),
        sorted(left ^ right),
        left - right,
        left.isdisjoint({9}),
        right <= {3, 4, 5},
        hash(right) == hash(frozenset({4, 3})),
    )


if __name__ == "__main__":
    dictionaries()
    sequences()
    ordering()
    graphs()
    abstract()
