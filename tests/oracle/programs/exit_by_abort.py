"""Death by SIGABRT: what was flushed is there, what was not is lost."""

# oracle: status=134

import atexit
import os
import sys

atexit.register(print, "handlers do not run")

if __name__ == "__main__":
    print("flushed", flush=True)
    os.write(1, b"written directly\n")
    sys.stdout.flush()
    os.abort()
