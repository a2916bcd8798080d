"""Time a small program of the kind that pyperformance has: bench_python.py FILE NAME LOOPS SAMPLES.

FILE is a `bench_python_*.py` beside this one: a module whose `PROGRAMS` says by name what
there is. Such a program is a function without arguments that checks its own result against
a known value, so that a wrong answer is an error and not a figure. LOOPS calls are one
sample. Prints nanoseconds for a call, a line `NAME VALUE` for each sample; a sample more is
taken first, which warms up.
"""

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path


def main() -> None:
    """Measure."""
    file, name = sys.argv[1:3]
    loops, samples = (int(word) for word in sys.argv[3:])
    programs: dict[str, Callable[[], None]] = importlib.import_module(Path(file).stem).PROGRAMS
    program = programs[name]
    for sample in range(samples + 1):
        begin = time.monotonic_ns()
        for _ in range(loops):
            program()
        spent = time.monotonic_ns() - begin
        if sample:
            print(name, spent / loops, flush=True)


main()
