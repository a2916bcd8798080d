"""Unicode: names, categories, normal forms, surrogates, wide characters."""

import unicodedata

CHARACTERS = "Aé€ß漢字😀\u0301\u200d٣Ⅷ½\u00a0ﬀ"


def properties():
    """Print what the database knows of each character."""
    for character in CHARACTERS:
        print(
            f"U+{ord(character):04X}",
            unicodedata.name(character, "?"),
            unicodedata.category(character),
            unicodedata.bidirectional(character),
            unicodedata.combining(character),
            unicodedata.east_asian_width(character),
            unicodedata.mirrored(character),
            unicodedata.decomposition(character) or "-",
            unicodedata.numeric(character, None),
            unicodedata.digit(character, None),
        )


def normal_forms():
    """Normalise in the four forms."""
    for text in ["é", "e\u0301", "ﬁ", "Å", "각", "ｶﾞ", "①"]:
        forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")]
        print(ascii(text), [ascii(form) for form in forms])
    print(unicodedata.normalize("NFC", "e\u0301") == "é")


def lookup():
    """From a name to the character."""
    print(ascii(unicodedata.lookup("GREEK SMALL LETTER OMEGA")), "\N{SNOWMAN}")
    try:
        unicodedata.lookup("NO SUCH CHARACTER")
    except KeyError as error:
        print("KeyError", error)


def surrogates():
    """Lone surrogates and how they are encoded."""
    lone = "a\udc80b"
    try:
        lone.encode("utf-8")
    except UnicodeEncodeError as error:
        print(error.encoding, error.start, error.end, error.reason)
    print(
        lone.encode("utf-8", "surrogateescape"),
        lone.encode("utf-8", "surrogatepass"),
        lone.encode("ascii", "backslashreplace"),
        b"\xff\xfe".decode("utf-8", "surrogateescape") == "\udcff\udcfe",
    )


def slicing():
    """Characters outside of the basic plane count as one."""
    text = "a😀b漢c"
    print(len(text), text[1] == "😀", text[::-1], text[1:4], sorted(text))
    print([hex(ord(c)) for c in text], max(text) == "😀")
    print(text.encode("utf-16-le").hex(), text.encode("utf-32-be").hex())
    print("naïve café".encode("ascii", "xmlcharrefreplace"), "naïve".encode("ascii", "namereplace"))


if __name__ == "__main__":
    properties()
    normal_forms()
    lookup()
    surrogates()
    slicing()
    identifiers = ["nаme", "x²", "ªb", "1a", "_é"]
    print([(ascii(name), name.isidentifier()) for name in identifiers])
