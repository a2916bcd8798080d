"""Decimal: contexts, rounding, signals, special values, long division."""

import decimal
from decimal import Decimal

ROUNDINGS = [
    decimal.ROUND_CEILING,
    decimal.ROUND_DOWN,
    decimal.ROUND_FLOOR,
    decimal.ROUND_HALF_DOWN,
    decimal.ROUND_HALF_EVEN,
    decimal.ROUND_HALF_UP,
    decimal.ROUND_UP,
    decimal.ROUND_05UP,
]


def rounding():
    """Every rounding of some halves."""
    for rule in ROUNDINGS:
        print(
            rule,
            [
                str(Decimal(value).quantize(Decimal("1"), rounding=rule))
                for value in ("2.5", "-2.5", "3.5", "0.4", "-0.6", "5.01")
            ],
        )


def pi(digits):
    """Compute pi to so many digits."""
    with decimal.localcontext() as context:
        context.prec = digits + 3
        last, term, total, n, na, d, da = 0, Decimal(3), Decimal(3), 1, 0, 0, 24
        while total != last:
            last = total
            n, na = n + na, na + 8
            d, da = d + da, da + 32
            term = term * n / d
            total += term
    with decimal.localcontext() as context:
        context.prec = digits
        return +total


def functions():
    """Roots, logarithms, powers."""
    with decimal.localcontext(prec=30):
        two = Decimal(2)
        print(two.sqrt(), two.ln(), two.exp(), Decimal(1000).log10())
        print(two ** Decimal("0.5"), two**-3, pow(Decimal(7), 50, 13))
        print(Decimal("123.456").normalize(), Decimal("1E+3").to_integral())
    print(
        Decimal(17) // 5,
        Decimal(-17) // 5,
        Decimal(17) % 5,
        Decimal(-17) % 5,
        divmod(Decimal("7.5"), 2),
        Decimal(7).remainder_near(4),
    )


def signals():
    """What is trapped and what sets a flag."""
    context = decimal.Context(prec=5, traps=[decimal.DivisionByZero])
    try:
        context.divide(Decimal(1), Decimal(0))
    except decimal.DivisionByZero as error:
        print(type(error).__name__)
    print(context.divide(Decimal(0), Decimal(0)), context.sqrt(Decimal(-1)))
    print(context.divide(Decimal(1), Decimal(3)))
    print(sorted(flag.__name__ for flag, is_set in context.flags.items() if is_set))
    try:
        Decimal("not a number")
    except decimal.InvalidOperation:
        print("InvalidOperation")


def conversions():
    """Strings, tuples, floats, integers, formats."""
    print(Decimal(0.1), Decimal("1.10") + Decimal("2.2"), Decimal((1, (1, 4), -1)))
    print(Decimal("1.2300").as_tuple(), Decimal("0.75").as_integer_ratio())
    print(
        f"{Decimal('1234567.891'):,.2f} {Decimal('0.000001'):e} "
        f"{Decimal('12.5'):>10} {Decimal('0.256'):.1%}"
    )
    print(Decimal("-0"), Decimal("NaN"), Decimal("sNaN123"), Decimal("-Infinity"))
    print(
        hash(Decimal(5)) == hash(5),
        Decimal("2.0") == 2,
        int(Decimal("9.99")),
        float(Decimal("1.25")),
        Decimal("1E+400").to_eng_string(),
    )
    print(Decimal("1.0").compare_total(Decimal("1.00")), max(Decimal(3), Decimal(4)))


if __name__ == "__main__":
    rounding()
    print(pi(100))
    functions()
    signals()
    conversions()
    print(sum((Decimal(n) / 7 for n in range(100)), Decimal(0)))
