"""textwrap, pprint, difflib, reprlib, string and locale."""

import difflib
import locale
import pprint
import reprlib
import string
import textwrap

TEXT = (
    "The scheduler keeps one run queue per core, steals from a random victim, and "
    "wakes another core when it has found work; the last searcher that finds some "
    "wakes a further one, so that no core sleeps while there is work to do."
)


def wrapping():
    """Lines of a given width."""
    print(textwrap.fill(TEXT, 40, initial_indent="* ", subsequent_indent="  "))
    print(textwrap.wrap("averyveryverylongword and-hyphenated-words", 12))
    print(textwrap.shorten(TEXT, 50, placeholder=" […]"))
    print(repr(textwrap.dedent("    a\n      b\n\n    c")), repr(textwrap.indent("x\n\ny", "> ")))


def printing():
    """Large structures in a readable form."""
    value = {
        "numbers": list(range(30)),
        "nested": [{"k": ("v",) * 5, "z": {1, 2, 3}}] * 2,
        "text": TEXT[:90],
        "empty": [],
        "bytes": bytes(range(40)),
    }
    pprint.pprint(value, width=60, compact=True)
    pprint.pprint(value, width=100, depth=2, sort_dicts=False)
    loop = [1]
    loop.append(loop)
    print(pprint.saferepr("é"), pprint.isreadable(value), pprint.isrecursive(loop))
    print(reprlib.repr(list(range(100))), reprlib.repr("x" * 100), repr(loop))


def differences():
    """Compare texts."""
    old = ["one", "two", "three", "four", "five"]
    new = ["one", "2", "three", "four and a half", "five", "six"]
    print("\n".join(difflib.unified_diff(old, new, "old", "new", lineterm="", n=1)))
    print("\n".join(difflib.context_diff(old, new, "a", "b", lineterm="")))
    delta = list(difflib.ndiff(old, new))
    print("\n".join(line.rstrip() for line in delta))
    print(list(difflib.restore(delta, 1)) == old)
    matcher = difflib.SequenceMatcher(None, "private thread", "private volatile thread")
    print(matcher.ratio(), matcher.get_opcodes(), matcher.find_longest_match())
    print(difflib.get_close_matches("appel", ["ape", "apple", "peach", "puppy"]))
    print(len(difflib.HtmlDiff().make_table(old, new)) > 1000)


def places():
    """The C locale, and constants."""
    print(
        locale.setlocale(locale.LC_ALL, "C"),
        locale.localeconv()["decimal_point"],
        locale.format_string("%.2f", 1234.5, grouping=True),
        locale.atof("1.5"),
        sorted("bBaA", key=locale.strxfrm),
    )
    print(
        string.ascii_letters,
        string.digits,
        string.hexdigits,
        string.punctuation,
        repr(string.whitespace),
    )


if __name__ == "__main__":
    wrapping()
    printing()
    differences()
    places()
