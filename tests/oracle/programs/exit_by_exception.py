"""An exception that nobody catches: traceback on stderr, status 1."""

# oracle: status=1

import atexit
import sys

atexit.register(print, "handlers run all the same")


class Reached(Exception):
    """Carries notes and a cause."""


def deep(level):
    """Raise from below."""
    if level == 0:
        raise Reached("the bottom")
    try:
        deep(level - 1)
    except Reached as error:
        error.add_note(f"passed level {level}")
        raise


if __name__ == "__main__":
    print("before")
    sys.stderr.write("on stderr before\n")
    try:
        deep(3)
    except Reached as error:
        print(error, error.__notes__)
        raise RuntimeError("uncaught") from error
    print("not reached")
