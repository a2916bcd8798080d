"""struct, array and memoryview: bytes with a shape."""

import array
import struct
import sys


def packing():
    """Every format in both byte orders."""
    for order in "<>=!@":
        print(
            order,
            struct.pack(order + "bBhHiI", -1, 255, -2, 65535, -3, 2**32 - 1).hex(),
            struct.calcsize(order + "chil"),
            struct.calcsize(order + "bq"),
        )
    print(struct.pack("<qQefd?", -5, 2**64 - 1, 1.5, 3.25, -1e100, True).hex())
    print(
        struct.pack("5s3p2xc", b"hello!", b"pascal", b"z"),
        struct.unpack(">3sHx", b"abc\x01\x02\x00"),
    )
    print(list(struct.iter_unpack("<H", bytes(range(8)))))
    record = struct.Struct("<I16s")
    buffer = bytearray(48)
    record.pack_into(buffer, 20, 7, b"name")
    print(record.size, record.unpack_from(buffer, 20), buffer.count(0))
    for form, value in [("B", 256), ("b", -129), ("H", "x"), ("z", 1), ("i", 1.5)]:
        try:
            struct.pack(form, value)
        except struct.error:
            print("struct.error", form)


def arrays():
    """Arrays of each type."""
    for code in "bBhHiIlLqQfd":
        numbers = array.array(code, [1, 2, 3])
        numbers.append(100)
        numbers.extend([5, 6])
        print(code, numbers.itemsize, numbers.tolist(), numbers[1:4].tolist())
    numbers = array.array("h", [1, -2, 300])
    swapped = array.array("h", numbers)
    swapped.byteswap()
    print(
        numbers.tobytes().hex(),
        swapped.tolist(),
        numbers.index(300),
        numbers.count(1),
        numbers == array.array("h", [1, -2, 300]),
    )
    numbers.frombytes(b"\x01\x00")
    numbers.insert(1, 9)
    numbers.remove(-2)
    print(numbers, numbers.pop(), numbers.buffer_info()[1])
    try:
        numbers.append(40000)
    except OverflowError:
        print("OverflowError")


def views():
    """Look at memory in several shapes without a copy."""
    data = bytearray(range(24))
    view = memoryview(data)
    print(view[3], bytes(view[2:10:3]), view.nbytes, view.readonly, view.format)
    words = view.cast("I")
    grid = view.cast("B", [4, 6])
    print(words[1], words.shape, grid[2, 3], grid.tolist()[1], grid.ndim, grid.strides)
    view[0:4] = b"ABCD"
    words[5] = 0xFFFFFFFF
    print(data.hex(), view == data, bytes(view[::-1][:4]))
    try:
        data.append(1)
    except BufferError:
        print("BufferError")
    words.release()
    try:
        words[0]
    except ValueError:
        print("released")
    try:
        memoryview(b"fixed")[0] = 1
    except TypeError:
        print("read-only")


if __name__ == "__main__":
    packing()
    arrays()
    views()
    print(sys.byteorder, sys.int_info.bits_per_digit > 0, sys.maxsize)
