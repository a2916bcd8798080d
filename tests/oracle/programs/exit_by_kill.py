"""Death by a SIGKILL of one's own, with threads and a child about."""

# oracle: status=137

import os
import signal
import sys
import threading
import time

if __name__ == "__main__":
    for _ in range(3):
        threading.Thread(target=time.sleep, args=(100,)).start()
    print("threads:", threading.active_count())
    sys.stdout.flush()
    try:
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(100)
    finally:
        os.write(1, b"not reached\n")
