"""multiprocessing: processes, queues, pipes, shared values, pools."""

import ctypes
import multiprocessing
import os
import sys
import time


def square(number):
    """Work for a pool."""
    return number * number


def fail(number):
    """Fail for some numbers."""
    if number == 2:
        raise ValueError(f"cannot do {number}")
    return number


def add(counter, lock, times):
    """Add to a shared counter."""
    for _ in range(times):
        with lock:
            counter.value += 1


def serve(requests, answers):
    """Answer until told to stop."""
    for item in iter(requests.get, None):
        answers.put((item, item.upper()))


def talk(connection):
    """Answer over a pipe."""
    while True:
        try:
            connection.send(connection.recv() * 2)
        except EOFError:
            sys.exit(5)


def main():
    """Run everything with forked processes."""
    context = multiprocessing.get_context("fork")
    counter, lock = context.Value("i", 0, lock=False), context.Lock()
    workers = [
        context.Process(target=add, args=(counter, lock, 200), name=f"w{n}") for n in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(counter.value, [worker.exitcode for worker in workers], workers[1].name)

    requests, answers = context.Queue(), context.Queue()
    server = context.Process(target=serve, args=(requests, answers))
    server.start()
    for word in ("one", "two", "x" * 100_000):
        requests.put(word)
    print([(a[:5], len(b)) for a, b in (answers.get() for _ in range(3))])
    requests.put(None)
    server.join()
    print(server.exitcode, server.is_alive())

    here, there = context.Pipe()
    child = context.Process(target=talk, args=(there,))
    child.start()
    there.close()
    here.send([1, 2])
    print(here.recv(), here.poll(0.01))
    child.terminate()
    child.join()
    print(child.exitcode)

    array = context.Array(ctypes.c_double, 5)
    child = context.Process(target=lambda: array.__setitem__(2, 2.5))
    child.start()
    child.join()
    print(array[:], context.cpu_count() == os.cpu_count())

    with context.Pool(3) as pool:
        print(pool.map(square, range(20)), pool.apply(square, (7,)))
        print(sorted(pool.imap_unordered(square, range(6))))
        results = [pool.apply_async(fail, (n,)) for n in range(4)]
        for result in results:
            try:
                print(result.get(timeout=20))
            except ValueError as error:
                print("ValueError", error)
        pool.close()
        pool.join()

    event, barrier = context.Event(), context.Barrier(2)
    child = context.Process(
        target=lambda: (barrier.wait(), event.wait(), time.sleep(0), sys.exit(9))
    )
    child.start()
    barrier.wait()
    event.set()
    child.join()
    print(child.exitcode, len(multiprocessing.active_children()))


if __name__ == "__main__":
    main()
