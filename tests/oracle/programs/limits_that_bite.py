"""resource: limits on files, sizes, CPU time, memory, stacks and processes."""

import errno
import mmap
import os
import resource
import signal
import sys
import tempfile
import threading
import time

NOBODY = 65534


def child(action):
    """Run `action` in a child; how it ended."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            status = action() or 0
        except MemoryError:
            status = 98
        except OSError as error:
            status = error.errno
        finally:
            os._exit(status)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    code = os.WEXITSTATUS(status)
    return errno.errorcode.get(code, code)


def limit(name, soft, hard=None):
    """Set one of the calling process's limits."""
    number = getattr(resource, f"RLIMIT_{name}")
    resource.setrlimit(number, (soft, resource.getrlimit(number)[1] if hard is None else hard))
    return number


def descriptors():
    """RLIMIT_NOFILE: EMFILE, for every call that makes one."""

    def open_many():
        limit("NOFILE", 20)
        made = []
        try:
            while True:
                made.append(os.dup(0))
        except OSError as error:
            print(error.errno == errno.EMFILE, max(made))
        for what in (
            os.pipe,
            lambda: os.open("/", os.O_RDONLY),
            lambda: os.eventfd(0),
            lambda: os.memfd_create("m"),
            lambda: os.pidfd_open(os.getpid()),
            lambda: os.dup2(0, 20),
        ):
            try:
                print(what())
            except OSError as error:
                print(errno.errorcode[error.errno])
        os.close(made[-1])
        print(os.open("/", os.O_RDONLY) == made[-1])
        limit("NOFILE", 24)
        print(os.dup(0))
        sys.stdout.flush()

    print(child(open_many))


def sizes():
    """RLIMIT_FSIZE: SIGXFSZ, and EFBIG where that is ignored."""
    with tempfile.TemporaryFile() as file:
        descriptor = file.fileno()

        def over(ignored):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN if ignored else signal.SIG_DFL)
            limit("FSIZE", 1000)
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            print(os.write(descriptor, b"x" * 900), os.write(descriptor, b"x" * 900))
            sys.stdout.flush()
            for what in (
                lambda: os.pwrite(descriptor, b"y", 999),
                lambda: os.write(descriptor, b"x"),
                lambda: os.pwrite(descriptor, b"x", 5000),
                lambda: os.ftruncate(descriptor, 1001),
                lambda: os.posix_fallocate(descriptor, 0, 2000),
                lambda: os.writev(descriptor, [b"x", b"y"]),
            ):
                try:
                    print(what())
                except OSError as error:
                    print(errno.errorcode[error.errno])
            sys.stdout.flush()
            # Pipes have no size.
            reader, writer = os.pipe()
            return 7 if os.write(writer, b"x" * 3000) == 3000 else 8

        print(child(lambda: over(True)), os.fstat(descriptor).st_size)
        print(child(lambda: over(False)), os.fstat(descriptor).st_size)


def spin(seconds):
    """Use the CPU for so long."""
    while time.process_time() < seconds:
        pass


def processor():
    """RLIMIT_CPU: SIGXCPU at the soft limit and every second after, SIGKILL at the hard."""

    def soft():
        limit("CPU", 1, 2)
        spin(10)

    def caught():
        times = []
        signal.signal(signal.SIGXCPU, lambda *_: times.append(time.process_time()))
        limit("CPU", 1, 3)
        spin(2.6)
        right = [0.9 < times[0] < 1.5, 1.9 < times[1] < 2.5, len(times)]
        print(right)
        sys.stdout.flush()
        spin(10)

    def threads():
        limit("CPU", 1, 1)
        for _ in range(2):
            threading.Thread(target=spin, args=(10,), daemon=True).start()
        spin(10)

    print(child(soft), child(caught))
    print(child(threads))


def memory():
    """RLIMIT_AS and RLIMIT_DATA: ENOMEM."""

    def used(field):
        with open("/proc/self/statm") as file:
            return int(file.read().split()[field]) * resource.getpagesize()

    def map_some(name, field, flags, prot):
        limit(name, used(field) + (64 << 20))
        for size in (16 << 20, 200 << 20, 16 << 20):
            try:
                with mmap.mmap(-1, size, flags=flags, prot=prot) as area:
                    area[0] = area[-1] = 1
                print("mapped")
            except (OSError, MemoryError) as error:
                print(type(error).__name__, getattr(error, "errno", None))
        sys.stdout.flush()

    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    shared = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS
    both = mmap.PROT_READ | mmap.PROT_WRITE
    print(child(lambda: map_some("AS", 0, private, both)))
    print(child(lambda: map_some("AS", 0, shared, both)))
    print(child(lambda: map_some("DATA", 5, private, both)))
    # What is shared is not data.
    print(child(lambda: map_some("DATA", 5, shared, both)))


def processes():
    """RLIMIT_NPROC counts a user's threads; the superuser has no such limit."""

    def fork_some(user):
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        limit("NPROC", 3)
        children = []
        outcome = "no end"
        for _ in range(6):
            try:
                pid = os.fork()
            except BlockingIOError as error:
                outcome = errno.errorcode[error.errno]
                break
            if pid == 0:
                signal.pause()
                os._exit(0)
            children.append(pid)
        print(len(children), outcome)
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        print(os.waitpid(pid, 0)[1])
        sys.stdout.flush()

    print(child(lambda: fork_some(None)))
    print(child(lambda: fork_some(NOBODY)))


def changing():
    """Who may change what."""
    for name in ("NOFILE", "CORE", "STACK", "FSIZE", "CPU", "AS", "DATA", "NPROC"):
        soft, hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
        print(name, soft <= hard)

    def lower():
        number = limit("NOFILE", 50, 60)
        print(resource.getrlimit(number), resource.prlimit(0, number, (40, 55)))
        print(resource.prlimit(os.getpid(), number))
        for limits in ((70, 55), (-1, 55)):
            try:
                resource.setrlimit(number, limits)
            except (ValueError, OSError) as error:
                print(type(error).__name__)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        for what in (
            lambda: resource.setrlimit(number, (55, 55)),
            lambda: resource.setrlimit(number, (55, 56)),
            lambda: resource.prlimit(os.getppid(), number),
            lambda: resource.prlimit(1 << 22, number),
            lambda: resource.prlimit(0, 99),
        ):
            try:
                print(what())
            except (ValueError, OSError) as error:
                print(type(error).__name__)
        sys.stdout.flush()

    print(child(lower))

    def inherited():
        # The limit goes along, over fork; the parent can change the child's.
        limit("NOFILE", 30, 40)
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(reader, 1)
            print(resource.getrlimit(resource.RLIMIT_NOFILE))
            sys.stdout.flush()
            os._exit(0)
        print(resource.prlimit(pid, resource.RLIMIT_NOFILE, (25, 35)))
        sys.stdout.flush()
        os.write(writer, b"x")
        os.waitpid(pid, 0)
        print(resource.getrlimit(resource.RLIMIT_NOFILE))
        sys.stdout.flush()

    print(child(inherited))


if __name__ == "__main__":
    descriptors()
    sizes()
    processor()
    memory()
    processes()
    changing()
