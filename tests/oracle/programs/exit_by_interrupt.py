"""An uncaught KeyboardInterrupt ends the process as by SIGINT."""

# oracle: status=130

import atexit
import os
import signal
import time

atexit.register(print, "handlers run", flush=True)

if __name__ == "__main__":
    print("interrupting", flush=True)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(30)
    print("not reached")
