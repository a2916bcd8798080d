"""Methods of bytes and bytearray, and the buffer protocol."""

import operator


def methods():
    """The methods that str has too."""
    data = b"The quick\tbrown fox\r\njumps \xff"
    print(
        data.split(),
        data.splitlines(),
        data.partition(b"brown"),
        data.upper(),
        data.title(),
        data.swapcase(),
        data.find(b"o"),
        data.rfind(b"o"),
        data.count(b"o"),
        data.replace(b"o", b"0", 1),
    )
    print(
        b"abc".center(9, b"*"),
        b"42".zfill(5),
        b"-7".zfill(4),
        b"a\tb".expandtabs(3),
        b"xxaxx".strip(b"x"),
        b"pre-x".removeprefix(b"pre-"),
        b"1a".isalnum(),
        b"".isalpha(),
        b"Ab".istitle(),
        b" \n".isspace(),
    )
    print(
        b"%s %d %05.1f %x %a %c %%" % (b"s", 5, 2.25, 255, "é", 65),
        b", ".join([b"a", bytearray(b"b")]),
        bytes.maketrans(b"ab", b"xy")[97],
        b"cabbage".translate(bytes.maketrans(b"ab", b"xy"), b"g"),
    )
    print(
        b"abc" < b"abd",
        b"a" in b"cat",
        97 in b"a",
        b"ab" * 3,
        b"abc"[::-1],
        b"abc"[1],
        bytes(3),
        bytes([1, 2]),
        bytes("é", "utf-8"),
        bytes.fromhex("0aFF"),
        b"\x01\xab".hex(":"),
    )


def mutation():
    """Change bytes in place."""
    data = bytearray(b"0123456789")
    data[2:5] = b"abcdef"
    del data[::3]
    data += b"++"
    data.insert(0, 33)
    data.append(0x7A)
    data.extend(range(65, 70))
    print(data, data.pop(), data.pop(0), data.index(b"d"), len(data))
    data.remove(ord("d"))
    data.reverse()
    data[1:4:2] = b"!!"
    copy = data.copy()
    data.clear()
    print(copy, data, bytearray(b"x") == b"x", sorted(copy)[:3])
    for bad in (
        lambda: copy.append(256),
        lambda: bytes([300]),
        lambda: b"a" + "b",
        lambda: b"abc".index(b"z"),
        lambda: bytes(-1),
        lambda: copy.remove(1),
    ):
        try:
            bad()
        except (ValueError, TypeError) as error:
            print(type(error).__name__)


def searching():
    """Find needles in large haystacks."""
    hay = bytearray(b"ab" * 50_000)
    hay[70_001:70_004] = b"XYZ"
    print(
        hay.find(b"XYZ"),
        hay.rfind(b"ba"),
        hay.count(b"ab"),
        hay.find(b"", 99),
        hay.endswith((b"x", b"ab")),
        hay.startswith(b"ba", 1),
    )
    print(len(hay.replace(b"ab", b"")), len(hay.split(b"X")), hay[69_999:70_006])


def compare():
    """Everything that looks like bytes compares as bytes."""
    kinds = [b"abc", bytearray(b"abc"), memoryview(b"abc")]
    print([[operator.eq(x, y) for y in kinds] for x in kinds])
    print(
        memoryview(b"abcdef")[1:-1:2].tolist(),
        memoryview(bytearray(4)).tobytes(),
        hash(memoryview(b"q")) == hash(b"q"),
        int.from_bytes(b"\x01\x00", "little"),
    )


if __name__ == "__main__":
    methods()
    mutation()
    searching()
    compare()
