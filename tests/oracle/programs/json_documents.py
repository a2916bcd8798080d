"""JSON: round trips, formats, hooks, errors with their positions."""

import decimal
import json
import math

DOCUMENT = {
    "text": 'tab\t quote" back\\ é 漢 😀 \x01 </script>',
    "numbers": [0, -1, 2**70, 1.5, -0.0, 1e300, 1e-7, 123456789.125],
    "constants": [True, False, None],
    "nested": {"a": {"b": {"c": [[[]]]}}, "empty": {}},
    "keys": {1: "int", 2.5: "float", None: "none", False: "bool"},
}


class Point:
    """Something JSON does not know."""

    def __init__(self, x, y):
        self.x, self.y = x, y


class PointEncoder(json.JSONEncoder):
    """Encodes points as objects with a mark."""

    def default(self, o):
        if isinstance(o, Point):
            return {"__point__": [o.x, o.y]}
        return super().default(o)


def as_point(item):
    """Turn marked objects back into points."""
    return Point(*item["__point__"]) if "__point__" in item else item


def formats():
    """The same document in several layouts."""
    print(json.dumps(DOCUMENT))
    print(json.dumps(DOCUMENT, ensure_ascii=False, separators=(",", ":")))
    print(json.dumps(DOCUMENT["nested"], indent=2, sort_keys=True))
    print(json.dumps([1, [2, {"k": 3}]], indent="\t"))
    copy = json.loads(json.dumps(DOCUMENT))
    print(copy["text"] == DOCUMENT["text"], copy["numbers"], sorted(copy["keys"]))


def hooks():
    """Encoders and decoders of one's own."""
    text = json.dumps({"p": Point(1, 2), "q": [Point(3, 4)]}, cls=PointEncoder)
    back = json.loads(text, object_hook=as_point)
    print(text, back["p"].x, back["q"][0].y)
    print(json.loads('{"b": 1, "a": 2, "b": 3}', object_pairs_hook=list))
    print(json.loads("[1.10, 2]", parse_float=decimal.Decimal, parse_int=str))
    print(json.dumps({(1, 2): "tuple", "s": 1}, skipkeys=True))


def errors():
    """What is refused, and where."""
    for text in ["", "{", "[1,]", '{"a" 1}', '"\n"', "nul", "[1] x", '"\\x"', '{"a": 1,}', "01"]:
        try:
            print(repr(text), json.loads(text))
        except json.JSONDecodeError as error:
            print(repr(text), error.msg, error.lineno, error.colno, error.pos)
    for value in [{1, 2}, float("nan"), b"bytes"]:
        try:
            print(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError) as error:
            print(type(error).__name__, error)
    loop = []
    loop.append(loop)
    try:
        json.dumps(loop)
    except ValueError as error:
        print(error)


def specials():
    """Infinity and NaN are an extension."""
    values = json.loads("[NaN, Infinity, -Infinity]")
    print(math.isnan(values[0]), values[1:], json.dumps(values))
    decoder = json.JSONDecoder()
    print(decoder.raw_decode('{"a": [1, 2]} trailing'))
    print(list(json.JSONEncoder().iterencode([1, {"a": None}])))


if __name__ == "__main__":
    formats()
    hooks()
    errors()
    specials()
