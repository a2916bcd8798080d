"""Seeded random numbers: every distribution, state, shuffles, bytes."""

import random
import secrets


def distributions():
    """Draw from each distribution, twice the same."""
    draws = {}
    for attempt in range(2):
        source = random.Random(20261123)
        draws[attempt] = [
            source.random(),
            source.uniform(-1, 1),
            source.triangular(0, 10, 3),
            source.betavariate(2, 3),
            source.expovariate(1.5),
            source.gammavariate(2, 1),
            source.gauss(0, 1),
            source.lognormvariate(0, 0.5),
            source.normalvariate(5, 2),
            source.vonmisesvariate(1, 2),
            source.paretovariate(3),
            source.weibullvariate(1, 1.5),
            source.randint(1, 6),
            source.randrange(0, 1000, 7),
            source.getrandbits(100),
            source.binomialvariate(20, 0.3),
        ]
    print(draws[0] == draws[1])
    print([f"{value:.9g}" for value in draws[0]])


def sequences():
    """Choose, sample and shuffle."""
    source = random.Random("seeded by text")
    letters = list("abcdefghij")
    print(
        source.choice(letters),
        source.choices(letters, k=5),
        source.choices("xyz", weights=[1, 0, 3], k=8),
        source.sample(letters, 4),
        source.sample(range(10**12), 3),
    )
    source.shuffle(letters)
    print("".join(letters), source.randbytes(12).hex())
    print(source.sample(["red", "blue"], counts=[4, 2], k=5))


def states():
    """Save and restore."""
    random.seed(b"bytes")
    before = random.getstate()
    first = [random.random() for _ in range(5)]
    random.setstate(before)
    print(first == [random.random() for _ in range(5)], before[0], len(before[1]))
    print([random.Random(seed).getrandbits(32) for seed in (0, 1, -1, 2**80)])
    print(random.Random(1.5).random(), random.Random(7).random())


def histogram():
    """Many draws fall where they should."""
    source = random.Random(5)
    counts = [0] * 10
    for _ in range(20_000):
        counts[int(source.random() * 10)] += 1
    print(counts, min(counts) > 1800)


def system_source():
    """Real entropy: shapes only."""
    system = random.SystemRandom()
    print(
        0 <= system.random() < 1,
        1 <= system.randint(1, 3) <= 3,
        len(secrets.token_bytes(33)),
        len(secrets.token_hex(8)),
        len({secrets.token_urlsafe() for _ in range(50)}),
        secrets.compare_digest("a", "a"),
        secrets.compare_digest(b"a", b"b"),
        secrets.randbelow(5) < 5,
        secrets.choice([7]),
    )


if __name__ == "__main__":
    distributions()
    sequences()
    states()
    histogram()
    system_source()
    for call in (
        lambda: random.choice([]),
        lambda: random.sample([1], 2),
        lambda: random.randrange(5, 5),
    ):
        try:
            call()
        except (IndexError, ValueError) as error:
            print(type(error).__name__)
