"""zipfile and tarfile, in memory and on disk."""

import io
import os
import tarfile
import tempfile
import zipfile

FILES = {
    "readme.txt": b"hello\n" * 100,
    "data/blob.bin": bytes(range(256)) * 10,
    "data/empty": b"",
    "é/漢.txt": "unicode".encode(),
}


def zip_in_memory():
    """Write, list, read and append."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
        archive.comment = b"a comment"
    with zipfile.ZipFile(memory, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("later.txt", "appended")
    with zipfile.ZipFile(memory) as archive:
        print(archive.testzip(), archive.comment, archive.namelist())
        for info in archive.infolist()[:4]:
            print(
                ascii(info.filename),
                info.file_size,
                f"{info.CRC:08x}",
                info.date_time,
                info.is_dir(),
            )
            print(archive.read(info) == FILES[info.filename])
        with archive.open("readme.txt") as file:
            print(file.readline(), file.read(4), file.seek(-6, 2), file.read())
        try:
            archive.read("absent")
        except KeyError as error:
            print("KeyError", error)
    print(zipfile.is_zipfile(memory), zipfile.is_zipfile(io.BytesIO(b"PK no")))


def zip_on_disk(directory):
    """Extract to a tree, and against paths that point outside."""
    path = os.path.join(directory, "t.zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/b/c.txt", "deep")
        archive.writestr("../escape.txt", "no")
        archive.mkdir("empty")
    target = os.path.join(directory, "out")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(target)
    print(
        sorted(
            os.path.relpath(os.path.join(where, name), target)
            for where, names, files in os.walk(target)
            for name in names + files
        )
    )


def anonymous(info):
    """Take from a member what differs between two runs."""
    info.mtime, info.uid, info.gid = 1_000_000_000, 1, 1
    info.uname, info.gname = "u", "g"
    return info


def tar_on_disk(directory):
    """Files, links and directories through each compression."""
    tree = os.path.join(directory, "tree")
    os.makedirs(os.path.join(tree, "sub"))
    for number in range(3):
        with open(os.path.join(tree, "sub", f"f{number}"), "wb") as file:
            file.write(b"x" * 1000 * number)
    os.symlink("sub/f1", os.path.join(tree, "link"))
    os.link(os.path.join(tree, "sub", "f2"), os.path.join(tree, "hard"))
    os.chmod(os.path.join(tree, "sub", "f0"), 0o640)
    for mode in ("", "gz", "bz2", "xz"):
        path = os.path.join(directory, "t.tar." + mode)
        with tarfile.open(path, "w:" + mode, format=tarfile.PAX_FORMAT) as archive:
            archive.add(tree, "root", filter=anonymous)
        with tarfile.open(path) as archive:
            for info in sorted(archive, key=lambda info: info.name):
                print(
                    mode,
                    info.name,
                    info.type,
                    oct(info.mode & 0o700),
                    info.size if info.isreg() else "-",
                    info.linkname and "link",
                )
            target = os.path.join(directory, "un" + mode)
            archive.extractall(target, filter="fully_trusted")
        print(
            os.readlink(os.path.join(target, "root", "link")),
            os.path.getsize(os.path.join(target, "root", "sub", "f2")),
        )


def tar_in_memory():
    """A stream of archive members."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w|") as archive:
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    memory.seek(0)
    with tarfile.open(fileobj=memory, mode="r|") as archive:
        print(
            [
                (ascii(info.name), archive.extractfile(info).read() == FILES[info.name])
                for info in archive
            ]
        )
    try:
        tarfile.open(fileobj=io.BytesIO(b"z" * 2000))
    except tarfile.ReadError:
        print("ReadError")


if __name__ == "__main__":
    zip_in_memory()
    with tempfile.TemporaryDirectory() as where:
        zip_on_disk(where)
        tar_on_disk(where)
    tar_in_memory()
