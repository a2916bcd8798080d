"""codecs: many encodings, errors, incremental and stream use."""

import codecs
import io

TEXTS = {
    "ascii": "plain",
    "latin-1": "é ÿ",
    "iso8859-15": "€ Š",
    "cp1252": "“€”",
    "cp437": "░▒▓é",
    "koi8-r": "Привет",
    "cp1251": "Привет",
    "mac-roman": "é†",
    "utf-8": "é漢😀",
    "utf-8-sig": "bom",
    "utf-16": "é漢😀",
    "utf-16-be": "漢",
    "utf-32-le": "😀",
    "utf-7": "a+é漢",
    "shift_jis": "日本語",
    "euc-jp": "日本語",
    "gb18030": "中文😀",
    "big5": "中文",
    "euc-kr": "한국어",
    "iso2022_jp": "日本 x",
    "punycode": "bücher",
    "idna": "bücher.example",
    "unicode_escape": "é\n漢",
    "raw_unicode_escape": "é漢",
}


def round_trips():
    """Encode and decode in each encoding."""
    for name, text in TEXTS.items():
        try:
            data = text.encode(name)
            print(name, data, data.decode(name) == text, codecs.lookup(name).name)
        except LookupError:
            print(name, "unknown")


def bytes_to_bytes():
    """Codecs that are no text encodings."""
    for name in ("hex", "base64", "rot13", "quopri", "uu", "zlib", "bz2"):
        value = "text" if name == "rot13" else b"some bytes \xff"
        packed = codecs.encode(value, name)
        print(
            name,
            packed if name not in ("zlib", "bz2") else len(packed) > 8,
            codecs.decode(packed, name) == value,
        )
    try:
        "x".encode("hex")
    except LookupError as error:
        print(error)


def errors():
    """Every error handler, and one of one's own."""
    bad = b"a\xff\xc3b\xe2\x82"
    for handler in ("ignore", "replace", "backslashreplace", "surrogateescape"):
        print(handler, ascii(bad.decode("utf-8", handler)))
    for handler in ("ignore", "replace", "xmlcharrefreplace", "backslashreplace", "namereplace"):
        print(handler, "aé漢😀".encode("ascii", handler))
    codecs.register_error("stars", lambda error: ("*" * (error.end - error.start), error.end))
    print("aéb漢漢".encode("latin-1", "stars"), bad.decode("ascii", "stars"))
    for data, name in (
        (b"\xff", "utf-8"),
        (b"\x80", "ascii"),
        (b"\x00\xd8", "utf-16-le"),
        (b"\xff", "shift_jis"),
        (b"a", "no-such"),
    ):
        try:
            data.decode(name)
        except (UnicodeDecodeError, LookupError) as error:
            print(
                type(error).__name__, getattr(error, "start", ""), getattr(error, "reason", error)
            )


def piecemeal():
    """Characters cut in two."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    data = "é漢😀".encode()
    print(
        [decoder.decode(data[i : i + 1]) for i in range(len(data))], decoder.decode(b"", final=True)
    )
    decoder.decode(b"\xe2\x82")
    state = decoder.getstate()
    print(state[0], decoder.decode(b"\xac"))
    try:
        codecs.getincrementaldecoder("utf-8")().decode(b"\xc3", final=True)
    except UnicodeDecodeError as error:
        print(error.reason)
    encoder = codecs.getincrementalencoder("utf-16")()
    print(encoder.encode("a"), encoder.encode("b"))
    print(list(codecs.iterdecode([b"\xc3", b"\xa9\xe6", b"\xbc\xa2"], "utf-8")))
    stream = io.BytesIO()
    writer = codecs.getwriter("utf-16-le")(stream)
    writer.write("line é\n")
    writer.writelines(["two\n", "three"])
    stream.seek(0)
    reader = codecs.getreader("utf-16-le")(stream)
    print(reader.readline(), reader.read())
    recoder = codecs.EncodedFile(io.BytesIO("é".encode("latin-1")), "utf-8", "latin-1")
    print(recoder.read(), codecs.BOM_UTF8, codecs.escape_decode(b"\\x41\\n")[0])


if __name__ == "__main__":
    round_trips()
    bytes_to_bytes()
    errors()
    piecemeal()
