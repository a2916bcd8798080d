"""threading: every kind of lock, many threads, thread-local data, timers."""

import sys
import threading
import time


def counting():
    """Many threads and one lock."""
    total = 0
    lock = threading.Lock()

    def add():
        nonlocal total
        for _ in range(500):
            with lock:
                total += 1

    threads = [threading.Thread(target=add, name=f"adder-{n}") for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(total, threads[3].name, threads[3].is_alive(), lock.locked())


def reentrant():
    """An RLock may be taken again by its owner alone."""
    lock = threading.RLock()
    results = []
    with lock, lock:
        worker = threading.Thread(target=lambda: results.append(lock.acquire(blocking=False)))
        worker.start()
        worker.join()
    print(results, lock.acquire(timeout=0.01))
    lock.release()
    try:
        lock.release()
    except RuntimeError as error:
        print(type(error).__name__)


def condition():
    """A bounded buffer between two threads."""
    ready = threading.Condition()
    buffer, taken = [], []

    def consume():
        while len(taken) < 50:
            with ready:
                ready.wait_for(lambda: buffer)
                taken.append(buffer.pop(0))
                ready.notify_all()

    consumer = threading.Thread(target=consume)
    consumer.start()
    for number in range(50):
        with ready:
            ready.wait_for(lambda: len(buffer) < 3)
            buffer.append(number)
            ready.notify_all()
    consumer.join()
    print(taken == list(range(50)))
    with ready:
        started = time.monotonic()
        print(ready.wait(0.05), time.monotonic() - started >= 0.05)


def semaphores():
    """No more than so many at once."""
    gate = threading.BoundedSemaphore(3)
    inside, most = 0, 0
    guard = threading.Lock()

    def enter():
        nonlocal inside, most
        with gate:
            with guard:
                inside += 1
                most = max(most, inside)
            time.sleep(0.005)
            with guard:
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(most <= 3, inside)
    try:
        gate.release()
    except ValueError as error:
        print(error)


def barrier_and_event():
    """Meet, and start together."""
    meeting = threading.Barrier(5, action=lambda: order.append("all"))
    start = threading.Event()
    order, places = [], []

    def come():
        start.wait()
        order.append("in")
        places.append(meeting.wait())
        order.append("out")

    threads = [threading.Thread(target=come) for _ in range(5)]
    for thread in threads:
        thread.start()
    print(start.is_set(), start.wait(0.01))
    start.set()
    for thread in threads:
        thread.join()
    print(order, sorted(places))
    meeting.abort()
    try:
        meeting.wait()
    except threading.BrokenBarrierError:
        print("broken", meeting.broken)


def local_data():
    """Each thread sees its own."""
    data = threading.local()
    data.value = "main"
    seen = []

    def look(number):
        seen.append(hasattr(data, "value"))
        data.value = number
        time.sleep(0.01)
        seen.append(data.value == number)

    threads = [threading.Thread(target=look, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(seen.count(True), seen.count(False), data.value)


def timers_and_failures():
    """Timers, daemons and exceptions in threads."""
    fired = []
    timer = threading.Timer(0.02, fired.append, ["on time"])
    cancelled = threading.Timer(0.02, fired.append, ["never"])
    timer.start()
    cancelled.start()
    cancelled.cancel()
    timer.join()
    cancelled.join()
    print(fired)
    threading.excepthook = lambda args: print(
        "hook", args.exc_type.__name__, args.exc_value, args.thread.name
    )
    thread = threading.Thread(target=lambda: 1 / 0, name="failing")
    thread.start()
    thread.join()
    daemon = threading.Thread(target=time.sleep, args=(60,), daemon=True)
    daemon.start()
    print(
        daemon.daemon,
        threading.active_count(),
        threading.main_thread().name,
        threading.get_ident() == threading.main_thread().ident,
    )


if __name__ == "__main__":
    counting()
    reentrant()
    condition()
    semaphores()
    barrier_and_event()
    local_data()
    timers_and_failures()
    sys.stdout.flush()
