"""eventfd, timerfd, epoll over them, vectored files, fifos, signals waited for."""

import errno
import os
import select
import signal
import socket
import threading
import time


def refused(*actions):
    """Print how each of them fails."""
    for action in actions:
        try:
            print("no error", action())
        except OSError as error:
            print(type(error).__name__, errno.errorcode[error.errno])
        except (ValueError, TypeError, OverflowError) as error:
            print(type(error).__name__)


def counters():
    """eventfd: counts, waits, wakes; over fork."""
    counter = os.eventfd(3)
    print(os.eventfd_read(counter), os.get_inheritable(counter))
    poller = select.poll()
    poller.register(counter, select.POLLIN | select.POLLOUT)
    print([events for _, events in poller.poll(0)])
    os.eventfd_write(counter, (1 << 64) - 2)
    print([events for _, events in poller.poll(0)], os.eventfd_read(counter) == (1 << 64) - 2)
    pid = os.fork()
    if pid == 0:
        for _ in range(5):
            os.eventfd_write(counter, 1)
        os._exit(0)
    os.waitpid(pid, 0)
    print(os.eventfd_read(counter))
    threading.Timer(0.02, os.eventfd_write, (counter, 9)).start()
    print(os.eventfd_read(counter))
    tokens = os.eventfd(2, os.EFD_SEMAPHORE | os.EFD_NONBLOCK)
    print(os.eventfd_read(tokens), os.eventfd_read(tokens))
    refused(
        lambda: os.eventfd_read(tokens),
        lambda: os.eventfd(1, 1 << 20),
        lambda: os.read(tokens, 4),
        lambda: os.write(tokens, b"1234"),
        lambda: os.write(tokens, b"\xff" * 8),
        lambda: os.lseek(tokens, 0, os.SEEK_SET),
        lambda: os.eventfd_read(0x7FFF),
    )
    os.close(counter)
    os.close(tokens)


def timers():
    """timerfd: once, again and again, absolute, disarmed."""
    timer = os.timerfd_create(time.CLOCK_MONOTONIC, flags=os.TFD_CLOEXEC)
    print(os.timerfd_gettime(timer), os.timerfd_settime(timer, initial=0.01))
    print(int.from_bytes(os.read(timer, 8), "little"), os.timerfd_gettime_ns(timer))
    os.timerfd_settime_ns(timer, initial=10_000_000, interval=5_000_000)
    queue = select.epoll()
    queue.register(timer, select.EPOLLIN)
    print(queue.poll() == [(timer, select.EPOLLIN)], os.timerfd_gettime(timer)[1])
    time.sleep(0.05)
    print(int.from_bytes(os.read(timer, 8), "little") >= 5)
    left, interval = os.timerfd_settime(timer)
    print(0 < left <= 0.005, interval, queue.poll(0), os.timerfd_gettime(timer))
    due = time.clock_gettime(time.CLOCK_MONOTONIC) + 0.02
    os.timerfd_settime(timer, flags=os.TFD_TIMER_ABSTIME, initial=due)
    os.read(timer, 8)
    print(time.clock_gettime(time.CLOCK_MONOTONIC) >= due)
    # In the past: at once.
    os.timerfd_settime(timer, flags=os.TFD_TIMER_ABSTIME, initial=0.001)
    print(int.from_bytes(os.read(timer, 8), "little"))
    eager = os.timerfd_create(time.CLOCK_REALTIME, flags=os.TFD_NONBLOCK)
    refused(
        lambda: os.read(eager, 8),
        lambda: os.read(eager, 4),
        lambda: os.write(eager, b"12345678"),
        lambda: os.timerfd_create(99),
        lambda: os.timerfd_create(time.CLOCK_MONOTONIC, flags=1),
        lambda: os.timerfd_settime(eager, initial=-1),
        lambda: os.timerfd_settime_ns(0, initial=1),
        lambda: os.timerfd_settime(eager, initial=float("nan")),
    )
    queue.close()
    os.close(timer)
    os.close(eager)


def vectors():
    """readv, writev and their kin; splice where the kernel has it."""
    file = os.memfd_create("vectors")
    print(os.writev(file, [b"one", bytearray(b"two"), memoryview(b"three")]))
    first, second = bytearray(4), bytearray(20)
    print(os.preadv(file, [first, second], 2), first, bytes(second))
    print(os.pwritev(file, [b"X", b"Y"], 1), os.lseek(file, 0, os.SEEK_SET))
    print(os.readv(file, [first, second]), first, bytes(second[:7]), os.readv(file, [first]))
    print(os.preadv(file, [first], 0, os.RWF_HIPRI), os.pwritev(file, [b"!"], 0, os.RWF_DSYNC))
    print(os.pwritev(file, [b"end"], 0, os.RWF_APPEND), os.fstat(file).st_size)
    refused(
        lambda: os.readv(file, [b"not writable"]),
        lambda: os.writev(file, 5),
        lambda: os.writev(file, [b"x"] * 1025),
        lambda: os.readv(0x7FFF, [first]),
        lambda: os.preadv(file, [first], 0, 1 << 20),
    )
    print(os.writev(file, [b"x"] * 1024), os.writev(file, []), os.writev(file, [b"", b""]))
    print(os.posix_fallocate(file, 0, 5000), os.fstat(file).st_size)
    print(os.posix_fadvise(file, 0, 0, os.POSIX_FADV_WILLNEED), os.fdatasync(file))
    refused(
        lambda: os.posix_fallocate(file, 0, 0),
        lambda: os.posix_fadvise(file, 0, 0, 99),
    )
    os.close(file)


