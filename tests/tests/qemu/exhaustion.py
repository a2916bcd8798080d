"""Everything runs out, in children; this program goes on, and has all memory back.

Each line of output is what one child says: the error it met, or how it ended.
"""

import errno
import os
import resource
import signal
import socket
import sys
import threading
import time

import roentgen

LIMIT = 20


def fill_memory(left):
    """Holds memory until about `left` bytes are free: a piece for each MiB.

    In small blocks: a large one has a mapping of its own, which is refused in time.
    """
    held = []
    while roentgen.memory().free > left:
        held.append([bytes(bytearray(1 << 16)) for _ in range(16)])
    return held


def huge():
    bytearray(1 << 46)


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
    bytearray(1 << 29)


def all_memory():
    fill_memory(0)


def files():
    piece = bytes(1 << 20)
    with open("/tmp/large", "wb", buffering=0) as file:
        os.unlink("/tmp/large")
        while file.write(piece):
            pass


def names():
    held = fill_memory(24 << 20)
    os.mkdir("/tmp/names")
    for number in range(len(held) << 20):
        os.mkdir(f"/tmp/names/{number:0100}")


def descriptors():
    held = []
    while True:
        held.append(os.open("/", os.O_RDONLY))


def all_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
    held = [fill_memory(24 << 20)]
    while True:
        held.append(os.pipe())


def pipes():
    resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
    held = [fill_memory(64 << 20)]
    while True:
        held.append(os.pipe())
        os.write(held[-1][1], bytes(60_000))


def sockets():
    resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
    held = [fill_memory(64 << 20)]
    while True:
        held.append(socket.socketpair())
        held[-1][0].send(bytes(60_000))


def processes():
    resource.setrlimit(resource.RLIMIT_NPROC, (LIMIT, LIMIT))
    os.setuid(1000)
    bomb()


def threads():
    resource.setrlimit(resource.RLIMIT_NPROC, (LIMIT, LIMIT))
    os.setuid(1000)
    end = threading.Event()
    count = 0
    try:
        while True:
            threading.Thread(target=end.wait, daemon=True).start()
            count += 1
    except RuntimeError:
        print(count, end=" ")
        raise


def bomb():
    count = 0
    try:
        while True:
            if os.fork() == 0:
                time.sleep(1000)
            count += 1
    except OSError:
        print(count if count < 2 * LIMIT else "many", end=" ")
        raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        for _ in range(count):
            os.wait()


def met(body):
    """Runs the body in a child with a group of its own; how it ended."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        try:
            body()
        except OSError as error:
            print(errno.errorcode[error.errno], end=" ")
        except BaseException as error:
            print(type(error).__name__, end=" ")
        sys.stdout.flush()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def clear():
    for number in range(1 << 20):
        try:
            os.rmdir(f"/tmp/names/{number:0100}")
        except FileNotFoundError:
            break
    os.rmdir("/tmp/names")


def warm_up():
    """The first process, thread and file of a kind leave something behind."""
    met(lambda: threading.Thread(target=int).start())
    time.sleep(0.1)


warm_up()
before = roentgen.memory()
for body in [
    huge,
    limited,
    all_memory,
    files,
    names,
    descriptors,
    all_descriptors,
    pipes,
    sockets,
    processes,
    threads,
    bomb,
]:
    print(body.__name__, end=" ", flush=True)
    print(met(body), flush=True)
clear()
time.sleep(0.5)
after = roentgen.memory()
lost = [there - here for here, there in zip(before[2:], after[2:])]
print("lost", *lost, file=sys.stderr)
print(
    after.total == sum(after[1:]),
    roentgen.counters()["threads"],
    after.user - before.user <= 1 << 20,
    after.page_tables - before.page_tables <= 1 << 18,
)
