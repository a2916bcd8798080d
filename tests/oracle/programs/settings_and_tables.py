"""configparser, csv, tomllib, plistlib and string templates."""

import configparser
import csv
import datetime
import io
import plistlib
import string
import tempfile
import tomllib

INI = """\
[DEFAULT]
base = /srv
[paths]
data = ${base}/data
logs = ${data}/logs   ; where
[flags]
on = yes
number = 42
list =
    one
    two
"""
TOML = """\
title = "example"
[owner]
born = 1979-05-27T07:32:00-08:00
[[servers]]
ip = "10.0.0.1"
ports = [8000, 8_001]
[[servers]]
ip = '''10.0.0.2'''
weight = 1.5e3
enabled = true
"""


def ini():
    """Sections, interpolation, conversions and writing."""
    parser = configparser.ConfigParser(
        interpolation=configparser.ExtendedInterpolation(), inline_comment_prefixes=(";",)
    )
    parser.read_string(INI)
    print(
        parser.sections(),
        parser["paths"]["logs"],
        parser["flags"].getboolean("on"),
        parser.getint("flags", "number"),
        parser["flags"]["list"].split(),
    )
    parser["new"] = {"key": "value with $$"}
    parser.remove_option("flags", "number")
    out = io.StringIO()
    parser.write(out)
    print(out.getvalue())
    for bad in ("no section = 1", "[a]\n[a]\n", "[x]\n= 1\n"):
        try:
            configparser.ConfigParser().read_string(bad)
        except configparser.Error as error:
            print(type(error).__name__)


def toml():
    """Read TOML."""
    data = tomllib.loads(TOML)
    print(data["title"], data["owner"]["born"].isoformat(), data["servers"])
    for bad in ("a = ", "a = 1\na = 2", "[a]\n[a]", "x = 01"):
        try:
            tomllib.loads(bad)
        except tomllib.TOMLDecodeError:
            print("refused", repr(bad))


def tables():
    """Quotes, dialects, dictionaries."""
    rows = [["plain", "with,comma", 'with "quotes"'], ["two\nlines", "", "é"], [1, 2.5, None]]
    for keywords in (
        {},
        {"quoting": csv.QUOTE_ALL},
        {"delimiter": ";"},
        {"dialect": "excel-tab"},
        {"lineterminator": "\n"},
    ):
        out = io.StringIO()
        csv.writer(out, **keywords).writerows(rows)
        print(repr(out.getvalue()))
    with tempfile.TemporaryFile("w+", newline="") as file:
        writer = csv.DictWriter(file, ["name", "size"], restval="?")
        writer.writeheader()
        writer.writerows([{"name": "a", "size": 1}, {"name": "b"}])
        file.seek(0)
        print(list(csv.DictReader(file)))
    print(
        csv.Sniffer().sniff("a;b;c\n1;2;3\n4;5;6\n").delimiter,
        list(csv.reader(["a,'b,c',d"], quotechar="'")),
        list(csv.reader(["1,x"], quoting=csv.QUOTE_NONNUMERIC and csv.QUOTE_NONE)),
    )


def property_lists():
    """XML and binary lists of properties."""
    value = {
        "text": "é",
        "data": b"\x00\xff",
        "list": [1, 2.5, True],
        "date": datetime.datetime(2026, 1, 2, 3, 4, 5),
        "deep": {"a": {}},
    }
    for form in (plistlib.FMT_XML, plistlib.FMT_BINARY):
        packed = plistlib.dumps(value, fmt=form)
        print(len(packed), plistlib.loads(packed) == value)


def templates():
    """Substitution."""
    template = string.Template("$who owes $$${amount} to ${whom}")
    print(
        template.substitute(who="Ann", amount=5, whom="Bob"),
        template.safe_substitute(who="X"),
        template.get_identifiers(),
    )
    try:
        template.substitute(who="only")
    except KeyError as error:
        print("KeyError", error)
    print(list(string.Formatter().parse("a{b!r:>{w}}c")), string.capwords("two words"))


if __name__ == "__main__":
    ini()
    toml()
    tables()
    property_lists()
    templates()