def fifos():
    """Two who meet at a name."""
    os.mkfifo("fifo", 0o640)
    print(oct(os.stat("fifo").st_mode))
    refused(lambda: os.mkfifo("fifo"), lambda: os.open("fifo", os.O_WRONLY | os.O_NONBLOCK))
    pid = os.fork()
    if pid == 0:
        with open("fifo", "w") as file:
            print("through a fifo", file=file)
        os._exit(0)
    with open("fifo") as file:
        print(file.read(), os.waitpid(pid, 0)[1])
    directory = os.open(".", os.O_RDONLY)
    os.mkfifo("other", dir_fd=directory)
    print(sorted(os.listdir(directory)))
    os.close(directory)


def reopened():
    """A pipe's ends opened anew by way of their descriptors."""
    reader, writer = os.pipe()
    again = os.open(f"/proc/self/fd/{writer}", os.O_WRONLY)
    os.close(writer)
    back = os.open(f"/proc/self/fd/{reader}", os.O_RDONLY)
    print(os.write(again, b"through another end"), os.read(back, 7), os.read(reader, 50))
    os.close(again)
    print(os.read(reader, 1), os.read(back, 1))
    both = os.open(f"/proc/self/fd/{back}", os.O_RDWR)
    print(os.write(both, b"round"), os.read(both, 10))
    for descriptor in (reader, back, both):
        os.close(descriptor)
    left, right = socket.socketpair()
    refused(lambda: os.open(f"/proc/self/fd/{left.fileno()}", os.O_RDWR))
    left.close()
    right.close()


def signals():
    """Blocked signals wait to be taken, with who sent them."""
    chosen = {signal.SIGUSR1, signal.SIGUSR2, signal.SIGRTMIN, signal.SIGRTMIN + 1, signal.SIGRTMAX}
    print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, chosen)))
    print(signal.sigtimedwait(chosen, 0), signal.sigpending())
    for number in (signal.SIGRTMIN + 1, signal.SIGUSR1, signal.SIGUSR1, signal.SIGRTMIN):
        os.kill(os.getpid(), number)
    os.kill(os.getpid(), signal.SIGRTMIN)
    os.kill(os.getpid(), signal.SIGRTMAX)
    print(sorted(map(int, signal.sigpending())))
    # The lowest first; real-time signals queue, others merge.
    taken = [signal.sigtimedwait(chosen, 0) for _ in range(6)]
    print([info.si_signo if info else None for info in taken])
    print(taken[0].si_pid == os.getpid(), taken[0].si_uid == os.getuid(), taken[0].si_code)
    pid = os.fork()
    if pid == 0:
        os.kill(os.getppid(), signal.SIGUSR2)
        os._exit(5)
    info = signal.sigwaitinfo([signal.SIGUSR2])
    print(info.si_signo == signal.SIGUSR2, info.si_pid == pid, os.waitpid(pid, 0)[1] >> 8)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    pid = os.fork()
    if pid == 0:
        os._exit(6)
    info = signal.sigwaitinfo([signal.SIGCHLD])
    print(info.si_pid == pid, info.si_status, info.si_code == os.CLD_EXITED)
    os.waitpid(pid, 0)
    # To one thread: nobody else sees it.
    result = []
    ready = threading.Event()

    def wait():
        ready.set()
        result.append(signal.sigwait([signal.SIGUSR1]))

    thread = threading.Thread(target=wait)
    thread.start()
    ready.wait()
    signal.pthread_kill(thread.ident, signal.SIGUSR1)
    thread.join()
    print(result, signal.sigpending())
    refused(
        lambda: signal.sigwait([0]),
        lambda: signal.sigwait([65]),
        lambda: signal.sigtimedwait([signal.SIGUSR1], -1),
        lambda: signal.pthread_kill(threading.get_ident(), 99),
        lambda: signal.pthread_sigmask(99, []),
    )
    caught = []
    signal.signal(signal.SIGALRM, lambda number, frame: caught.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    # A handler that returns does not end the waiting.
    print(signal.sigtimedwait([signal.SIGUSR1], 0.05), caught == [signal.SIGALRM])


if __name__ == "__main__":
    for part in (counters, timers, vectors, fifos, reopened, signals):
        print(part.__name__, flush=True)
        part()
