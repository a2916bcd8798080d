"""Run the oracle's programs and pass on what they write.

    python run_programs.py [--jobs N] [--timeout S] PROGRAM...

PROGRAM is a file.  Its standard input is the file beside it that ends in `.in`,
else nothing; its directory is a fresh one; its environment is always the same.
Comments at its head say more:

    # oracle: argv=build -v          its arguments
    # oracle: status=7               its exit status, 128 + n for signal n

For each program there is a line `start NAME`, and when it has ended

    result NAME STATUS EXPECTED SECONDS STDOUT_SIZE STDERR_SIZE

followed by so many bytes of its standard output, so many of the end of its
standard error, and a newline.  STATUS is `-` for a program that ran out of time.
The last line is `end`.  The same file runs on Linux and on Roentgen.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

#: As in `typing`, which nothing here has to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

#: How much of a program's standard error is passed on.
ERROR_SIZE = 2000


class Program:
    """A program that is running."""

    def __init__(self, path: str, timeout: float) -> None:
        self.name = os.path.basename(path).removesuffix(".py")
        with open(path, encoding="utf-8") as file:
            notes: dict[str, str] = dict(re.findall(r"^# oracle: (\w+)=(.*)$", file.read(), re.M))
        self.expected = int(notes.get("status", 0))
        self.scratch = tempfile.mkdtemp(prefix="oracle-")
        self.directory = os.path.join(self.scratch, "directory")
        os.mkdir(self.directory)
        source = path.removesuffix(".py") + ".in"
        self.streams: list[BinaryIO] = [
            open(source if os.path.exists(source) else os.devnull, "rb"),
            open(os.path.join(self.scratch, "stdout"), "w+b"),
            open(os.path.join(self.scratch, "stderr"), "w+b"),
        ]
        write(f"start {self.name}\n".encode())
        self.started = time.monotonic()
        self.deadline = self.started + timeout
        self.process = subprocess.Popen(
            [sys.executable, path, *shlex.split(notes.get("argv", ""))],
            stdin=self.streams[0],
            stdout=self.streams[1],
            stderr=self.streams[2],
            cwd=self.directory,
            start_new_session=True,
            env={"PATH": "/usr/bin:/bin", "HOME": self.scratch, "LANG": "C.UTF-8", "TZ": "UTC"},
        )

    def step(self) -> bool:
        """Return whether the program is still running; report it if not."""
        status = self.process.poll()
        if status is None and time.monotonic() < self.deadline:
            return True
        seconds = time.monotonic() - self.started
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        word = "-" if status is None else str(status if status >= 0 else 128 - status)
        self.process.wait()
        _, out, err = self.streams
        out.seek(0)
        text = out.read()
        err.seek(0)
        end = err.read()[-ERROR_SIZE:]
        write(
            f"result {self.name} {word} {self.expected} {seconds:.2f} "
            f"{len(text)} {len(end)}\n".encode()
            + text
            + end
            + b"\n"
        )
        for stream in self.streams:
            stream.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
        return False


def write(data: bytes) -> None:
    """Write all of it."""
    while data:
        data = data[os.write(1, data) :]


def main() -> None:
    """Run the programs that the command line names."""
    parser = argparse.ArgumentParser(description="run the oracle's programs")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--timeout", type=float, default=20, help="seconds for one program")
    parser.add_argument("programs", nargs="+", metavar="PROGRAM")
    options = parser.parse_args()
    waiting = [os.path.abspath(path) for path in reversed(options.programs)]
    running: list[Program] = []
    while waiting or running:
        while waiting and len(running) < options.jobs:
            running.append(Program(waiting.pop(), options.timeout))
        running = [program for program in running if program.step()]
        time.sleep(0.005)
    write(b"end\n")


if __name__ == "__main__":
    main()
