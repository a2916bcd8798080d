"""One interpreter for each core, all computing at the same time.

Each process has an address space and an interpreter of its own, so there is no lock
that they could wait for one another at.
"""

import os
import time

import roentgen


def work(rounds: int) -> int:
    """Add up the first squares; pure interpreter work."""
    return sum(number * number for number in range(rounds))


def main() -> None:
    """Fork once for each core, let all compute, and wait for them."""
    started = time.monotonic()
    for _ in range(roentgen.cpu_count()):
        if os.fork() == 0:
            result = work(200_000)
            print(
                f"pid {os.getpid()} on core {roentgen.current_core()}: {result}",
                flush=True,
            )
            os._exit(0)
    while True:
        try:
            _, status = os.wait()
        except ChildProcessError:
            break
        if status != 0:
            raise SystemExit(f"a child failed: {status:#x}")
    print(f"all done after {time.monotonic() - started:.2f} s")


if __name__ == "__main__":
    main()
