"""sys.exit with a number: handlers run, buffers are flushed."""

# oracle: status=7

import atexit
import sys

atexit.register(print, "registered first, runs last")
atexit.register(print, "registered last, runs first")


@atexit.register
def flush_late():
    """Write without a newline at the very end."""
    sys.stdout.write("[no newline]")


def main():
    """Leave through several finally blocks."""
    try:
        with open("/dev/null", "w") as sink:
            try:
                print("leaving", file=sys.stdout)
                sys.exit(7)
            finally:
                print("inner", sink.closed)
    except SystemExit as leaving:
        print("caught", leaving.code)
        raise
    finally:
        print("outer")


if __name__ == "__main__":
    main()
    print("not reached")
