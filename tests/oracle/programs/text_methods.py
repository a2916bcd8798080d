"""Methods of str: case, splitting, justifying, testing, translating."""

SAMPLES = [
    "hello world",
    "Straße",
    "ǆ titlecase",
    "ΑΒΓ σς",
    "tab\tand\nline",
    "  padded  ",
    "İstanbul",
    "１２３",
    "½",
    "",
    "a,b,,c",
    "ﬁne",
]
TESTS = [
    "isalpha",
    "isalnum",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
]


def cases():
    """Change the case of every sample."""
    for text in SAMPLES:
        print(
            ascii(
                [
                    text.upper(),
                    text.lower(),
                    text.title(),
                    text.capitalize(),
                    text.swapcase(),
                    text.casefold(),
                ]
            )
        )


def predicates():
    """Ask every question about every sample."""
    for text in SAMPLES:
        print(ascii(text), "".join("yn"[not getattr(text, test)()] for test in TESTS))


def splitting():
    """Take strings apart and put them together."""
    text = "one two  three\tfour\n\nfive"
    print(text.split(), text.split(" "), text.split(None, 2))
    print(text.rsplit(" ", 1), text.splitlines(), text.splitlines(True))
    print("a\x0bb\x0cc\x1cd\x85e\u2028f\r\ng".splitlines())
    print("k=v=w".partition("="), "k=v=w".rpartition("="), "kv".partition("="))
    print("prefix-body".removeprefix("prefix-"), "x.tar".removesuffix(".tar"))
    print("-".join(["a", "b", "c"]), "abc".join([]), ",".join("xyz"))


def justifying():
    """Pad and strip."""
    print(
        [
            f("ab", 7, "*") if f is not str.zfill else f("-42", 7)
            for f in (str.center, str.ljust, str.rjust, str.zfill)
        ]
    )
    print(
        "\tx\ty".expandtabs(4).replace(" ", "."),
        "xxhixx".strip("x"),
        "  hi ".lstrip() + "|",
        "  hi ".rstrip() + "|",
    )


def searching():
    """Find, count and replace."""
    text = "mississippi"
    print(
        text.find("ss"),
        text.rfind("ss"),
        text.find("z"),
        text.count("s"),
        text.count(""),
        text.index("pp"),
        text.replace("ss", "SS", 1),
    )
    print(text.startswith(("mis", "x")), text.endswith("pi", 3, 11))
    try:
        text.index("zz")
    except ValueError as error:
        print("ValueError", error)


def translating():
    """Translate by tables."""
    table = str.maketrans({"a": "4", "e": "3", "x": None, ord("t"): "7"})
    print("text examples at tea".translate(table))
    print("abc".translate(str.maketrans("abc", "xyz")))
    print("remove vowels".translate(str.maketrans("", "", "aeiou")))


def formatting():
    """Format through str.format, % and f-strings."""
    print("{0!r:>10}|{1:^9.3f}|{2:+,d}|{3:#x}".format("ab", 3.14159, 12345, 255))
    print("%-8s|%08.3f|%+d|%o|%e|%%|%c|%r" % ("s", 2.5, 3, 8, 1234.5, "x", "q"))
    width, value = 12, 255
    print(f"{value:0>{width}b} {value=} {value:_b} {'é':*^5} {1e10:g} {0.1:.20f}")
    print("{a[0]} {b.real} {c[key]}".format(a=[1], b=2 + 3j, c={"key": "v"}))


if __name__ == "__main__":
    cases()
    predicates()
    splitting()
    justifying()
    searching()
    translating()
    formatting()
