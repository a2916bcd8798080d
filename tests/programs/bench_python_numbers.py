"""Programs for bench_python.py that compute: floats, small and large integers, lists of them."""

import math
from collections.abc import Callable, Iterator


def expect(found: object, known: object) -> None:
    """Refuse a wrong answer."""
    if found != known:
        raise AssertionError(f"{found!r} is not {known!r}")


def expect_close(found: float, known: float) -> None:
    """Refuse a wrong answer, but for what a last digit may do."""
    if not math.isclose(found, known, rel_tol=1e-9):
        raise AssertionError(f"{found!r} is not {known!r}")


class Body:
    """A mass in space, with a velocity."""

    def __init__(self, mass: float, place: tuple[float, float, float], speed: float) -> None:
        """Begin somewhere, moving across."""
        self.mass = mass
        self.x, self.y, self.z = place
        self.vx, self.vy, self.vz = 0.0, speed, speed / 16

    def energy(self) -> float:
        """Kinetic energy."""
        return self.mass * (self.vx**2 + self.vy**2 + self.vz**2) / 2


def nbody() -> None:
    """Five bodies attract one another for forty steps; energy stays, nearly."""
    bodies = [
        Body(40.0, (0.0, 0.0, 0.0), 0.0),
        Body(0.04, (5.0, -1.0, 0.1), 2.8),
        Body(0.01, (8.0, 4.0, -0.4), 2.1),
        Body(0.002, (12.0, -15.0, -0.2), 1.4),
        Body(0.002, (15.0, -25.0, 0.2), 1.1),
    ]
    pairs = [(one, two) for index, one in enumerate(bodies) for two in bodies[index + 1 :]]

    def energy() -> float:
        total = sum(body.energy() for body in bodies)
        for one, two in pairs:
            distance = math.dist((one.x, one.y, one.z), (two.x, two.y, two.z))
            total -= one.mass * two.mass / distance
        return total

    before = energy()
    step = 0.01
    for _ in range(40):
        for one, two in pairs:
            x, y, z = one.x - two.x, one.y - two.y, one.z - two.z
            squared = x * x + y * y + z * z
            pull = step / (squared * math.sqrt(squared))
            of_one, of_two = one.mass * pull, two.mass * pull
            one.vx -= x * of_two
            one.vy -= y * of_two
            one.vz -= z * of_two
            two.vx += x * of_one
            two.vy += y * of_one
            two.vz += z * of_one
        for body in bodies:
            body.x += step * body.vx
            body.y += step * body.vy
            body.z += step * body.vz
    expect_close(before, NBODY_BEFORE)
    expect_close(energy(), NBODY_AFTER)


#: The energy at the beginning and at the end.
NBODY_BEFORE, NBODY_AFTER = -0.18265811917597907, -0.18267972459951273


def fannkuch() -> None:
    """Flip prefixes of all permutations of six until the first is in its place.

    The most flips that one takes, and the sum of all with the sign of the permutation,
    are known of this task.
    """
    size = 6
    permutation, counts = list(range(size)), [0] * size
    most = checksum = 0
    is_even = True
    while True:
        flipped, flips = permutation[:], 0
        while first := flipped[0]:
            flipped[: first + 1] = flipped[first::-1]
            flips += 1
        most = max(most, flips)
        checksum += flips if is_even else -flips
        is_even = not is_even
        # The next one differs by a swap, so that the sign changes each time.
        if not is_even:
            permutation[0], permutation[1] = permutation[1], permutation[0]
            continue
        permutation[1], permutation[2] = permutation[2], permutation[1]
        place = 2
        while place < size:
            counts[place] += 1
            if counts[place] <= place:
                break
            counts[place] = 0
            place += 1
            if place < size:
                permutation.insert(place, permutation.pop(0))
        if place == size:
            break
    expect((most, checksum), (10, 49))


def spectral_norm() -> None:
    """The norm of a matrix whose elements are computed when they are wanted."""
    size = 12

    def element(row: int, column: int) -> float:
        return 1.0 / ((row + column) * (row + column + 1) // 2 + row + 1)

    def times(vector: list[float]) -> list[float]:
        straight = [
            sum(element(row, column) * value for column, value in enumerate(vector))
            for row in range(size)
        ]
        return [
            sum(element(row, column) * value for row, value in enumerate(straight))
            for column in range(size)
        ]

    vector = [1.0] * size
    for _ in range(4):
        other = times(vector)
        vector = times(other)
    above = sum(one * two for one, two in zip(vector, other, strict=True))
    below = sum(value * value for value in other)
    expect_close(math.sqrt(above / below), SPECTRAL_NORM)


SPECTRAL_NORM = 1.272735511261915


class Point:
    """A point in space, as an object with slots."""

    __slots__ = ("x", "y", "z")

    def __init__(self, number: int) -> None:
        """Stand on a curve."""
        self.x = math.sin(number)
        self.y = math.cos(number) * 3
        self.z = self.x * self.x / 2

    def normalize(self) -> None:
        """Keep the direction only."""
        length = math.sqrt(self.x**2 + self.y**2 + self.z**2)
        self.x /= length
        self.y /= length
        self.z /= length


def floats() -> None:
    """Make points, normalize them, take the largest of each coordinate."""
    points = [Point(number) for number in range(600)]
    for point in points:
        point.normalize()
    expect_close(max(point.x for point in points), FLOATS[0])
    expect_close(max(point.y for point in points), FLOATS[1])
    expect_close(max(point.z for point in points), FLOATS[2])


FLOATS = (0.8943650417038651, 1.0, 0.447179035971081)


def pi_digits() -> Iterator[int]:
    """All digits of pi, by a stream of linear fractions: large integers only."""
    a, b, d, term = 1, 0, 1, 0
    while True:
        # What the rest of the series can still be is between 3 and 4.
        digit = (3 * a + b) // d
        if digit == (4 * a + b) // d and term:
            yield digit
            a, b = 10 * a, 10 * (b - digit * d)
            continue
        term += 1
        a, b, d = a * term, (2 * a + b) * (2 * term + 1), d * (2 * term + 1)


def pidigits() -> None:
    """The first digits of pi."""
    digits = pi_digits()
    text = "".join(str(next(digits)) for _ in range(100))
    expect(
        text,
        "31415926535897932384626433832795028841971693993751"
        "05820974944592307816406286208998628034825342117067",
    )


PROGRAMS: dict[str, Callable[[], None]] = {
    "nbody": nbody,
    "fannkuch": fannkuch,
    "spectral_norm": spectral_norm,
    "floats": floats,
    "pidigits": pidigits,
}
