"""The file calls of os: stat, links, rename, times, sizes, descriptors."""

import errno
import fcntl
import os
import stat
import tempfile


def links():
    """Hard and symbolic links."""
    with open("file", "w") as file:
        file.write("content")
    os.link("file", "hard")
    os.symlink("file", "soft")
    print(
        os.stat("file").st_nlink,
        os.stat("soft").st_size,
        os.lstat("soft").st_size,
        stat.S_ISLNK(os.lstat("soft").st_mode),
        os.readlink("soft"),
    )
    print(
        os.path.samefile("file", "hard"),
        os.path.realpath("soft") == os.path.realpath("file"),
        os.path.lexists("soft"),
    )
    os.unlink("file")
    print(os.path.exists("soft"), os.path.lexists("soft"), os.stat("hard").st_nlink)
    os.symlink("loop", "loop")
    try:
        os.stat("loop")
    except OSError as error:
        print(errno.errorcode[error.errno])
    os.unlink("loop")


def renames():
    """Rename over files and directories."""
    os.makedirs("d1/inner")
    os.mkdir("d2")
    os.rename("d1", "d2")
    print(os.listdir("d2"))
    os.rename("hard", "d2/moved")
    os.replace("d2/moved", "back")
    for source, target in [("d2", "d2/inner/x"), ("back", "d2"), ("d2", "back"), ("none", "x")]:
        try:
            os.rename(source, target)
        except OSError as error:
            print(source, target, errno.errorcode[error.errno])


def times_and_modes():
    """Times to the nanosecond, modes and the mask."""
    os.utime("back", ns=(1_600_000_000_123_456_789, 1_700_000_000_987_654_321))
    status = os.stat("back")
    print(status.st_atime_ns, status.st_mtime_ns, int(status.st_mtime))
    os.utime("back", (1, 2))
    print(os.stat("back").st_mtime, os.path.getatime("back"))
    old = os.umask(0o027)
    os.close(os.open("masked", os.O_CREAT | os.O_WRONLY, 0o666))
    os.mkdir("masked.d")
    print(oct(os.stat("masked").st_mode), oct(os.stat("masked.d").st_mode), oct(os.umask(old)))
    os.chmod("masked", 0o4751)
    print(
        stat.filemode(os.stat("masked").st_mode),
        os.access("masked", os.F_OK),
        os.access("none", os.R_OK),
    )


def descriptors():
    """Positions, holes, vectors, duplicates, flags."""
    descriptor = os.open("data", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    print(
        os.write(descriptor, b"0123456789"),
        os.lseek(descriptor, 4, os.SEEK_SET),
        os.read(descriptor, 3),
        os.lseek(descriptor, -1, os.SEEK_END),
        os.pread(descriptor, 4, 2),
        os.pwrite(descriptor, b"AB", 1),
    )
    os.ftruncate(descriptor, 14)
    os.lseek(descriptor, 20, os.SEEK_SET)
    os.write(descriptor, b"end")
    print(os.pread(descriptor, 100, 0), os.fstat(descriptor).st_size)
    print(os.write(descriptor, b"xyz"), os.lseek(descriptor, 0, os.SEEK_SET))
    twin = os.dup(descriptor)
    os.lseek(twin, 1, os.SEEK_SET)
    print(os.read(descriptor, 2), os.get_inheritable(twin))
    os.dup2(twin, 100)
    print(os.get_inheritable(100), fcntl.fcntl(100, fcntl.F_GETFD))
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    print(flags & (os.O_RDWR | os.O_WRONLY) == os.O_RDWR, bool(flags & os.O_APPEND))
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_APPEND)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, b"!")
    print(os.fstat(descriptor).st_size, os.get_blocking(descriptor))
    os.set_inheritable(descriptor, True)
    print(os.get_inheritable(descriptor), os.isatty(descriptor))
    os.truncate("data", 2)
    os.fsync(descriptor)
    print(os.path.getsize("data"))
    for number in (descriptor, twin, 100):
        os.close(number)
    try:
        os.read(descriptor, 1)
    except OSError as error:
        print(errno.errorcode[error.errno])


def directories():
    """Scan, relative descriptors, removal."""
    with os.scandir(".") as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            print(
                entry.name,
                entry.is_dir(),
                entry.is_file(),
                entry.is_symlink(),
                entry.inode() == os.lstat(entry.name).st_ino,
            )
    where = os.open("d2", os.O_RDONLY | os.O_DIRECTORY)
    os.mkdir("below", dir_fd=where)
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=where))
    print(sorted(os.listdir(where)), os.stat("f", dir_fd=where).st_size)
    os.unlink("f", dir_fd=where)
    os.close(where)
    os.removedirs("d2/below")
    print(sorted(os.listdir("d2")), os.getcwd() == os.path.realpath("."))
    for path in ["d2", "absent", "back"]:
        try:
            os.rmdir(path)
        except OSError as error:
            print(path, errno.errorcode[error.errno])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        links()
        renames()
        times_and_modes()
        descriptors()
        directories()
        os.chdir("/")
