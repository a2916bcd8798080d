"""Programs for bench_python.py about text: JSON, regular expressions, pickles, logs, hashes."""

import hashlib
import io
import json
import logging
import pickle
import re
import zlib
from collections.abc import Callable


def expect(found: object, known: object) -> None:
    """Refuse a wrong answer."""
    if found != known:
        raise AssertionError(f"{found!r} is not {known!r}")


#: What a server might answer.
ANSWER = {
    "count": 40,
    "rows": [
        {
            "id": number,
            "name": f"name {number} \u00e9\n",
            "price": number / 8,
            "tags": ["new", "old"][: number % 3],
            "parent": None if number % 4 else number // 4,
            "is_there": number % 2 == 0,
        }
        for number in range(40)
    ],
}
ANSWER_TEXT = json.dumps(ANSWER)
WORDS = "the quick brown fox jumps over a lazy dog while seven wizards box in quiet gardens".split()
TEXT = " ".join(f"{WORDS[number * 7 % len(WORDS)]}{number % 10}" for number in range(400))


def json_dumps() -> None:
    """Write JSON, and look at its sum."""
    text = json.dumps(ANSWER)
    expect((len(text), zlib.crc32(text.encode())), JSON_TEXT)
    text = json.dumps(ANSWER, sort_keys=True, indent=1)
    expect((len(text), zlib.crc32(text.encode())), JSON_INDENTED)


#: Lengths and CRCs.
JSON_TEXT = (4264, 4095533963)
JSON_INDENTED = (5517, 1529419681)


def json_loads() -> None:
    """Read JSON."""
    expect(json.loads(ANSWER_TEXT), ANSWER)


def regex() -> None:
    """Search, split and replace by regular expressions."""
    vowels = re.findall(r"\b[a-z]*[aeiou]{2}[a-z]*(\d)\b", TEXT)
    expect((len(vowels), sum(map(int, vowels))), REGEX[0])
    pairs = re.findall(r"(\w+?)(\d) (?=(\w)\w*\d)", TEXT)
    expect((len(pairs), sum(len(word) for word, _, _ in pairs)), REGEX[1])
    replaced = re.sub(r"(?P<word>(?:fox|dog)+)(?P<digit>[0-4])", r"<\g<digit>\g<word>>", TEXT)
    expect(zlib.crc32(replaced.encode()), REGEX[2])
    expect(len(re.split(r"[aeiou]\w*\d ?", TEXT)), REGEX[3])


REGEX = ((50, 225), (399, 1670), 1664676500, 401)


def pickles() -> None:
    """Write and read pickles, in the format that a pipe of processes uses."""
    expect(pickle.loads(pickle.dumps(ANSWER, protocol=4)), ANSWER)


def logs() -> None:
    """Format records of a log, of which a part is below its level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logger = logging.Logger("bench", logging.INFO)
    logger.addHandler(handler)
    for number in range(25):
        logger.debug("not seen %d", number)
        logger.info("number %d of %s", number, "many")
    lines = stream.getvalue().splitlines()
    expect((len(lines), lines[-1]), (25, "INFO bench: number 24 of many"))


def formatting() -> None:
    """Build text from numbers, in each of the ways that there are."""
    parts = []
    for number in range(300):
        parts.append(f"{number:>6,d}|{number / 7:.3f}|{number:#x}")
        parts.append("%05d %-4s|" % (number, number % 13))
        parts.append("{0}{1!r:>6}".format(number, str(number % 9)))
    text = "".join(parts)
    expect((len(text), zlib.crc32(text.encode())), FORMATTED)


FORMATTED = (11248, 3790757584)


def hashes() -> None:
    """Count words in a dictionary, and hash them one by one."""
    counts: dict[str, int] = {}
    digest = hashlib.sha256()
    for word in TEXT.split(" "):
        counts[word] = counts.get(word, 0) + 1
        digest.update(word.encode())
    expect(digest.hexdigest(), HASHED[0])
    expect((len(counts), max(counts.values())), HASHED[1])
    expect(hashlib.md5(TEXT.encode() * 4).hexdigest(), HASHED[2])


HASHED = (
    "50d80bd511452fececa49527b22d4265d6ba140e6f083a8c5875a1c34fbfa2e7",
    (80, 5),
    "b901672a9ed9dff44233e8bdce6b4cbd",
)


PROGRAMS: dict[str, Callable[[], None]] = {
    "json_dumps": json_dumps,
    "json_loads": json_loads,
    "regex": regex,
    "pickles": pickles,
    "logs": logs,
    "formatting": formatting,
    "hashes": hashes,
}
