"""Run modules of CPython's own test suite, one result line per test id.

    python run_cpython.py --list cpython.toml --tests DIR [MODULE...]

DIR holds the package `test`.  Every module runs in a process of its own, in a
fresh directory; `--jobs` of them run at once.  A line says

    test_os.FileTests.test_access ok

with one of ok, fail, error, skip, xfail, crash or hang, and for the bad ones
the reason behind a `#`.  A line is written as soon as its test has ended.  A
test that kills its process or exceeds its time is recorded as `crash` or
`hang`, and the module goes on behind it in a new process.  The last line,
`# end`, says that nothing was lost.

The same file runs on Linux and on Roentgen, under the same interpreter; what
to compare and what to leave out is not decided here.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import importlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import unittest
import warnings

#: As in `typing`, which nothing here has to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterable, Iterator
    from threading import Thread
    from types import TracebackType
    from typing import Any, Protocol, Self, TypeAlias

    #: A `TestCase` that also has an `oracle_id`, or what the loader and the suites
    #: put in the place of one.
    Test: TypeAlias = Any
    #: What `sys.exc_info` returns.  There always is an exception's class, but the
    #: methods of `TestResult` are declared as if there might be none.
    Error: TypeAlias = tuple[Any, BaseException | None, TracebackType | None]
else:
    Protocol = object

#: Resources of `test.support` that may be used; not `cpu`, `gui`, `largefile`, …
#: The network is the loopback device: tests run where there is no other.
RESOURCES = ["subprocess", "decimal", "network", "walltime"]
#: How long a process may take to import its module and load the tests, in
#: multiples of a test's time.
LOAD_FACTOR = 3
#: What a module's process prints, in its directory; and how much of it a crash shows, in
#: bytes at most and in lines.
OUTPUT = ".output"
LAST_BYTES, LAST_LINES = 1000, 3
#: A module that loses its process more often than this is given up.
MAX_RESTARTS = 40


# --- In the process that runs one module -------------------------------------


def walk(suite: unittest.TestSuite) -> Iterator[Test]:
    """Yield the tests of a nested suite in their order."""
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from walk(item)
        else:
            yield item


def name_tests(suite: unittest.TestSuite, module: str) -> None:
    """Give every test of `suite` a unique id that starts with `module`."""
    seen: dict[str, int] = {}
    for test in walk(suite):
        name = test.id().replace(" ", "_")
        name = name.removeprefix("test.").removeprefix("__main__.")
        if not name.startswith(module):
            name = f"{module}:{name}"
        count = seen[name] = seen.get(name, 0) + 1
        test.oracle_id = name if count == 1 else f"{name}#{count}"


def without(suite: Iterable[Test], unwanted: Callable[[str], bool]) -> unittest.TestSuite:
    """Return `suite` with its nesting, but without the unwanted tests."""
    kept: list[Test] = []
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            kept.append(without(item, unwanted))
        elif not unwanted(item.oracle_id):
            kept.append(item)
    return type(suite)(kept) if type(suite) is unittest.TestSuite else unittest.TestSuite(kept)


class LineResult(unittest.TestResult):
    """A test result that reports by lines on a descriptor."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.owner = os.getpid()
        self.started = 0.0
        self.outcome: tuple[str, str] | None = None
        self.passed: set[str] = set()

    def write(self, *words: str) -> None:
        """Write one line, unless this is a forked copy of the test process."""
        if os.getpid() == self.owner:
            line = " ".join(words).replace("\n", " ") + "\n"
            os.write(self.descriptor, line.encode("utf-8", "replace"))

    def startTest(self, test: Test) -> None:
        super().startTest(test)
        self.outcome = None
        self.started = time.monotonic()
        self.write("start", test.oracle_id)

    def stopTest(self, test: Test) -> None:
        super().stopTest(test)
        elapsed = time.monotonic() - self.started
        status, reason = self.outcome or ("ok", "")
        if status == "ok":
            self.passed.add(test.oracle_id)
        self.write("done", test.oracle_id, status, f"{elapsed:.2f}", reason)

    def note(self, test: Test, status: str, error: Error | None = None) -> None:
        """Remember an outcome; the first bad one of a test counts."""
        reason = ""
        if error is not None:
            lines = str(error[1]).strip().splitlines() or [""]
            # A failed import's own reason stands last, a comparison's first.
            text = lines[-1] if "_FailedTest" in str(test) else lines[0]
            reason = f"# {error[0].__name__}: {text}"[:200]
        if not hasattr(test, "oracle_id"):  # setUpClass, setUpModule
            name = str(test).replace(" ", "_")
            self.write("done", name, status, "0.00", reason)
        elif self.outcome is None or self.outcome[0] in ("ok", "skip"):
            self.outcome = status, reason

    def addError(self, test: Test, error: Error) -> None:
        self.note(test, "error", error)

    def addFailure(self, test: Test, error: Error) -> None:
        self.note(test, "fail", error)

    def addSubTest(self, test: Test, subtest: Test, error: Error | None) -> None:
        if error is not None:
            failed = issubclass(error[0], test.failureException)
            self.note(test, "fail" if failed else "error", error)

    def addSkip(self, test: Test, reason: str) -> None:
        self.note(getattr(test, "test_case", test), "skip")

    def addExpectedFailure(self, test: Test, error: Error) -> None:
        self.note(test, "xfail")

    def addUnexpectedSuccess(self, test: Test) -> None:
        self.note(test, "fail")


