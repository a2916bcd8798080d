"""queue and concurrent.futures with threads."""

import concurrent.futures as futures
import queue
import threading
import time


def kinds():
    """First in first out, last in first out, by priority."""
    for kind in (queue.Queue, queue.LifoQueue, queue.PriorityQueue, queue.SimpleQueue):
        line = kind()
        for item in (3, 1, 2):
            line.put(item)
        print(kind.__name__, line.qsize(), [line.get() for _ in range(3)], line.empty())


def limits():
    """Full and empty queues, with and without waiting."""
    line = queue.Queue(maxsize=2)
    line.put_nowait(1)
    line.put(2, timeout=0.01)
    for call in (lambda: line.put_nowait(3), lambda: line.put(3, timeout=0.02)):
        try:
            call()
        except queue.Full:
            print("Full", line.full())
    line.get()
    line.get()
    started = time.monotonic()
    try:
        line.get(timeout=0.05)
    except queue.Empty:
        print("Empty", time.monotonic() - started >= 0.05)
    line.shutdown()
    try:
        line.put(1)
    except queue.ShutDown:
        print("ShutDown")


def workers():
    """Four workers and task_done."""
    line, results = queue.Queue(), queue.Queue()

    def work():
        while (number := line.get()) is not None:
            results.put(number * number)
            line.task_done()
        line.task_done()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(200):
        line.put(number)
    for _ in threads:
        line.put(None)
    line.join()
    print(sum(results.get() for _ in range(200)), results.empty())
    try:
        line.task_done()
    except ValueError as error:
        print(error)


def pools():
    """Submit, map, wait, fail, cancel."""
    with futures.ThreadPoolExecutor(4, thread_name_prefix="pool") as pool:
        print(list(pool.map(pow, range(10), [2] * 10)))
        jobs = {pool.submit(divmod, 100, n): n for n in range(5)}
        for job in sorted(futures.as_completed(jobs), key=jobs.get):
            print(jobs[job], job.exception() or job.result())
        slow = [pool.submit(time.sleep, 0.02 * n) for n in range(4)]
        done, pending = futures.wait(slow, return_when=futures.FIRST_COMPLETED)
        print(len(done) >= 1, len(done) + len(pending))
        gate = threading.Event()
        blocked = [pool.submit(gate.wait) for _ in range(4)]
        while not all(job.running() for job in blocked):
            time.sleep(0.001)
        waiting = pool.submit(print, "never printed")
        print(waiting.cancel(), waiting.cancelled(), blocked[0].cancel())
        try:
            blocked[0].result(timeout=0.02)
        except futures.TimeoutError:
            print("TimeoutError", blocked[0].running())
        gate.set()
        print([job.result() for job in blocked])
        called = []
        job = pool.submit(lambda: threading.current_thread().name[:4])
        job.add_done_callback(lambda job: called.append(job.result()))
        futures.wait([job])
        print(called or job.result())
    try:
        pool.submit(print)
    except RuntimeError as error:
        print(error)
    with futures.ThreadPoolExecutor(2, initializer=lambda: 1 / 0) as broken:
        try:
            broken.submit(print, "x").result()
        except futures.BrokenExecutor:
            print("BrokenExecutor")


if __name__ == "__main__":
    kinds()
    limits()
    workers()
    import logging

    logging.disable(logging.CRITICAL)
    pools()
