"""Pools of processes and threads: multiprocessing.Pool and concurrent.futures."""

import concurrent.futures
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

context = multiprocessing.get_context("fork")
STATE = []


def prepare(value):
    """Initialize a worker."""
    STATE.append(value)


def prepare_badly():
    """Fail to."""
    raise RuntimeError("no")


def state(_):
    """What the initializer left here."""
    return STATE


def square(number):
    """Work."""
    return number * number


def pick(number):
    """Work that fails once."""
    if number == 3:
        raise KeyError(number)
    return number


def die(number):
    """End the worker."""
    os.kill(os.getpid(), number)


def who(_):
    """The worker."""
    return os.getpid()


def nap(seconds):
    """Take time."""
    time.sleep(seconds)
    return seconds


class Unpicklable:
    """Cannot travel."""

    def __reduce__(self):
        raise TypeError("stays here")


def give(_):
    """Return what cannot travel."""
    return Unpicklable()


def maps():
    """Every kind of map."""
    with context.Pool(3, prepare, ("ready",)) as pool:
        print(pool.map(square, range(10), chunksize=3), pool.starmap(pow, [(2, 3), (3, 2)]))
        print(list(pool.imap(square, range(6), 2)), sorted(pool.imap_unordered(square, range(6))))
        print(pool.apply(state, (0,)))
        results = [pool.apply_async(square, (number,)) for number in range(4)]
        print([result.get(20) for result in results], all(r.successful() for r in results))
        seen, done = [], threading.Event()

        def collect(value):
            seen.append(value)
            done.set()

        pool.map_async(square, [5, 6], callback=collect)
        done.wait()
        done.clear()
        pool.apply_async(pick, (3,), error_callback=lambda error: collect(repr(error)))
        done.wait()
        print(seen)
        iterator = pool.imap(pick, range(5))
        for _ in range(6):
            try:
                print(next(iterator), end=" ")
            except (KeyError, StopIteration) as error:
                print(type(error).__name__, end=" ")
        print()
        for what in (
            lambda: pool.map(pick, range(5)),
            lambda: pool.apply(give, (0,)),
            lambda: pool.apply_async(nap, (5,)).get(0.01),
        ):
            try:
                print(what())
            except Exception as error:
                print(type(error).__name__)
        pool.terminate()
        pool.join()
    try:
        pool.apply(square, (1,))
    except ValueError as error:
        print(error)


def turnover():
    """Workers are replaced after so many tasks, and when they die."""
    with context.Pool(1, maxtasksperchild=2) as pool:
        workers = [pool.apply(who, (n,)) for n in range(6)]
        print(len(set(workers)), workers[0] == workers[1], workers[1] != workers[2])
        pool.close()
        pool.join()
    with context.Pool(1) as pool:
        pool.apply_async(die, (signal.SIGKILL,))
        print(pool.apply(square, (9,)))


def futures():
    """Submit, map, wait, cancel, time out."""
    with ProcessPoolExecutor(2, mp_context=context, initializer=prepare, initargs=(1,)) as pool:
        print(list(pool.map(square, range(8), chunksize=2)), pool.submit(state, 0).result())
        future = pool.submit(pick, 3)
        error = future.exception()
        print(repr(error), "pick" in str(error.__cause__), future.done())
        slow, quick = pool.submit(nap, 0.5), pool.submit(square, 2)
        done, left = concurrent.futures.wait(
            [slow, quick], return_when=concurrent.futures.FIRST_COMPLETED
        )
        print(quick in done, slow in left)
        try:
            slow.result(timeout=0.001)
        except TimeoutError as late:
            print(type(late).__name__)
        print(sorted(f.result() for f in concurrent.futures.as_completed([slow, quick])))
        called = []
        future = pool.submit(square, 3)
        future.add_done_callback(lambda f: called.append(f.result()))
        future.result()
        many = [pool.submit(nap, 0.02) for _ in range(40)]
        print(many[-1].cancel(), many[-1].cancelled(), many[0].result())
        try:
            pool.submit(square, Unpicklable()).result()
        except TypeError as error:
            print(error)
    print(called, all(f.done() for f in many))
    try:
        pool.submit(square, 1)
    except RuntimeError as error:
        print(error)


def broken():
    """A worker that dies breaks the pool."""
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        futures = [pool.submit(die, signal.SIGKILL), pool.submit(nap, 30)]
        for future in futures:
            try:
                future.result()
            except BrokenProcessPool as error:
                print(type(error).__name__, error)
        try:
            pool.submit(square, 1)
        except BrokenProcessPool as error:
            print(type(error).__name__)
    with ProcessPoolExecutor(1, mp_context=context, initializer=prepare_badly) as pool:
        try:
            pool.submit(square, 1).result()
        except BrokenProcessPool as error:
            print(type(error).__name__)
    pool = ProcessPoolExecutor(2, mp_context=context)
    future = pool.submit(nap, 60)
    while not future.running():
        time.sleep(0.001)
    workers = list(pool._processes.values())
    pool.terminate_workers()
    for worker in workers:
        worker.join()
    print({worker.exitcode for worker in workers}, type(future.exception()).__name__)


def replaced():
    """max_tasks_per_child, from a fork server."""
    server = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, mp_context=server, max_tasks_per_child=2) as pool:
        workers = [pool.submit(who, number).result() for number in range(4)]
        print(workers[0] == workers[1] != workers[2] == workers[3])


def threads():
    """The same interface over threads."""
    with ThreadPoolExecutor(
        3, thread_name_prefix="worker", initializer=prepare, initargs=(2,)
    ) as p:
        print(list(p.map(square, range(6))), p.submit(lambda: STATE[-1]).result())
        names = {p.submit(lambda: threading.current_thread().name[:6]).result() for _ in range(4)}
        print(names, repr(p.submit(pick, 3).exception()))
        gate = threading.Event()
        waiting = [p.submit(gate.wait) for _ in range(10)]
        p.shutdown(wait=False, cancel_futures=True)
        gate.set()
    print([future.cancelled() for future in waiting])


if __name__ == "__main__":
    for part in (maps, turnover, futures, broken, replaced, threads):
        print(part.__name__, flush=True)
        part()
