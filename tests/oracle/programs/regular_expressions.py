"""Regular expressions: groups, flags, look-around, substitution, scanning."""

import re

LOG = """\
2026-01-02 03:04:05 INFO  kernel: core 0 up
2026-01-02 03:04:06 WARN  sched: queue 17 is long
2026-01-02 03:04:07 ERROR python: exit status 139
"""


def parse_log():
    """Take a log apart with named groups."""
    line = re.compile(
        r"""
        ^(?P<date>\d{4}-\d\d-\d\d)\s(?P<time>[\d:]+)\s
        (?P<level>[A-Z]+)\s+(?P<unit>\w+):\s(?P<text>.*)$
        """,
        re.VERBOSE | re.MULTILINE,
    )
    for match in line.finditer(LOG):
        print(match.groupdict(), match.span("text"), match.lastgroup)
    print(line.groups, sorted(line.groupindex.items()))


def look_around():
    """Assertions that take no characters."""
    print(re.findall(r"(?<=\$)\d+(?=\.)", "$12.50 $7 9.1 $99.x"))
    print(re.findall(r"\b(?!the\b)\w+", "the cat and the hat"))
    print(re.sub(r"(?<!\d)(\d{3})(?!\d)", r"<\1>", "12 345 6789 012"))
    print(re.sub(r"(?<=\d)(?=(\d{3})+$)", ",", "1234567890"))


def substitution():
    """Replace by text, by back reference and by a function."""
    print(re.sub(r"(\w+) (\w+)", r"\2 \1", "hello world, big deal"))
    print(re.sub(r"(?P<n>\d+)", lambda m: str(int(m["n"]) * 2), "1 22 333"))
    print(re.subn("a|e", "#", "an apple a day", count=3))
    print(re.sub(r"x*", "-", "abxd"), re.escape("a.b*c[d]"))


def greed():
    """Greedy, lazy, possessive and atomic repetition."""
    text = "<a><bc><def>"
    print(re.findall("<.+>", text), re.findall("<.+?>", text))
    print(re.match(r"a++b", "aaab"), re.match(r"a++a", "aaa"))
    print(re.match(r"(?>a|ab)c", "abc"), re.match(r"(a|ab)c", "abc").group())


def flags():
    """Flags given outside and inside of the pattern."""
    print(re.findall(r"(?i)straße|STRASSE", "Straße strasse"))
    print(re.findall(r"^\w", "a\nb\nc", re.M), re.findall(r"a.c", "a\nc", re.S))
    print(re.findall(r"\w+", "naïve", re.A), re.findall(r"(?i:A)b", "ab aB Ab"))
    print(re.compile("x", re.I | re.M).flags, re.fullmatch(r"\d+", "12a"))


def splitting():
    """Split with and without keeping what separates."""
    print(re.split(r"[,;]\s*", "a, b;c,d"), re.split(r"(-)", "1-2-3", maxsplit=1))
    print(re.split(r"\b", "two words"), re.split(r"(?=b)", "abab"))
    print(re.findall(rb"\w+", b"by\xe9te strings"))


def errors():
    """Patterns that are wrong say where."""
    for pattern in ["(", "a{2,1}", "[z-a]", r"\1", "(?P<n>a)(?P<n>b)", "*a"]:
        try:
            re.compile(pattern)
        except re.error as error:
            print(pattern, "->", error.pos, error.msg)


if __name__ == "__main__":
    parse_log()
    look_around()
    substitution()
    greed()
    flags()
    splitting()
    errors()
    print(
        re.match(r"(a)|(b)", "b").groups("none"),
        re.search(r"(?P<y>\d{4})", "in 2026").expand(r"<\g<y>>"),
    )
