"""Deep recursion: limits, errors, and going on afterwards."""

import functools
import sys
import threading


def depth(level=0):
    """Return how deep it goes."""
    try:
        return depth(level + 1)
    except RecursionError:
        return level


@functools.lru_cache(maxsize=None)
def fibonacci(n):
    """A recursion that remembers."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def ackermann(m, n):
    """Grows quickly."""
    if m == 0:
        return n + 1
    if n == 0:
        return ackermann(m - 1, 1)
    return ackermann(m - 1, ackermann(m, n - 1))


def nested(levels):
    """Build and compare deeply nested lists."""
    value = []
    for _ in range(levels):
        value = [value]
    return value


class Endless:
    """Asks itself for ever."""

    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __repr__(self):
        return repr(self)


def main():
    """Recurse in several ways."""
    print(100 < depth() <= sys.getrecursionlimit())
    sys.setrecursionlimit(300)
    print(depth() < 300, sys.getrecursionlimit())
    sys.setrecursionlimit(1000)
    print(fibonacci(150), ackermann(2, 5), len(repr(nested(50))))
    for attempt in (
        lambda: Endless().a,
        lambda: repr(Endless()),
        lambda: (lambda f: f(f))(lambda f: f(f)),
    ):
        try:
            attempt()
        except RecursionError as error:
            print(type(error).__name__, "recursion" in str(error))
    results = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: results.append(depth() > 50))
        thread.start()
        thread.join()
    print(results, sum(range(10)))


if __name__ == "__main__":
    main()
