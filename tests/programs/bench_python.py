"""Time programs of the kind that pyperformance has: bench_python.py FILE SAMPLES NAME=LOOPS[=AS]...

FILE is a `bench_python_*.py` beside this one: a module whose `PROGRAMS` says by name what
there is. Such a program is a function without arguments that checks its own result against
a known value, so that a wrong answer is an error and not a figure. LOOPS calls are one
sample. Prints nanoseconds for a call, a line `NAME VALUE` for each sample, or `AS VALUE`; a
sample more is taken first, which warms up.
"""

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path


def measure(name: str, program: Callable[[], None], loops: int, samples: int) -> None:
    """Time one program."""
    for sample in range(samples + 1):
        begin = time.monotonic_ns()
        for _ in range(loops):
            program()
        spent = time.monotonic_ns() - begin
        if sample:
            print(name, spent / loops, flush=True)


def main() -> None:
    """Measure."""
    file, samples, *wanted = sys.argv[1:]
    programs: dict[str, Callable[[], None]] = importlib.import_module(Path(file).stem).PROGRAMS
    for word in wanted:
        name, loops, *printed = word.split("=")
        measure("".join(printed) or name, programs[name], int(loops), int(samples))


main()
