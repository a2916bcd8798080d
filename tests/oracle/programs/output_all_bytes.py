"""Every byte value on standard output, in several ways."""

import os
import sys


def main():
    """Write all 256 values, singly and together."""
    every = bytes(range(256))
    sys.stdout.buffer.write(every)
    sys.stdout.buffer.write(every[::-1])
    for value in every:
        sys.stdout.buffer.write(bytes([value]))
    sys.stdout.flush()
    for value in every:
        os.write(1, bytes([value]))
    os.write(1, b"\r\n\r\r\n\n\x00\x03\x04\x1a\x1b[0m\x7f\xff\xfe\xfd")
    sys.stdout.reconfigure(newline="\r\n")
    print("line", "another")
    sys.stdout.reconfigure(encoding="latin-1", errors="xmlcharrefreplace", newline="")
    print("é ÿ €")


if __name__ == "__main__":
    main()
