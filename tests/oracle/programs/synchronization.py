"""multiprocessing: locks, conditions, barriers, queues between forked processes."""

import ctypes
import multiprocessing
import queue
import sys
import threading
import time

context = multiprocessing.get_context("fork")


def together(target, number, *arguments):
    """Run `target` in several processes; their exit codes."""
    processes = [
        context.Process(target=target, args=(index, *arguments)) for index in range(number)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def locks():
    """Who may take and who may release."""
    lock, recursive = context.Lock(), context.RLock()
    print(lock.acquire(), lock.acquire(block=False), lock.acquire(timeout=0.01))
    print(lock.release(), recursive.acquire(), recursive.acquire(), recursive.release())
    for what in (lock.release, lambda: (recursive.release(), recursive.release())):
        try:
            print(what())
        except (ValueError, AssertionError) as error:
            print(type(error).__name__, error)

    def other(index):
        # Another process holds neither.
        with lock:
            try:
                recursive.release()
            except AssertionError:
                sys.exit(10 + recursive.acquire(timeout=0.01))

    with recursive:
        print(together(other, 2))
    print(lock, recursive)


def semaphores():
    """Counting, bounded, and as a limit on how many are inside."""
    semaphore, bounded = context.Semaphore(2), context.BoundedSemaphore(2)
    print(semaphore.acquire(), semaphore.acquire(), semaphore.acquire(False), semaphore.get_value())
    print([semaphore.release() for _ in range(4)], semaphore.get_value())
    try:
        bounded.release()
    except ValueError as error:
        print(error)
    gate, inside, most = context.Semaphore(2), context.Value("i", 0), context.Value("i", 0)

    def enter(index):
        for _ in range(5):
            with gate:
                with inside.get_lock():
                    inside.value += 1
                    most.value = max(most.value, inside.value)
                time.sleep(0.002)
                with inside.get_lock():
                    inside.value -= 1

    print(together(enter, 4), inside.value, most.value <= 2)


def conditions():
    """Notify one, some, all; wait for a predicate; time out."""
    condition, turn = context.Condition(), context.Value("i", 0, lock=False)

    def take_turns(index):
        with condition:
            for step in range(index, 12, 3):
                condition.wait_for(lambda step=step: turn.value == step)
                turn.value += 1
                condition.notify_all()

    print(together(take_turns, 3), turn.value)
    with condition:
        print(condition.wait(0.01), condition.wait_for(lambda: False, 0.01))
    asleep, woken = context.Semaphore(0), context.Semaphore(0)

    def wait(index):
        with condition:
            asleep.release()
            condition.wait(20)
            woken.release()

    processes = [context.Process(target=wait, args=(index,)) for index in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        asleep.acquire()
    with condition:
        condition.notify()
    print(woken.acquire(), woken.acquire(False))
    with condition:
        condition.notify(5)
    print(woken.acquire(), woken.acquire(), [process.join() for process in processes])


def events_and_barriers():
    """Everyone meets; a barrier breaks."""
    event, barrier = context.Event(), context.Barrier(4, timeout=20)
    order, through = context.SimpleQueue(), context.Semaphore(0)

    def meet(index):
        for turn in range(3):
            place = barrier.wait()
            if place == 0:
                order.put(turn)
            barrier.wait()
        through.release()
        event.wait()
        try:
            barrier.wait()
        except threading.BrokenBarrierError:
            sys.exit(30)

    processes = [context.Process(target=meet, args=(index,)) for index in range(4)]
    for process in processes:
        process.start()
    print([order.get() for _ in range(3)], event.is_set(), barrier.parties)
    for _ in processes:
        through.acquire()
    barrier.abort()
    event.set()
    for process in processes:
        process.join()
    print([process.exitcode for process in processes], barrier.broken)
    barrier.reset()
    print(barrier.broken, event.clear(), event.wait(0.01))


def queues():
    """Bounded, joinable, simple; closed ends."""
    bounded = context.Queue(2)
    print(bounded.put(1), bounded.put(2), bounded.full(), bounded.qsize())
    try:
        bounded.put(3, timeout=0.01)
    except queue.Full as error:
        print(type(error).__name__)
    print(bounded.get(), bounded.get(), bounded.empty())
    try:
        bounded.get(timeout=0.01)
    except queue.Empty as error:
        print(type(error).__name__)
    bounded.close()
    try:
        bounded.put(4)
    except ValueError as error:
        print(str(error).endswith("is closed"))
    bounded.join_thread()
    jobs, results = context.JoinableQueue(), context.SimpleQueue()

    def work(index):
        for job in iter(jobs.get, None):
            results.put(job * 2)
            jobs.task_done()
        jobs.task_done()

    processes = [context.Process(target=work, args=(index,)) for index in range(3)]
    for process in processes:
        process.start()
    for job in [*range(20), None, None, None]:
        jobs.put(job)
    jobs.join()
    for process in processes:
        process.join()
    print(sorted(results.get() for _ in range(20)), results.empty())
    try:
        jobs.task_done()
    except ValueError as error:
        print(error)


class Point(ctypes.Structure):
    """What is shared may have fields."""

    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]


def values():
    """Shared numbers, arrays and structures."""
    number, array = context.Value("d", 1.5), context.Array("i", range(6))
    text, point = context.Array("c", b"hello"), context.Value(Point, 1, 2.5)

    def change(index):
        with number.get_lock():
            number.value *= 2
        array[index] = -index
        text.value = text.value.upper()
        with point.get_lock():
            point.x += 1

    print(together(change, 3), number.value, array[:], text.value)
    print(point.x, point.y)


if __name__ == "__main__":
    for part in (locks, semaphores, conditions, events_and_barriers, queues, values):
        print(part.__name__)
        part()
