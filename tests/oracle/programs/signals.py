"""Signals: handlers, masks, timers, wake-up descriptor, KeyboardInterrupt."""

import os
import select
import signal
import threading
import time


def handlers():
    """Install, call, ignore and restore."""
    seen = []
    old = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    print(old, signal.getsignal(signal.SIGUSR1) is not None)
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    while len(seen) < 2:
        time.sleep(0.001)
    print(seen == [signal.SIGUSR1] * 2)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    os.kill(os.getpid(), signal.SIGUSR1)
    print(len(seen), signal.signal(signal.SIGUSR1, signal.SIG_DFL).name)
    for number in (signal.SIGKILL, signal.SIGSTOP, 0, 100):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError) as error:
            print(number, type(error).__name__)


def from_handlers():
    """A handler may raise out of a sleep and of a loop."""

    def raise_it(number, frame):
        raise InterruptedError(signal.Signals(number).name)

    signal.signal(signal.SIGALRM, raise_it)
    signal.setitimer(signal.ITIMER_REAL, 0.03)
    try:
        time.sleep(30)
    except InterruptedError as error:
        print("sleep ended by", error)
    signal.setitimer(signal.ITIMER_REAL, 0.03)
    try:
        while True:
            pass
    except InterruptedError as error:
        print("loop ended by", error)
    print(signal.alarm(100), signal.alarm(0) > 90)


def timers():
    """A repeating timer, and what is left of one."""
    ticks = []
    signal.signal(signal.SIGALRM, lambda *arguments: ticks.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    while len(ticks) < 5:
        time.sleep(0.05)
    left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
    print(len(ticks) >= 5, left <= 0.0051, round(interval, 3))
    started = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    time.sleep(0.1)
    print("a sleep goes on after a handler", time.monotonic() - started >= 0.1)


def masks():
    """Blocked signals wait."""
    seen = []
    signal.signal(signal.SIGUSR2, lambda number, frame: seen.append(number))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    os.kill(os.getpid(), signal.SIGUSR2)
    os.kill(os.getpid(), signal.SIGUSR2)
    time.sleep(0.01)
    print(seen)
    print(signal.SIGUSR2 in signal.pthread_sigmask(signal.SIG_SETMASK, []))
    time.sleep(0.01)
    print(len(seen))


def waking():
    """Each signal writes its number to the wake-up descriptor."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGUSR1, lambda *arguments: None)
    os.kill(os.getpid(), signal.SIGUSR1)
    print(
        bool(select.select([reader], [], [], 5)[0]), list(os.read(reader, 10)) == [signal.SIGUSR1]
    )
    print(signal.set_wakeup_fd(-1) == writer)


def interrupts():
    """Control-C."""
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    print([str(signal.getsignal(number)) for number in (63, 64)])
    print(all(signal.getsignal(number) is not None for number in signal.valid_signals()))
    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        time.sleep(30)
    except KeyboardInterrupt:
        print("KeyboardInterrupt in a sleep")
    timer.join()
    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        while True:
            sum(range(100))
    except KeyboardInterrupt:
        print("KeyboardInterrupt in a loop")
    timer.join()
    reader, writer = os.pipe()
    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        os.read(reader, 1)
    except KeyboardInterrupt:
        print("KeyboardInterrupt in a read")
    timer.join()


def names():
    """Numbers and descriptions."""
    print(
        signal.SIGTERM,
        signal.strsignal(signal.SIGSEGV),
        signal.Signals(9).name,
        len(signal.valid_signals()) > 60,
    )


if __name__ == "__main__":
    handlers()
    from_handlers()
    timers()
    masks()
    waking()
    interrupts()
    names()
