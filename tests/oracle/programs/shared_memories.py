"""Memory between processes: shared_memory, mmap, memfd with seals, Unix sockets."""

import array
import errno
import fcntl
import mmap
import multiprocessing
import os
import signal
import socket
import struct
import sys
from multiprocessing import shared_memory


def child(action):
    """Run `action` in a forked child; its status, or minus a signal's number."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            status = action() or 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def refused(*actions):
    """Print how each of them fails."""
    for action in actions:
        try:
            print("no error", action())
        except OSError as error:
            print(type(error).__name__, errno.errorcode[error.errno])
        except (ValueError, TypeError, BufferError) as error:
            print(type(error).__name__)


def segments():
    """Named segments: created, attached, exhausted, gone."""
    name = f"roentgen-{os.getpid()}"
    first = shared_memory.SharedMemory(name, create=True, size=10_000)
    print(first.name == name, first.size >= 10_000, bytes(first.buf[:4]))
    refused(lambda: shared_memory.SharedMemory(name, create=True, size=1))
    refused(lambda: shared_memory.SharedMemory(create=True, size=0))
    second = shared_memory.SharedMemory(name, track=False)

    def write():
        mine = shared_memory.SharedMemory(name, track=False)
        mine.buf[4096:4101] = b"there"
        mine.close()
        return len(os.listdir("/dev/shm")) > 0

    print(child(write), bytes(second.buf[4096:4101]), first.buf[4096] == ord("t"))
    second.close()
    second.close()
    refused(lambda: second.buf[0])
    first.unlink()
    first.buf[0] = 1
    refused(lambda: shared_memory.SharedMemory(name))
    view = first.buf[1:3]
    refused(first.close)
    view.release()
    first.close()
    items = shared_memory.ShareableList([1, 2.5, "text", b"bytes", None, True, "é" * 3])
    other = shared_memory.ShareableList(name=items.shm.name)
    other[0], other[2] = 42, "new"
    print(list(items), items.index(2.5), items.count(None), len(items), items.format)
    refused(lambda: items.__setitem__(2, "far longer than what was there before"))
    other.shm.close()
    items.shm.close()
    items.shm.unlink()


def mappings():
    """Anonymous and file mappings, shared and private."""
    shared = mmap.mmap(-1, 3 * mmap.PAGESIZE)
    private = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)

    def change():
        shared[mmap.PAGESIZE : mmap.PAGESIZE + 5] = b"child"
        private[:5] = b"child"

        def deeper():
            shared[:5] = b"inner"

        return child(deeper)

    print(child(change), shared[:5], shared[mmap.PAGESIZE :][:5], private[:5])
    with open("file", "w+b") as file:
        file.write(b"x" * 5000)
        file.flush()
        kept = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE)
        with mmap.mmap(file.fileno(), 0) as seen:
            kept[0:1], seen[1:2] = b"P", b"S"
            print(child(lambda: seen.__setitem__(2, ord("C"))), seen[:4])
            print(os.pread(file.fileno(), 4, 0), kept[:1])
            os.pwrite(file.fileno(), b"W", 3)
            print(seen[:4], len(seen))
            os.ftruncate(file.fileno(), 0)
            # Beyond the end of the file there is nothing.
            print(child(lambda: seen[0]) == -signal.SIGBUS)
        kept.close()


def memory_files():
    """memfd_create: a file without a name, sealed, mapped by who gets it."""
    descriptor = os.memfd_create("sealed", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    print(os.readlink(f"/proc/self/fd/{descriptor}"), os.get_inheritable(descriptor))
    os.ftruncate(descriptor, 8192)
    with mmap.mmap(descriptor, 8192) as area:
        area[:5] = b"hello"
    seals = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
    print(fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals))
    refused(
        lambda: os.ftruncate(descriptor, 4096),
        lambda: os.ftruncate(descriptor, 9000),
        lambda: os.pwrite(descriptor, b"x", 8192),
    )
    print(os.pwrite(descriptor, b"HELLO", 0))
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL)
    print(fcntl.fcntl(descriptor, fcntl.F_GET_SEALS))
    refused(
        lambda: os.pwrite(descriptor, b"x", 0),
        lambda: fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE),
        lambda: mmap.mmap(descriptor, 8192),
        lambda: os.posix_fallocate(descriptor, 0, 10_000),
    )
    with mmap.mmap(descriptor, 8192, access=mmap.ACCESS_READ) as area:
        print(area[:5])
    os.close(descriptor)
    plain = os.memfd_create("plain")
    print(fcntl.fcntl(plain, fcntl.F_GET_SEALS) == fcntl.F_SEAL_SEAL)
    refused(
        lambda: fcntl.fcntl(plain, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW),
        lambda: os.memfd_create("n" * 250),
        lambda: os.memfd_create("x", 1 << 20),
    )
    os.close(plain)


def passing():
    """Descriptors and credentials in messages between processes."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    there.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    room = socket.CMSG_SPACE(12) + socket.CMSG_SPACE(16)

    def send():
        memory = os.memfd_create("passed")
        os.write(memory, b"from a child")
        rights = array.array("i", [memory, os.pidfd_open(os.getpid())])
        mine = struct.pack("iii", os.getpid(), os.getuid(), os.getgid())
        here.sendmsg(
            [b"take", b" both"],
            [
                (socket.SOL_SOCKET, socket.SCM_RIGHTS, rights),
                (socket.SOL_SOCKET, socket.SCM_CREDENTIALS, mine),
            ],
        )
        here.send(b"no credentials given")

    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        send()
        signal.pause()
    data, messages, flags, _ = there.recvmsg(100, room)
    passed = array.array("i")
    for level, kind, content in messages:
        if kind == socket.SCM_RIGHTS:
            passed.frombytes(content)
        else:
            user = struct.unpack("iii", content)
            print(level, kind, user == (pid, os.getuid(), os.getgid()))
    print(data, len(passed), flags & socket.MSG_CTRUNC, os.pread(passed[0], 50, 0))
    print([os.get_inheritable(descriptor) for descriptor in passed])
    data, messages, _, _ = there.recvmsg(100, room)
    print(data, [struct.unpack("iii", content)[0] == pid for _, _, content in messages])
    signal.pidfd_send_signal(passed[1], signal.SIGTERM)
    print(os.waitid(os.P_PIDFD, passed[1], os.WEXITED).si_status)
    refused(
        lambda: here.sendmsg(
            [b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [999]))]
        ),
        lambda: here.sendmsg([b"x"], [(socket.SOL_SOCKET, 99, b"1234")]),
    )
    # Room for one of two: the other one is closed on arrival.
    reader, writer = os.pipe()
    socket.send_fds(here, [b"two"], [writer, os.dup(writer)])
    os.close(writer)
    there.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
    data, messages, flags, _ = there.recvmsg(10, socket.CMSG_LEN(4))
    print(data, len(messages[0][2]), flags & socket.MSG_CTRUNC != 0)
    here.close()
    there.close()
    # A socket goes through itself, and an abstract name is nobody's file.
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0roentgen")
        server.listen()
        print(server.getsockname())

        def connect():
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(b"\0roentgen")
                inner, outer = socket.socketpair()
                socket.send_fds(client, [b"s"], [inner.fileno()])
                inner.close()
                return len(outer.recv(10))

        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os._exit(connect())
        connection, _ = server.accept()
        _, descriptors, _, _ = socket.recv_fds(connection, 10, 1)
        with socket.socket(fileno=descriptors[0]) as passed_socket:
            print(passed_socket.send(b"seven b"))
        connection.close()
        print(os.waitpid(pid, 0)[1] >> 8)


def connections():
    """multiprocessing's own way to hand over sockets and files."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()

    def receive():
        connection = there.recv()
        connection.send("through a passed end")
        handle = multiprocessing.reduction.recv_handle(there)
        os.write(handle, b"through a passed handle")

    process = context.Process(target=receive)
    process.start()
    mine, other = context.Pipe()
    here.send(other)
    print(mine.recv())
    reader, writer = os.pipe()
    multiprocessing.reduction.send_handle(here, writer, process.pid)
    os.close(writer)
    print(os.read(reader, 100))
    process.join()
    print(os.read(reader, 1), process.exitcode)


if __name__ == "__main__":
    for part in (segments, mappings, memory_files, passing, connections):
        print(part.__name__)
        part()
