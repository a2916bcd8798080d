"""A megabyte on standard output, by lines and in one piece."""

import hashlib
import sys


def lines():
    """Yield half a megabyte of lines that all differ."""
    for number in range(8192):
        name = hashlib.md5(str(number).encode()).hexdigest()
        yield f"{number:08d} {name} {'é' * (number % 7):*^21}"


def main():
    """Write in pieces of growing size."""
    for line in lines():
        print(line)
    block = bytes((n * n >> 3) & 0xFF for n in range(65536))
    sys.stdout.flush()
    for repeat in range(8):
        sys.stdout.buffer.write(block)
    sys.stdout.write("\nlast line\n")


if __name__ == "__main__":
    main()
