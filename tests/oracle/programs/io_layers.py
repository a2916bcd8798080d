"""Raw, buffered and text files: modes, positions, newlines, encodings."""

import io
import os
import tempfile


def raw(path):
    """Unbuffered files."""
    with open(path, "wb", buffering=0) as file:
        print(type(file).__name__, file.write(b"raw bytes"), file.mode, file.seekable())
    with io.FileIO(path, "r+") as file:
        part = bytearray(3)
        print(file.readinto(part), part, file.readall(), file.read(), file.tell())
        file.seek(0)
        file.write(b"RAW")
        print(file.truncate(5), os.path.getsize(path), file.closefd)
    try:
        file.read()
    except ValueError as error:
        print(error)


def buffered(path):
    """Buffers over raw files."""
    with open(path, "wb", buffering=16) as file:
        for number in range(100):
            file.write(b"%03d," % number)
    with open(path, "rb") as file:
        print(file.peek(4)[:4], file.read1(3), file.read(5), file.readline()[:8])
        print(file.seek(-8, os.SEEK_END), file.read(), file.read(1))
    with open(path, "r+b") as file:
        file.seek(4)
        file.write(b"XXX")
        print(file.read(5), file.tell(), file.seek(0), file.read(8))
    with open(path, "ab+") as file:
        print(file.tell(), file.write(b"tail"), file.seek(0), file.read(4))
    pair = io.BufferedRWPair(io.BytesIO(b"in"), io.BytesIO())
    print(pair.read(), pair.write(b"out"))
    with open(path, "xb") if not os.path.exists(path) else io.BytesIO() as file:
        print(type(file).__name__)
    try:
        open(path, "x")
    except FileExistsError as error:
        print(type(error).__name__, error.errno)


def text(path):
    """Newlines and encodings."""
    for newline in (None, "", "\n", "\r\n", "\r"):
        with open(path, "w", newline=newline) as file:
            file.write("a\nb\r\nc\rd")
        with open(path, "rb") as file:
            stored = file.read()
        with open(path, newline=newline) as file:
            print(repr(newline), stored, file.readlines(), file.newlines)
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"):
        with open(path, "w", encoding=encoding) as file:
            file.write("é€"[:1] * 3 + "\n")
        with open(path, encoding=encoding) as file:
            print(encoding, os.path.getsize(path), file.read() == "ééé\n")
    with open(path, "w", encoding="ascii", errors="backslashreplace") as file:
        file.write("漢")
    with open(path, encoding="ascii") as file:
        print(file.read(), file.errors, file.encoding)
    with open(path, "wb") as file:
        file.write(b"ok\xff\n")
    for errors in ("strict", "replace", "ignore", "surrogateescape"):
        try:
            with open(path, encoding="utf-8", errors=errors) as file:
                print(errors, ascii(file.read()))
        except UnicodeDecodeError as error:
            print(errors, error.start, error.reason)


def positions(path):
    """Tell and seek in text."""
    with open(path, "w+", encoding="utf-8") as file:
        file.write("éa\n漢b\nend\n")
        file.seek(0)
        print(file.readline(), end="")
        cookie = file.tell()
        rest = file.read()
        file.seek(cookie)
        print(file.read() == rest, file.seek(0, os.SEEK_END))
        file.reconfigure(line_buffering=True)
        print(file.line_buffering, file.isatty())
        try:
            file.seek(1, os.SEEK_CUR)
        except io.UnsupportedOperation as error:
            print(error)


def memory():
    """Files in memory."""
    stream = io.StringIO("one\ntwo\nthree")
    print(next(stream), stream.tell(), list(stream), stream.getvalue()[:3])
    stream.seek(1)
    stream.write("NE!")
    print(repr(stream.getvalue()), stream.truncate(5))
    data = io.BytesIO(b"0123456789")
    view = data.getbuffer()
    view[2:4] = b"--"
    print(data.getvalue(), data.readinto(bytearray(4)), data.read1())
    try:
        data.write(b"x" * 100)
    except BufferError:
        print("BufferError")
    wrapper = io.TextIOWrapper(io.BytesIO(b"x\r\ny"), newline=None)
    print(wrapper.read().split(), wrapper.detach().getvalue())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        name = os.path.join(directory, "file")
        raw(name)
        buffered(name)
        text(name)
        positions(name)
    memory()
