"""Walks, shutil, glob, fnmatch, filecmp and tempfile over a tree."""

import filecmp
import fnmatch
import glob
import os
import shutil
import tempfile


def grow(root, depth, width):
    """Make a tree of so many levels."""
    for number in range(width):
        path = os.path.join(root, f"n{number}")
        if depth:
            os.mkdir(path)
            grow(path, depth - 1, width)
        else:
            with open(path + ".txt", "w") as file:
                file.write("x" * number)


def walks(root):
    """Count from the top and from below, and prune."""
    print(sum(len(files) for _, _, files in os.walk(root)))
    below = [os.path.relpath(where, root) for where, _, _ in os.walk(root, topdown=False)]
    print(below[-1], len(below))
    for where, names, files in os.walk(root):
        names[:] = [name for name in sorted(names) if name == "n1"]
        print(os.path.relpath(where, root), names, sorted(files))
    print(sum(1 for _ in os.fwalk(root)))


def copies(root):
    """Copy, move and remove trees."""
    copy = root + ".copy"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns("n2*"))
    compared = filecmp.dircmp(root, copy)
    print(sorted(compared.left_only), sorted(compared.common), compared.right_only)
    os.symlink("n0", os.path.join(root, "link"))
    shutil.copytree(root, copy + "2", symlinks=True)
    print(os.path.islink(os.path.join(copy + "2", "link")))
    print(os.path.basename(shutil.move(copy + "2", copy + "3")), os.path.exists(copy + "2"))
    source, target = os.path.join(root, "n1/n1/n2.txt"), os.path.join(root, "copy")
    os.chmod(source, 0o604)
    os.utime(source, (1_000_000_000, 1_100_000_000))
    shutil.copy2(source, target)
    print(
        oct(os.stat(target).st_mode & 0o777),
        os.stat(target).st_mtime,
        filecmp.cmp(source, target, shallow=False),
    )
    shutil.copymode(source, shutil.copyfile(source, target + "2"))
    shutil.rmtree(copy)
    shutil.rmtree(copy + "3")
    shutil.rmtree(copy + "none", ignore_errors=True)
    print(sorted(os.listdir(os.path.dirname(root))))
    for call in (
        lambda: shutil.copyfile(target, target),
        lambda: shutil.rmtree(copy),
        lambda: shutil.copytree(root, root),
    ):
        try:
            call()
        except (shutil.SameFileError, OSError) as error:
            print(type(error).__name__)
    print(shutil.which("no-such-program"), shutil.disk_usage(root).total > 0)


def archives(root):
    """Pack and unpack."""
    for form in ("tar", "gztar", "zip"):
        name = shutil.make_archive(root + "-pack", form, root, "n1")
        shutil.unpack_archive(name, root + "-un")
        print(os.path.basename(name), filecmp.dircmp(root + "/n1", root + "-un/n1").diff_files)
        shutil.rmtree(root + "-un")
        os.remove(name)


def patterns(root):
    """Match names."""
    for pattern in ["*", "n[!0]/n?/*1.txt", "**/n0.txt", "n1/**"]:
        found = glob.glob(pattern, root_dir=root, recursive=True)
        print(pattern, len(found), sorted(found)[:3])
    print(
        glob.escape("a[b]*?"),
        fnmatch.filter(["a.py", "b.txt", "c.PY"], "*.py"),
        fnmatch.fnmatchcase("file12", "file[0-9][!5]"),
        fnmatch.translate("a?*"),
    )


def temporary():
    """Temporary files come and go."""
    with tempfile.NamedTemporaryFile("w+", suffix=".tmp") as file:
        file.write("text")
        file.flush()
        print(
            os.path.getsize(file.name),
            file.name.endswith(".tmp"),
            oct(os.stat(file.name).st_mode & 0o777),
        )
    print(os.path.exists(file.name))
    with tempfile.SpooledTemporaryFile(max_size=10) as file:
        file.write(b"12345")
        before = file._rolled
        file.write(b"1234567")
        print(before, file._rolled, file.tell())
    names = {tempfile.mktemp() for _ in range(100)}
    descriptor, path = tempfile.mkstemp(text=True)
    os.close(descriptor)
    os.unlink(path)
    print(len(names), os.path.dirname(path) == tempfile.gettempdir())
    with tempfile.TemporaryFile() as file:
        print(os.fstat(file.fileno()).st_nlink <= 1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        base = os.path.join(directory, "tree")
        os.mkdir(base)
        grow(base, 2, 3)
        walks(base)
        copies(base)
        archives(base)
        patterns(base)
    temporary()