class ChildWatcher:
    """Stands in for what asyncio used to need to wait for processes."""

    _threads: dict[int, Thread] = {}

    def attach_loop(self, loop: AbstractEventLoop | None) -> None:
        """Do nothing: the loop waits by itself now."""

    def close(self) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def prepare_asyncio() -> None:
    """Give asyncio's tests the names that they ask for."""
    import asyncio
    from asyncio import events, unix_events

    for kind in ("Safe", "Fast", "MultiLoop", "Threaded", "Pidfd"):
        for module in (asyncio, unix_events):
            setattr(module, f"{kind}ChildWatcher", ChildWatcher)
    setattr(asyncio, "set_child_watcher", lambda watcher: None)
    policy: Any = events._AbstractEventLoopPolicy
    policy.get_child_watcher = lambda self: ChildWatcher()
    policy.set_child_watcher = lambda self, watcher: None


def prepare() -> None:
    """Make the tests of one Python fit the library of a later one."""
    from test import support
    from test.support import import_helper

    support.use_resources = RESOURCES
    # The whole library is frozen here: to import a fresh copy of a module
    # without looking at the frozen ones finds nothing.
    import_helper.frozen_modules = lambda enabled=True: contextlib.nullcontext()
    # Modules of the tests' own Python that the later one would refuse.
    setattr(warnings, "_deprecated", lambda *arguments, **keywords: None)
    # Names that have moved or gone since.
    prepare_asyncio()
    import logging

    inside: Any = logging
    inside._acquireLock = inside._lock.acquire
    inside._releaseLock = inside._lock.release
    sys.modules["_compression"] = importlib.import_module("compression._common._streams")


def run_module(
    module: str,
    descriptor: int,
    todo: list[str],
    prefix: str = "test.",
    prepare: Callable[[], None] = prepare,
) -> None:
    """Run one module's tests; `prefix` and its name are what is imported.

    Each line of `todo` has a mark and an id: `-` leaves out what matches, `=` is
    done, and where there is a `+` or `~` only what has the one, or matches the
    other, is run.  What has a `+` and does not pass is run twice: the first time, an
    emulator translates the code, and a test about time says little.
    """
    marked = {mark: {line[1:] for line in todo if line[0] == mark} for mark in "-=+~"}
    patterns, done, only, parts = marked["-"], marked["="], marked["+"], marked["~"]
    os.set_inheritable(descriptor, False)
    result = LineResult(descriptor)
    prepare()

    def unwanted(name: str) -> bool:
        return (
            name in done
            or (only and name not in only)
            or (parts and not any(fnmatch.fnmatchcase(name, pattern) for pattern in parts))
            or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        )

    for _ in range(2 if only else 1):
        try:
            suite = unittest.defaultTestLoader.loadTestsFromName(f"{prefix}{module}")
        except unittest.SkipTest as skip:
            result.write("done", module, "skip", "0.00", f"# {skip}")
            break
        name_tests(suite, module)
        result.write("loaded")
        without(suite, unwanted).run(result)
        done |= result.passed
    result.write("end")


