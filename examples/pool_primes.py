"""Primes below a million, counted by a pool over all cores, with a progress bar.

./run.sh --smp 4 examples/pool_primes.py [LIMIT]
"""

import sys
import time

import roentgen

STEP = 10_000


def count_primes(start: int, stop: int) -> tuple[int, int]:
    """Count the primes in a range, by sieving it with those up to its root."""
    sieve = bytearray([1]) * (stop - start)
    for divisor in range(2, int(stop**0.5) + 1):
        first = max(divisor * divisor, -(-start // divisor) * divisor)
        sieve[first - start :: divisor] = bytes(len(range(first, stop, divisor)))
    if start < 2:
        sieve[: 2 - start] = bytes(2 - start)
    return sum(sieve), roentgen.current_core()


def main() -> None:
    """Count, and say which core counted how much."""
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    starts = range(0, limit, STEP)
    stops = [min(start + STEP, limit) for start in starts]
    began = time.monotonic()
    ranges: dict[int, int] = {}
    total = 0
    with roentgen.Pool() as pool:
        for found, core in pool.map(count_primes, starts, stops, progress=True):
            total += found
            ranges[core] = ranges.get(core, 0) + 1
    seconds = time.monotonic() - began
    print(f"{total} primes below {limit}, in {seconds:.2f} s")
    for core, count in sorted(ranges.items()):
        print(f"core {core} counted {count} of {len(starts)} ranges")


if __name__ == "__main__":
    main()
