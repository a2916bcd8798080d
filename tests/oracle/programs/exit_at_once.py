"""os._exit: no handlers, no flushing, threads cut off."""

# oracle: status=42

import atexit
import os
import threading
import time

atexit.register(print, "handlers do not run")

if __name__ == "__main__":
    print("flushed", flush=True)
    threading.Thread(target=time.sleep, args=(100,)).start()
    try:
        os._exit(42)
    finally:
        os.write(1, b"not reached\n")
