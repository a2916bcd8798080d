"""Marshal: values, code objects and what it refuses."""

import io
import marshal

VALUES = [
    None,
    True,
    False,
    Ellipsis,
    0,
    1,
    -1,
    2**31,
    -(2**63),
    2**200,
    0.0,
    -1.5,
    1e300,
    1 + 2j,
    "",
    "ascii",
    "é漢😀",
    b"",
    b"\x00\xff",
    (),
    (1, 2),
    [],
    [1, [2, [3]]],
    {},
    {"a": 1, 2: (3,)},
    frozenset([1]),
    {5},
]


def square(x, power=2):
    """Return a power of x."""
    return x**power


def main():
    """Round trips in memory and through a file object."""
    for value in VALUES:
        back = marshal.loads(marshal.dumps(value))
        print(repr(value)[:60], back == value, type(back) is type(value))
    code = marshal.loads(marshal.dumps(square.__code__))
    rebuilt = type(square)(code, {}, "rebuilt", (3,))
    print(code.co_name, code.co_varnames, rebuilt(2), rebuilt(2, 5))
    module = compile("total = sum(range(n))\nnames = [c for c in 'ab']", "<marshal>", "exec")
    namespace = {"n": 101}
    exec(marshal.loads(marshal.dumps(module)), namespace)
    print(namespace["total"], namespace["names"])
    stream = io.BytesIO()
    for value in VALUES[:10]:
        marshal.dump(value, stream)
    stream.seek(0)
    print([marshal.load(stream) for _ in range(10)] == VALUES[:10])
    for bad in [object(), square, [object()]]:
        try:
            marshal.dumps(bad)
        except ValueError as error:
            print("ValueError", type(error.args[0]).__name__)
    for broken in [b"", b"(", b"i\x00"]:
        try:
            marshal.loads(broken)
        except (EOFError, ValueError, TypeError):
            print("refused", broken)


if __name__ == "__main__":
    main()
