"""Fractions, statistics, numbers, math and cmath."""

import cmath
import fractions
import math
import numbers
import statistics
from fractions import Fraction


def rational():
    """Exact arithmetic."""
    print(sum(Fraction(1, n) for n in range(1, 30)))
    print(Fraction("3.125"), Fraction("-22/7"), Fraction(0.1).limit_denominator(50))
    print(
        Fraction(7, 3) // 1,
        Fraction(7, 3) % 1,
        round(Fraction(7, 3), 2),
        Fraction(2, 3) ** -2,
        math.floor(Fraction(-7, 2)),
        math.ceil(Fraction(7, 2)),
    )
    print(f"{Fraction(22, 7):.5f}", Fraction(math.pi).limit_denominator(1000))
    try:
        fractions.Fraction(1, 0)
    except ZeroDivisionError as error:
        print(error)


def statistic():
    """Averages and spreads."""
    data = [2.75, 1.75, 1.25, 0.25, 0.5, 1.25, 3.5]
    for name in [
        "mean",
        "median",
        "median_low",
        "median_high",
        "mode",
        "stdev",
        "pstdev",
        "variance",
        "harmonic_mean",
    ]:
        print(name, f"{getattr(statistics, name)(data):.10g}")
    print(statistics.multimode("aabbcd"), statistics.quantiles(range(1, 100), n=4))
    slope, intercept = statistics.linear_regression([1, 2, 3, 4], [3, 5, 7, 9])
    print(f"{slope:.6f} {intercept:.6f}", f"{statistics.correlation([1, 2, 3], [2, 4, 7]):.6f}")
    normal = statistics.NormalDist(100, 15)
    print(f"{normal.cdf(115):.6f} {normal.inv_cdf(0.9):.4f} {normal.zscore(130)}")
    try:
        statistics.mean([])
    except statistics.StatisticsError as error:
        print(type(error).__name__)


def tower():
    """Who belongs where."""
    kinds = [numbers.Complex, numbers.Real, numbers.Rational, numbers.Integral]
    for value in [1, True, 1.5, 2j, Fraction(1, 2)]:
        print(value, [isinstance(value, kind) for kind in kinds])


def integers():
    """Whole numbers of any size."""
    print(math.factorial(40), math.comb(60, 30), math.perm(10, 3))
    print(math.gcd(2**60, 6**30), math.lcm(*range(1, 30)), math.isqrt(10**41))
    print(pow(3, 1000, 10**20), pow(17, -1, 3120), (-7) // 2, -7 % 3, divmod(-7, 3))
    big = 3**500
    print(len(str(big)), big.bit_length(), big.bit_count(), hash(big) != 0)
    print(
        int.from_bytes((10**30).to_bytes(16, "big"), "big") == 10**30,
        int("zz", 36),
        int("0b101", 0),
        int("1_000"),
        (-5).to_bytes(2, "little", signed=True),
    )


def floats():
    """Binary fractions and their edges."""
    print(0.1 + 0.2, math.fsum([0.1] * 10), (0.1).hex(), float.fromhex("0x1.8p1"))
    print(
        math.inf - math.inf,
        math.copysign(1, -0.0),
        math.nextafter(1, 2),
        math.ulp(1.0),
        math.frexp(10),
        math.ldexp(0.5, 5),
        math.modf(-2.5),
    )
    print(
        [
            f"{f(0.5):.12f}"
            for f in (
                math.sin,
                math.cos,
                math.tan,
                math.atan,
                math.exp,
                math.log,
                math.gamma,
                math.erf,
            )
        ]
    )
    print(
        math.hypot(3, 4, 12),
        math.dist((0, 0), (3, 4)),
        math.isclose(1, 1 + 1e-12),
        math.prod([1, 2, 3.5]),
        math.remainder(7, 4),
        round(2.5),
        round(-1.55, 1),
    )
    for call in (lambda: math.sqrt(-1), lambda: math.exp(1000), lambda: 1.0 / 0):
        try:
            call()
        except (ValueError, OverflowError, ZeroDivisionError) as error:
            print(type(error).__name__)


def complex_numbers():
    """The plane."""
    z = 3 + 4j
    print(abs(z), z.conjugate(), z * z, z / (1 - 2j), complex("1-2j"))
    print(
        [
            f"{part:.9f}"
            for value in (cmath.sqrt(-1 + 0j), cmath.exp(1j), cmath.log(z))
            for part in (value.real, value.imag)
        ]
    )
    print(cmath.isinf(complex("inf")), f"{cmath.phase(-1 + 0j):.9f}")


if __name__ == "__main__":
    rational()
    statistic()
    tower()
    integers()
    floats()
    complex_numbers()