# --- In the process that watches over them -----------------------------------


class Process(Protocol):
    """What is asked of a module's process."""

    pid: int

    def poll(self) -> int | None:
        """Return its status, where it has ended."""

    def wait(self) -> int:
        """Wait for its end, and return its status."""


class Module:
    """One module's run: its process, what is done, what is under way."""

    process: Process

    def __init__(self, name: str, options: argparse.Namespace, todo: list[str]) -> None:
        self.name = name
        self.options = options
        self.todo = todo
        self.done: set[str] = set()
        self.restarts = 0
        self.seconds = 0.0
        self.start()

    def start(self) -> None:
        """Start the module's process, to run all that is not done."""
        self.current: str | None = None
        self.ended = False
        self.pending = b""
        self.deadline = time.monotonic() + LOAD_FACTOR * self.options.timeout
        self.directory = tempfile.mkdtemp(prefix="cpython-")
        todo = os.path.join(self.directory, ".oracle")
        with open(todo, "w", encoding="utf-8") as file:
            file.writelines(
                f"{line}\n" for line in [*self.todo, *(f"={name}" for name in sorted(self.done))]
            )
        self.pipe, writer = os.pipe()
        self.launch(writer, todo)
        os.close(writer)

    def launch(self, writer: int, todo: str) -> None:
        """Start the process, which writes its results there."""
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": self.directory,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONPATH": os.path.abspath(self.options.tests),
        }
        output = self.open_output()
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--worker", f"{writer}:{todo}", self.name],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[writer],
            cwd=self.directory,
            env=environment,
            start_new_session=True,
        )
        os.close(output)

    def open_output(self) -> int:
        """Open what the process prints to: a file of its own, of which a crash shows the end."""
        if self.options.verbose:
            return os.dup(2)
        path = os.path.join(self.directory, OUTPUT)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def last_words(self) -> str:
        """Return the last lines that the process has printed, as one."""
        try:
            with open(os.path.join(self.directory, OUTPUT), "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - LAST_BYTES))
                lines = file.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        return " | ".join([line.strip() for line in lines if line.strip()][-LAST_LINES:])

    def stop(self) -> int:
        """End the process and all it has started; return its status."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        status = self.process.wait()
        os.close(self.pipe)
        shutil.rmtree(self.directory, ignore_errors=True)
        return status

    def read(self) -> bool:
        """Take what has arrived in the pipe; return whether it is at its end."""
        data = os.read(self.pipe, 65536)
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            self.take(line.decode("utf-8", "replace"))
        return not data

    def take(self, line: str) -> None:
        """Handle one line of the module's process."""
        now = time.monotonic()
        kind, _, rest = line.partition(" ")
        if kind == "start":
            self.current = rest
            self.deadline = now + self.options.timeout
        elif kind == "done":
            name, status, seconds, reason = (rest.split(" ", 3) + [""])[:4]
            self.report(name, status, float(seconds), reason)
            self.current = None
            # What lies between two tests (class fixtures) has its time too.
            self.deadline = now + self.options.timeout
        elif kind == "end":
            self.ended = True

    def report(self, name: str, status: str, seconds: float, reason: str = "") -> None:
        """Print one test's result."""
        self.done.add(name)
        self.seconds += seconds
        words = [name, status]
        if self.options.times:
            words.append(f"{seconds:.2f}")
        if reason:
            words.append(reason)
        print(*words, flush=True)

    def lost(self, status: str, why: str) -> bool:
        """Record that the process is gone; return whether to start again."""
        self.restarts += 1
        if self.current is not None:
            self.report(self.current, status, 0.0, f"# {why}")
        if self.current is None or self.restarts > MAX_RESTARTS:
            print(f"# {self.name}: gave up ({why})", flush=True)
            return False
        return True

    def step(self, readable: bool) -> bool:
        """Look after the process; return whether the module is still running."""
        at_end = readable and self.read()
        # The end of the pipe alone says too little: what a test has started may
        # hold it open.  And what a process has written is there once it is gone.
        if not at_end and not self.ended and self.process.poll() is not None:
            os.set_blocking(self.pipe, False)
            with contextlib.suppress(BlockingIOError):
                while not self.read():
                    pass
            at_end = True
        if self.ended:
            self.stop()
            print(f"# {self.name}: {len(self.done)} in {self.seconds:.1f} s", flush=True)
            return False
        if at_end:
            words = self.last_words()
            restart = self.lost("crash", f"status {self.stop()} {words}".rstrip())
        elif time.monotonic() > self.deadline:
            self.stop()
            restart = self.lost("hang", "out of time")
        else:
            return True
        if restart:
            self.start()
        return restart


def belongs(identifier: str, module: str) -> bool:
    """Return whether a test's id, or a pattern of ids, is one of the module's."""
    return identifier.startswith((f"{module}.", f"{module}:", "*")) or identifier == module


def run_all(
    modules: list[str],
    options: argparse.Namespace,
    patterns: list[str],
    only: list[str],
    parts: list[str],
    kind: type[Module],
) -> None:
    """Run the modules, `options.jobs` at a time.

    Of `only` and of `parts` those that belong to a module say what of it is run; a
    module that none belongs to is run whole.
    """
    waiting = list(reversed(modules))
    running: list[Module] = []
    while waiting or running:
        while waiting and len(running) < options.jobs:
            name = waiting.pop()
            todo = [
                *(f"-{pattern}" for pattern in patterns),
                *(f"+{identifier}" for identifier in only if belongs(identifier, name)),
                *(f"~{pattern}" for pattern in parts if belongs(pattern, name)),
            ]
            running.append(kind(name, options, todo))
        poller = select.poll()
        for module in running:
            poller.register(module.pipe, select.POLLIN)
        ready = {descriptor for descriptor, _ in poller.poll(500)}
        running = [module for module in running if module.step(module.pipe in ready)]
    print("# end", flush=True)


def main(kind: type[Module] = Module, whose: str = "CPython") -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=f"run {whose}'s tests")
    parser.add_argument("--list", help="modules and excluded ids, as TOML")
    parser.add_argument(
        "--groups", default="kernel,library", help="the list's groups of modules to run"
    )
    parser.add_argument("--tests", default=".", help="the directory that holds the package `test`")
    parser.add_argument("--timeout", type=float, default=30, help="seconds for one test")
    parser.add_argument("--jobs", type=int, default=1, help="modules that run at the same time")
    parser.add_argument("--times", action="store_true", help="print each test's seconds")
    parser.add_argument("--verbose", action="store_true", help="show what the tests print")
    parser.add_argument("--only", help="a file with the only ids to run")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    options = parser.parse_args()

    if options.worker:
        descriptor, _, todo = options.worker.partition(":")
        with open(todo, encoding="utf-8") as file:
            lines = file.read().splitlines()
        os.unlink(todo)
        run_module(options.modules[0], int(descriptor), lines)
        os._exit(0)  # not held up by threads that a test left behind

    modules: list[str] = options.modules
    patterns: list[str] = []
    parts: list[str] = []
    if options.list:
        with open(options.list, "rb") as file:
            plan = tomllib.load(file)
        groups: list[str] = [] if modules else options.groups.split(",")
        modules = modules or [name for group in groups for name in plan["modules"][group]]
        parts = [pattern for group in groups for pattern in plan["parts"].get(group, [])]
        patterns = [pattern for group in plan.get("exclude", []) for pattern in group["ids"]]
    only: list[str] = []
    if options.only:
        with open(options.only, encoding="utf-8") as file:
            only = file.read().split()
        modules = [
            name for name in modules if any(belongs(identifier, name) for identifier in only)
        ]
    run_all(modules, options, patterns, only, parts, kind)


if __name__ == "__main__":
    main()
