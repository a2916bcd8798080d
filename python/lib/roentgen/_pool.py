"""A pool of processes with the manners of :mod:`concurrent.futures`."""

from __future__ import annotations

import collections
import itertools
import os
import select
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import TYPE_CHECKING, Any, TypeVar

from ._errors import ChannelClosed, ProcessDied
from ._jobs import apply, initialized, run_chunk
from ._process import Process, spawn
from ._progress import Bar, Progress
from ._workers import Worker, value_of

if TYPE_CHECKING:
    from ._templates import Template

__all__ = ["BrokenPool", "Pool"]

T = TypeVar("T")


class BrokenPool(BrokenExecutor):
    """The initializer of a pool failed: none of its jobs can be run."""


class _Job:
    """A call and where its outcome goes."""

    __slots__ = ("args", "fn", "future", "kwargs")

    def __init__(
        self,
        future: Future[Any],
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.future = future
        self.fn = fn
        self.args = args
        self.kwargs = kwargs


#: All pools that may have to be shut down at the end of the program.
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def _shutdown_all() -> None:
    for pool in list(_pools):
        pool.shutdown(wait=True)


# Before the interpreter waits for the threads that serve them.
threading._register_atexit(_shutdown_all)  # type: ignore[attr-defined]


class Pool(Executor):
    """Runs calls in processes, as many at a time as there are workers.

    :param workers: processes; without it, one for each core that this one may run on.
    :param initializer: called with ``initargs`` in each process before its first job.
    :param memory: bytes that each job, and all that it starts, may have.
    :param cpu_time: seconds that each job may run.
    :param deadline: seconds that each job may take from its start.
    :param nice: the nice value of the processes.
    :param name: the name of the processes, for :func:`ps`.
    :param template: the :class:`Template` that they are copied from.
    :param progress: draw a bar on standard error for all jobs: True, on a terminal, and
        one line at the end elsewhere; ``"always"``, everywhere.

    Without limits a process serves one job after the other. With any limit each job has a
    process of its own. A job whose process dies fails with :class:`ProcessDied`, or with
    the subclass that tells which limit it met; the pool goes on with another process.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        memory: int | None = None,
        cpu_time: float | None = None,
        deadline: float | None = None,
        nice: int = 0,
        name: str | None = None,
        template: Template | None = None,
        progress: Progress = False,
    ) -> None:
        if workers is None:
            workers = os.process_cpu_count() or 1
        if workers < 1:
            raise ValueError("a pool has at least one worker")
        if initializer is not None and not callable(initializer):
            raise TypeError("the initializer must be callable")
        self._size = workers
        self._initializer = initializer
        self._initargs = initargs
        self._options: dict[str, Any] = {"nice": nice, "name": name, "template": template}
        limits = {"memory": memory, "cpu_time": cpu_time, "deadline": deadline}
        self._is_limited = any(limit is not None for limit in limits.values())
        if self._is_limited:
            self._options.update(limits)
        self._bar = Bar(0, progress) if progress else None
        # Guards all below. Encoding a job may run code that submits another.
        self._lock = threading.RLock()
        self._waiting: collections.deque[_Job] = collections.deque()
        self._idle: list[Worker] = []
        self._busy: dict[Worker | Process, _Job | None] = {}
        self._is_shut_down = False
        self._broken: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._wake_read = self._wake_write = -1

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a call in one of the processes.

        :raises BrokenPool: the initializer has failed.
        """
        future: Future[T] = Future()
        job = _Job(future, fn, args, kwargs)
        failed: list[tuple[_Job, BaseException]] = []
        with self._lock:
            if self._broken is not None:
                raise BrokenPool("the initializer of the pool failed") from self._broken
            if self._is_shut_down:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if self._bar is not None:
                self._bar.expect(1)
                future.add_done_callback(self._count)
            self._waiting.append(job)
            self._start()
            if self._dispatch(failed):
                self._wake()
        _fail(failed)
        return future

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        progress: Progress = False,
    ) -> Iterator[T]:
        """Return an iterator over the results of a call for each item, in order.

        :param timeout: seconds from now until which all results must be there.
        :param chunksize: how many calls are one job.
        :param buffersize: how many jobs may be ahead of the iterator.
        :param progress: draw a bar for these calls; see the class.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be at least 1")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be at least 1")
        end = None if timeout is None else time.monotonic() + timeout
        calls: Iterator[tuple[Any, ...]] = zip(*iterables, strict=False)
        bar = None
        if progress:
            known = list(calls)
            bar = Bar(len(known), progress)
            calls = iter(known)
        chunks = itertools.batched(calls, chunksize, strict=False)
        futures: collections.deque[Future[list[T]]] = collections.deque()

        def submit_next() -> bool:
            chunk = next(chunks, None)
            if chunk is None:
                return False
            future = self.submit(run_chunk, fn, chunk)
            if bar is not None:
                future.add_done_callback(lambda _: bar.advance(len(chunk)))
            futures.append(future)
            return True

        ahead = itertools.count() if buffersize is None else range(buffersize)
        for _ in ahead:
            if not submit_next():
                break
        return _results(futures, submit_next, end, bar)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no further jobs; finish, or cancel, those that are there."""
        cancelled: list[_Job] = []
        with self._lock:
            self._is_shut_down = True
            if cancel_futures:
                cancelled.extend(self._waiting)
                self._waiting.clear()
            thread = self._thread
            if thread is not None:
                self._wake()
        for job in cancelled:
            job.future.cancel()
        if wait and thread is not None and thread is not threading.current_thread():
            thread.join()
            if self._bar is not None:
                self._bar.close()

    # What follows runs in the thread of whoever submits, or in the pool's one thread.

    def _count(self, _: Future[Any]) -> None:
        if self._bar is not None:
            self._bar.advance()

    def _start(self) -> None:
        if self._thread is None:
            self._wake_read, self._wake_write = os.pipe()
            os.set_blocking(self._wake_write, False)
            self._thread = threading.Thread(target=self._run, name="roentgen.Pool")
            self._thread.start()
            _pools.add(self)

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            # It has not looked since so many were written.
            pass
        except OSError:
            # The thread has ended meanwhile.
            pass

    def _dispatch(self, failed: list[tuple[_Job, BaseException]]) -> bool:
        """Give waiting jobs to those who can take them; says whether there is a new one.

        Called with the lock. Jobs that cannot be run are added to ``failed``: to be told
        without the lock.
        """
        is_new = False
        while self._waiting and (self._idle or len(self._busy) < self._size):
            job = self._waiting.popleft()
            if not job.future.set_running_or_notify_cancel():
                continue
            try:
                if self._is_limited:
                    self._busy[self._spawn_job(job)] = job
                    is_new = True
                else:
                    is_new |= self._give(job)
            except Exception as error:
                failed.append((job, error))
        return is_new

    def _spawn_job(self, job: _Job) -> Process:
        if self._initializer is None:
            return spawn(apply, job.fn, job.args, job.kwargs, **self._options)
        call = (self._initializer, self._initargs, job.fn, job.args, job.kwargs)
        return spawn(initialized, *call, **self._options)

    def _give(self, job: _Job) -> bool:
        while self._idle:
            worker = self._idle.pop()
            try:
                worker.send(job.fn, job.args, job.kwargs)
            except ChannelClosed:
                # It died while it had nothing to do.
                worker.close()
                continue
            except BaseException:
                self._idle.append(worker)
                raise
            self._busy[worker] = job
            return True
        worker = Worker(self._initializer, self._initargs, **self._options)
        try:
            worker.send(job.fn, job.args, job.kwargs)
        except ChannelClosed:
            # How it died is seen by the thread.
            self._busy[worker] = job
        except BaseException:
            if worker.is_ready:
                self._idle.append(worker)
            else:
                self._busy[worker] = None
            raise
        else:
            self._busy[worker] = job
        return True

    def _run(self) -> None:
        """The pool's thread: take answers, see deaths, give out what waits."""
        while True:
            failed: list[tuple[_Job, BaseException]] = []
            with self._lock:
                self._dispatch(failed)
                busy = list(self._busy)
                is_over = self._is_shut_down and not self._waiting and not busy and not failed
                if is_over:
                    self._end()
            _fail(failed)
            if is_over:
                return
            for member in self._ready(busy):
                self._look_at(member)

    def _ready(self, busy: list[Worker | Process]) -> list[Worker | Process]:
        """Wait until somebody has something to say, or the pool has changed."""
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        by_descriptor: dict[int, Worker | Process] = {}
        for member in busy:
            if isinstance(member, Worker):
                numbers = [member.answers.fileno(), member.process.sentinel]
            else:
                numbers = [member.sentinel]
            for number in numbers:
                by_descriptor[number] = member
                poll.register(number, select.POLLIN)
        found = []
        for number, _ in poll.poll():
            if number == self._wake_read:
                os.read(number, 4096)
            elif by_descriptor[number] not in found:
                found.append(by_descriptor[number])
        return found

    def _look_at(self, member: Worker | Process) -> None:
        outcome: Any = None
        error: BaseException | None = None
        is_alive = True
        try:
            if isinstance(member, Process):
                is_alive = False
                outcome = member.result()
            else:
                outcome = value_of(member.receive(0))
        except TimeoutError:
            if not isinstance(member, Worker) or member.process.is_alive():
                return
            is_alive = False
            error = _death(member.process)
        except ChannelClosed:
            assert isinstance(member, Worker)
            is_alive = False
            error = _death(member.process)
        except BaseException as raised:
            error = raised
        with self._lock:
            job = self._busy[member]
            if isinstance(member, Worker) and not member.is_ready:
                if is_alive:
                    # The first answer says that it is initialized.
                    member.is_ready = True
                    if job is None:
                        del self._busy[member]
                        self._idle.append(member)
                    return
                self._break(error)
            del self._busy[member]
            if is_alive and isinstance(member, Worker):
                self._idle.append(member)
            else:
                member.close()
            failed: list[tuple[_Job, BaseException]] = []
            # Before the callbacks of this one run.
            self._dispatch(failed)
        if job is not None:
            if error is None:
                job.future.set_result(outcome)
            else:
                job.future.set_exception(error)
        _fail(failed)

    def _break(self, error: BaseException | None) -> None:
        """Fail all: the initializer has failed. Called with the lock."""
        self._broken = error
        failed: list[tuple[_Job, BaseException]] = []
        while self._waiting:
            job = self._waiting.popleft()
            if job.future.set_running_or_notify_cancel():
                broken = BrokenPool("the initializer of the pool failed")
                broken.__cause__ = error
                failed.append((job, broken))
        _fail(failed)

    def _end(self) -> None:
        for worker in self._idle:
            worker.end()
        for worker in self._idle:
            worker.process.join()
            worker.close()
        self._idle.clear()
        os.close(self._wake_read)
        os.close(self._wake_write)
        _pools.discard(self)


def _death(process: Process) -> BaseException:
    """Return why a worker is not there any more."""
    try:
        process.result()
    except BaseException as error:
        return error
    return ProcessDied(f"process {process.pid} ended while it had a job", process.exitcode)


def _fail(failed: list[tuple[_Job, BaseException]]) -> None:
    for job, error in failed:
        job.future.set_exception(error)


def _results(
    futures: collections.deque[Future[list[T]]],
    submit_next: Callable[[], bool],
    end: float | None,
    bar: Bar | None,
) -> Generator[T, None, None]:
    is_complete = False
    try:
        while futures:
            future = futures.popleft()
            left = None if end is None else max(0.0, end - time.monotonic())
            try:
                values = future.result(left)
            except BaseException:
                future.cancel()
                raise
            submit_next()
            yield from values
        is_complete = True
    finally:
        for future in futures:
            future.cancel()
        if bar is not None:
            bar.close(is_complete)
