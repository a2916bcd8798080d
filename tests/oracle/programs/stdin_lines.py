"""Read standard input by input(), lines, words and the rest."""

import fileinput
import sys


def main():
    """Take the input apart."""
    print("first:", input())
    print("prompted:", input("prompt> "))
    print("second line length:", len(sys.stdin.readline()))
    words = 0
    for line in sys.stdin:
        if line.strip() == "--":
            break
        words += len(line.split())
    print("words:", words)
    rest = sys.stdin.read()
    print("rest:", ascii(rest[:60]), len(rest), rest.count("\n"))
    print("at the end:", repr(sys.stdin.read()), repr(sys.stdin.readline()))
    try:
        input()
    except EOFError as error:
        print("EOFError", error)
    print(
        sys.stdin.isatty(), sys.stdin.fileno(), sys.stdin.readable(), list(fileinput.input(["-"]))
    )


if __name__ == "__main__":
    main()
