"""Devices, pipes' limits, eventfd, sendfile and /proc."""

import errno
import os
import select
import signal
import stat
import sys
import tempfile


def devices():
    """null, zero, full, urandom."""
    with open("/dev/null", "r+b", buffering=0) as null:
        print(null.read(10), null.write(b"gone"), stat.S_ISCHR(os.fstat(null.fileno()).st_mode))
    with open("/dev/zero", "rb") as zero:
        print(zero.read(5), zero.read(100_000).count(0))
    with open("/dev/urandom", "rb") as source:
        print(len({source.read(16) for _ in range(20)}))
    with open("/dev/full", "wb", buffering=0) as full:
        try:
            full.write(b"x")
        except OSError as error:
            print(errno.errorcode[error.errno])
    print(len(os.urandom(1000)), len(set(os.getrandom(16) for _ in range(10))))


def pipes():
    """How much fits, and what happens at the ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    total = 0
    try:
        while True:
            total += os.write(writer, b"x" * 4096)
    except BlockingIOError:
        print(total, select.select([], [writer], [], 0)[1])
    print(len(os.read(reader, 100)), len(os.read(reader, 10_000_000)) == total - 100)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.stdout.flush()
    os.close(reader)
    child = os.fork()
    if child == 0:
        os.write(writer, b"x")
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        os.write(writer, b"x")
    except BrokenPipeError as error:
        print(errno.errorcode[error.errno])
    os.close(writer)


def counters():
    """eventfd as counter and as semaphore."""
    if not hasattr(os, "eventfd"):
        print("no eventfd")
        return
    counter = os.eventfd(3, os.EFD_NONBLOCK)
    os.eventfd_write(counter, 4)
    print(os.eventfd_read(counter), select.select([counter], [counter], [], 0)[0])
    try:
        os.eventfd_read(counter)
    except BlockingIOError:
        print("empty")
    os.close(counter)


def moving(directory):
    """Copy inside of the kernel."""
    path = os.path.join(directory, "source")
    with open(path, "wb") as file:
        file.write(bytes(range(256)) * 1000)
    source = os.open(path, os.O_RDONLY)
    target = os.open(path + "2", os.O_RDWR | os.O_CREAT)
    print(
        os.sendfile(target, source, 1000, 5000),
        os.lseek(source, 0, os.SEEK_CUR),
        os.fstat(target).st_size,
        os.pread(target, 3, 0),
    )
    if hasattr(os, "copy_file_range"):
        print(os.copy_file_range(source, target, 700))
    os.close(source)
    os.close(target)


def about_oneself():
    """What /proc says of this process."""
    print(
        int(os.readlink("/proc/self")) == os.getpid(),
        os.readlink("/proc/self/fd/0") != "",
        {"0", "1", "2"} <= set(os.listdir("/proc/self/fd")),
    )
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    print(
        int(fields["Pid"]) == os.getpid(),
        int(fields["PPid"]) == os.getppid(),
        int(fields["Threads"]) >= 1,
        fields["State"].strip()[0],
    )
    with open("/proc/self/maps") as file:
        maps = file.read()
    print("[stack]" in maps, "r-xp" in maps, "rwxp" in maps)
    with open("/proc/self/cmdline", "rb") as file:
        print(file.read().split(b"\0")[-2].endswith(b"special_files.py"))
    with open("/proc/meminfo") as file:
        print(file.readline().split()[0])
    print(os.path.realpath("/proc/self/exe") == os.path.realpath(sys.executable))


if __name__ == "__main__":
    devices()
    with tempfile.TemporaryDirectory() as where:
        moving(where)
    pipes()
    counters()
    about_oneself()
