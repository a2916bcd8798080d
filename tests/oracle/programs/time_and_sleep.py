"""Clocks go forward; sleeps last as long as asked for."""

import sched
import threading
import time
import timeit


def ordered():
    """No clock goes back."""
    for clock in (
        time.monotonic_ns,
        time.perf_counter_ns,
        time.process_time_ns,
        time.thread_time_ns,
        time.time_ns,
    ):
        readings = [clock() for _ in range(2000)]
        print(clock.__name__, readings == sorted(readings), readings[0] >= 0)
    for name in (
        "CLOCK_REALTIME",
        "CLOCK_MONOTONIC",
        "CLOCK_PROCESS_CPUTIME_ID",
        "CLOCK_THREAD_CPUTIME_ID",
        "CLOCK_MONOTONIC_RAW",
        "CLOCK_BOOTTIME",
    ):
        clock = getattr(time, name, None)
        print(name, clock is not None and time.clock_gettime_ns(clock) > 0)


def sane():
    """The date is not before this file, and clocks run alike."""
    print(time.time() > 1_700_000_000)
    wall, steady = time.time(), time.monotonic()
    time.sleep(0.1)
    wall, steady = time.time() - wall, time.monotonic() - steady
    print(wall >= 0.0999, steady >= 0.1, abs(wall - steady) < 0.05)


def sleeps():
    """Never too short."""
    for seconds in (0, 0.000001, 0.001, 0.02, 0.1):
        started = time.monotonic()
        time.sleep(seconds)
        elapsed = time.monotonic() - started
        print(seconds, elapsed >= seconds, elapsed < seconds + 5)
    try:
        time.sleep(-1)
    except ValueError as error:
        print(error)


def processor_time():
    """Work takes processor time, sleep does not."""
    before = time.process_time()
    time.sleep(0.1)
    idle = time.process_time() - before
    before = time.process_time()
    end = time.monotonic() + 0.1
    while time.monotonic() < end:
        pass
    busy = time.process_time() - before
    print(idle < 0.05, busy > 0.01)


def together():
    """Sleeping threads do not hold one another up."""
    started = time.monotonic()
    threads = [threading.Thread(target=time.sleep, args=(0.2,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(0.2 <= time.monotonic() - started < 2.0)


def scheduled():
    """Events in the order of their time and priority."""
    log = []
    plan = sched.scheduler()
    plan.enter(0.03, 1, log.append, ("third",))
    plan.enter(0.01, 2, log.append, ("second",))
    start = time.monotonic() + 0.005
    plan.enterabs(start, 2, log.append, ("first b",))
    plan.enterabs(start, 1, log.append, ("first a",))
    cancelled = plan.enter(0.02, 1, log.append, ("never",))
    plan.cancel(cancelled)
    plan.run()
    print(log, plan.empty())


if __name__ == "__main__":
    ordered()
    sane()
    sleeps()
    processor_time()
    together()
    scheduled()
    print(
        timeit.timeit("x + 1", "x = 1", number=1000) > 0,
        len(timeit.repeat("pass", repeat=3, number=10)),
        time.tzname,
        time.timezone,
        time.get_clock_info("monotonic").monotonic,
    )
