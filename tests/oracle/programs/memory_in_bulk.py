"""Much memory: large objects, many objects, what is left behind, limits."""

import gc
import mmap
import os
import resource


def resident():
    """Return the resident size in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE


def large_objects():
    """A block of 32 MB, zeroed, filled, copied, freed."""
    before = resident()
    block = bytearray(32 << 20)
    print(len(block), not any(block[::4096]))
    view = memoryview(block)
    for page in range(0, len(block), 4096):
        view[page] = page >> 12 & 0xFF
    print(resident() - before > 24 << 20, sum(block[::4096]))
    twin = bytes(view[: 2 << 20])
    print(twin == block[: 2 << 20], hash(twin[:100]) == hash(bytes(block[:100])))
    view.release()
    del block, twin
    gc.collect()
    text = "é" * 500_000
    print(len(text), text.count("é"), len(text.encode()))


def many_objects():
    """Thirty thousand small objects and one large number."""
    numbers = [str(n) for n in range(30_000)]
    table = {name: index for index, name in enumerate(numbers)}
    print(len(table), table["12345"], sum(map(len, numbers)))
    numbers.sort()
    print(numbers[:3], numbers[-1])
    del table
    big = 1 << 200_000
    print(big.bit_length(), (big * big).bit_length())


def sparse():
    """Address space costs nothing until it is touched."""
    before = resident()
    areas = [mmap.mmap(-1, 256 << 20) for _ in range(4)]
    for area in areas:
        area[0] = area[-1] = 1
    print(sum(len(area) for area in areas) >> 20, resident() - before < 64 << 20)
    for area in areas:
        area.close()


def limits():
    """What getrusage and getrlimit say."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(usage.ru_utime > 0, usage.ru_maxrss > 1000, usage.ru_minflt > 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    files = []
    try:
        while len(files) < 1000:
            files.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        print(error.strerror, len(files) <= 61, max(files) == 63)
    for descriptor in files:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(
        resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard),
        resource.getrlimit(resource.RLIMIT_STACK)[0] != 0,
    )
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (10, 5))
    except ValueError:
        print("ValueError")


def in_children():
    """Twenty children share what none of them writes."""
    block = bytearray(4 << 20)
    children = []
    for number in range(20):
        child = os.fork()
        if child == 0:
            block[number << 12] = number
            os._exit(block[number << 12])
        children.append(child)
    print(
        [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children],
        block.count(0) == len(block),
    )


if __name__ == "__main__":
    large_objects()
    many_objects()
    sparse()
    limits()
    in_children()
