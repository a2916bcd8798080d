"""pathlib: pure paths, and a tree on disk walked, globbed and changed."""

import os
import pathlib
import tempfile
from pathlib import Path, PurePosixPath, PureWindowsPath


def pure():
    """Paths that touch no disk."""
    path = PurePosixPath("/usr/lib/../python3.14/os.tar.gz")
    print(path.parts, path.name, path.stem, path.suffix, path.suffixes, path.parent, path.anchor)
    print(
        path.with_name("x"),
        path.with_suffix(".py"),
        path.with_stem("y"),
        path / "../z",
        path.relative_to("/usr"),
        path.is_relative_to("/opt"),
    )
    print(
        [str(p) for p in path.parents][:3],
        path.match("*.gz"),
        PurePosixPath("a//b/./c/"),
        PurePosixPath("a") < PurePosixPath("b"),
    )
    windows = PureWindowsPath(r"C:\Users\me\file.TXT")
    print(
        windows.drive,
        windows.root,
        windows.as_posix(),
        windows == PureWindowsPath("c:/users/ME/file.txt"),
    )
    print(
        PurePosixPath("/a/b").relative_to("/a/c", walk_up=True),
        PurePosixPath("src/a/b.py").full_match("src/**/*.py"),
    )
    for bad in (
        lambda: PurePosixPath("/").with_name("a"),
        lambda: PurePosixPath("a").relative_to("b"),
    ):
        try:
            bad()
        except ValueError:
            print("ValueError")


def grow(root):
    """Make a tree."""
    for name in ["a/b/c", "a/d", "e"]:
        (root / name).mkdir(parents=True)
    for name, text in [
        ("top.txt", "top"),
        ("a/one.py", "1"),
        ("a/b/two.py", "22"),
        ("a/b/c/three.txt", "333"),
        ("e/.hidden", "h"),
    ]:
        (root / name).write_text(text)
    (root / "link").symlink_to("a/b")
    (root / "dangling").symlink_to("nowhere")
    (root / "hard.txt").hardlink_to(root / "top.txt")


def look(root):
    """Walk, glob and question the tree."""
    names = [str(p.relative_to(root)) for p in root.rglob("*")]
    print(sorted(names))
    for pattern in ["*.txt", "**/*.py", "a/*", "**/", "[de]*", "a/b/../d"]:
        print(pattern, sorted(str(p.relative_to(root)) for p in root.glob(pattern)))
    for where, folders, files in root.walk(top_down=False):
        folders.sort()
        print(where.relative_to(root), sorted(folders), sorted(files))
    for name in ["top.txt", "a", "link", "dangling", "absent"]:
        path = root / name
        print(
            name,
            path.exists(),
            path.is_file(),
            path.is_dir(),
            path.is_symlink(),
            path.is_mount(),
            path.exists(follow_symlinks=False),
        )
    print(
        (root / "link").readlink(),
        (root / "link").resolve().relative_to(root.resolve()),
        (root / "top.txt").samefile(root / "hard.txt"),
    )
    print((root / "hard.txt").stat().st_nlink, oct((root / "a").stat().st_mode & 0o170000))


def change(root):
    """Rename, touch, change mode, remove."""
    target = (root / "top.txt").rename(root / "renamed.txt")
    print(target.name, target.read_text(), target.read_bytes())
    (root / "new").touch()
    print((root / "new").stat().st_size)
    target.chmod(0o600)
    print(oct(target.stat().st_mode & 0o777))
    with (root / "lines").open("w+") as file:
        file.write("x\ny\n")
        file.seek(0)
        print(file.readlines())
    (root / "new").replace(root / "lines")
    for action in (
        lambda: (root / "a").rmdir(),
        lambda: (root / "no").unlink(),
        lambda: (root / "a").mkdir(),
        lambda: (root / "a").read_text(),
        lambda: (root / "lines" / "x").stat(),
        lambda: (root / "no").rmdir(),
    ):
        try:
            action()
        except OSError as error:
            print(type(error).__name__, error.strerror)
    (root / "no").unlink(missing_ok=True)
    (root / "a").mkdir(exist_ok=True)
    (root / "dangling").unlink()
    print(sorted(p.name for p in root.iterdir()))


if __name__ == "__main__":
    pure()
    with tempfile.TemporaryDirectory() as directory:
        grow(Path(directory))
        look(Path(directory))
        change(Path(directory))
        here = pathlib.Path.cwd()
        os.chdir(directory)
        print(Path(".").resolve() == Path.cwd(), Path("e").absolute().name)
        os.chdir(here)
