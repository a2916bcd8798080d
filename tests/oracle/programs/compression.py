"""zlib, gzip, bz2 and lzma: round trips, streams, levels, damage."""

import bz2
import gzip
import hashlib
import io
import lzma
import random
import tempfile
import zlib

SOURCE = random.Random(99)
TEXT = b" ".join(
    SOURCE.choice([b"core", b"queue", b"steal", b"migrate", b"fault"]) for _ in range(8000)
)
NOISE = SOURCE.randbytes(20_000)


def whole():
    """Compress in one go."""
    for name, module in [("zlib", zlib), ("gzip", gzip), ("bz2", bz2), ("lzma", lzma)]:
        for data in (b"", b"x", TEXT, NOISE):
            packed = module.compress(data)
            print(name, len(data), module.decompress(packed) == data, len(packed) < len(data))
    print(f"{zlib.crc32(TEXT):08x} {zlib.adler32(TEXT):08x}", hashlib.md5(TEXT).hexdigest())


def pieces():
    """Compress and decompress by pieces."""
    packer, unpacker = zlib.compressobj(6, wbits=-15), zlib.decompressobj(-15)
    stream = (
        b"".join(packer.compress(TEXT[i : i + 777]) for i in range(0, len(TEXT), 777))
        + packer.flush()
    )
    out = b""
    while not unpacker.eof:
        out += (
            unpacker.decompress(stream[:100], 500)
            if not unpacker.unconsumed_tail
            else unpacker.decompress(unpacker.unconsumed_tail, 500)
        )
        if not unpacker.unconsumed_tail:
            stream = stream[100:]
    print(out == TEXT)
    unpacker = lzma.LZMADecompressor()
    packed = lzma.compress(TEXT) + b"rest"
    out = b"".join(
        unpacker.decompress(packed[i : i + 64])
        for i in range(0, len(packed), 64)
        if not unpacker.eof
    )
    print(out == TEXT, unpacker.eof)
    unpacker = bz2.BZ2Decompressor()
    print(unpacker.decompress(bz2.compress(b"one") + b"two"), unpacker.unused_data)


def files():
    """Files on disk and in memory."""
    with tempfile.TemporaryDirectory() as directory:
        for module, name in [(gzip, "t.gz"), (bz2, "t.bz2"), (lzma, "t.xz")]:
            path = f"{directory}/{name}"
            with module.open(path, "wt", encoding="utf-8") as file:
                for number in range(500):
                    print("line", number, "é", file=file)
            with module.open(path, "rt", encoding="utf-8") as file:
                lines = file.readlines()
            print(name, len(lines), lines[-1].strip())
            with module.open(path) as file:
                print(file.read(10), file.seek(100), file.tell(), len(file.read()))
        with gzip.GzipFile(fileobj=io.BytesIO(), mode="wb", mtime=0) as file:
            print(file.write(TEXT))


def damage():
    """What is broken is refused."""
    for module, error in [
        (zlib, zlib.error),
        (gzip, (OSError, EOFError, zlib.error)),
        (bz2, (OSError, ValueError, EOFError)),
        (lzma, (lzma.LZMAError, EOFError)),
    ]:
        for broken in (b"not compressed at all", module.compress(TEXT)[:-20]):
            try:
                print(len(module.decompress(broken)))
            except error:
                print(module.__name__, "refused")


if __name__ == "__main__":
    whole()
    pieces()
    files()
    damage()
