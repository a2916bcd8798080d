"""mmap: files shared and private, anonymous memory, resizing, faults."""

import mmap
import os
import tempfile

PAGE = mmap.PAGESIZE


def shared(file):
    """Writes through a shared map arrive in the file."""
    file.write(b"\0" * (3 * PAGE))
    file.flush()
    with mmap.mmap(file.fileno(), 0) as area:
        area[:5] = b"hello"
        area[PAGE - 2 : PAGE + 3] = b"cross"
        area[-1] = 0x7F
        area.seek(2 * PAGE)
        area.write(b"by position")
        area.write_byte(33)
        area.flush()
        print(
            len(area),
            area.tell(),
            area.find(b"cross"),
            area.rfind(b"l"),
            area.size(),
            area.readline().count(b"\0") > 0,
        )
    file.seek(0)
    data = file.read()
    print(data[:5], data[PAGE - 2 : PAGE + 3], data[2 * PAGE : 2 * PAGE + 12], data[-1])


def private(file):
    """Writes through a private map do not."""
    with mmap.mmap(file.fileno(), PAGE, access=mmap.ACCESS_COPY) as area:
        area[:5] = b"local"
        print(area[:5], os.pread(file.fileno(), 5, 0))
    with mmap.mmap(file.fileno(), PAGE, access=mmap.ACCESS_READ, offset=PAGE) as area:
        print(area[:3])
        try:
            area[0] = 1
        except TypeError:
            print("read-only")


def written_behind(file):
    """What is written to the file shows in the map, and the other way."""
    with mmap.mmap(file.fileno(), 0) as area:
        os.pwrite(file.fileno(), b"PWRITE", 100)
        print(area[100:106])
        area[200:204] = b"MMAP"
        print(os.pread(file.fileno(), 4, 200))
        with mmap.mmap(file.fileno(), 0) as second:
            second[300:303] = b"two"
            print(area[300:303])


def anonymous():
    """Memory without a file."""
    with mmap.mmap(-1, 64 * PAGE) as area:
        print(area[:4], area.rfind(b"x"), len(area))
        for page in range(64):
            area[page * PAGE] = page
        print(sum(area[page * PAGE] for page in range(64)))
        area.move(PAGE, 0, 4)
        print(area[PAGE : PAGE + 4])
        try:
            area[64 * PAGE]
        except IndexError:
            print("IndexError")
    try:
        area[0]
    except ValueError:
        print("closed")


def inherited():
    """A forked child shares a shared map and has its own private one."""
    together = mmap.mmap(-1, PAGE)
    alone = mmap.mmap(-1, PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    child = os.fork()
    if child == 0:
        together[:5] = b"child"
        alone[:5] = b"child"
        os._exit(0)
    os.waitpid(child, 0)
    print(together[:5], alone[:5])


def errors(file):
    """What cannot be mapped."""
    for arguments in [(file.fileno(), -1), (file.fileno(), 10 * PAGE), (12345, PAGE), (-1, 0)]:
        try:
            mmap.mmap(*arguments)
        except (ValueError, OverflowError, OSError) as error:
            print(type(error).__name__)
    try:
        mmap.mmap(file.fileno(), PAGE, offset=1)
    except (ValueError, OSError) as error:
        print(type(error).__name__)


if __name__ == "__main__":
    with tempfile.TemporaryFile() as temporary:
        shared(temporary)
        private(temporary)
        written_behind(temporary)
        errors(temporary)
    anonymous()
    inherited()
