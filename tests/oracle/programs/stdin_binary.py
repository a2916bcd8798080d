"""Copy standard input to standard output byte by byte and in blocks."""

import hashlib
import os
import sys


def main():
    """Read in several ways, unbuffered and buffered."""
    first = os.read(0, 5)
    data = first + sys.stdin.buffer.read()
    print(len(data), hashlib.sha256(data).hexdigest())
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    os.write(1, b"\nend\n")
    print(sys.stdin.buffer.read(1), os.read(0, 1))


if __name__ == "__main__":
    main()
