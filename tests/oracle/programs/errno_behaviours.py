"""What each wrong call answers: number, exception and file names."""

import errno
import fcntl
import os
import select
import signal
import socket
import tempfile


def attempt(label, call, *arguments, **keywords):
    """Print what becomes of a call."""
    try:
        result = call(*arguments, **keywords)
    except OSError as error:
        print(
            label,
            type(error).__name__,
            errno.errorcode.get(error.errno),
            error.strerror,
            error.filename is not None,
            error.filename2 is not None,
        )
    else:
        print(label, "works", type(result).__name__)


def files():
    """Paths that do not fit the call."""
    os.mkdir("dir")
    os.mkdir("full")
    open("full/file", "w").close()
    open("file", "w").close()
    os.symlink("a", "b")
    os.symlink("b", "a")
    attempt("open missing", open, "missing")
    attempt("open directory", os.open, "dir", os.O_WRONLY)
    attempt("create existing", os.open, "file", os.O_CREAT | os.O_EXCL)
    attempt("file as directory", os.stat, "file/x")
    attempt("trailing slash", os.stat, "file/")
    attempt("symlink loop", open, "a")
    attempt("nofollow", os.open, "a", os.O_RDONLY | os.O_NOFOLLOW)
    attempt("want directory", os.open, "file", os.O_RDONLY | os.O_DIRECTORY)
    attempt("rmdir full", os.rmdir, "full")
    attempt("rmdir file", os.rmdir, "file")
    attempt("unlink directory", os.unlink, "dir")
    attempt("mkdir existing", os.mkdir, "dir")
    attempt("mkdir deep", os.mkdir, "x/y/z")
    attempt("rename missing", os.rename, "nope", "other")
    attempt("link directory", os.link, "dir", "dir2")
    attempt("link existing", os.link, "file", "full/file")
    attempt("symlink existing", os.symlink, "x", "file")
    attempt("readlink file", os.readlink, "file")
    attempt("listdir file", os.listdir, "file")
    attempt("long name", os.stat, "n" * 256)
    attempt("long path", os.stat, "n/" * 3000)
    attempt("empty path", os.stat, "")
    attempt("chdir file", os.chdir, "file")
    attempt("truncate directory", os.truncate, "dir", 0)
    attempt("rmdir dot", os.rmdir, "dir/.")
    attempt("execute", os.execv, "file", ["file"])
    attempt("execute missing", os.execv, "missing", ["missing"])


def descriptors():
    """Descriptors that are closed, of the wrong kind or empty."""
    reader, writer = os.pipe()
    attempt("closed read", os.read, 999, 1)
    attempt("closed close", os.close, 999)
    attempt("dup closed", os.dup, 999)
    attempt("read writer", os.read, writer, 1)
    attempt("write reader", os.write, reader, b"x")
    attempt("seek pipe", os.lseek, reader, 0, os.SEEK_SET)
    attempt("pread pipe", os.pread, reader, 1, 0)
    attempt("truncate pipe", os.ftruncate, writer, 0)
    os.set_blocking(reader, False)
    attempt("empty pipe", os.read, reader, 1)
    attempt("fcntl closed", fcntl.fcntl, 999, fcntl.F_GETFL)
    with open("file") as file:
        attempt("bad whence", os.lseek, file.fileno(), 0, 99)
        attempt("negative seek", os.lseek, file.fileno(), -1, os.SEEK_SET)
        attempt("write read-only", os.write, file.fileno(), b"x")
        attempt("truncate read-only", os.ftruncate, file.fileno(), 0)
        attempt("epoll a file", select.epoll().register, file.fileno())
        attempt("getdents file", os.scandir, file.fileno())
    os.close(reader)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    attempt("broken pipe", os.write, writer, b"x")
    directory = os.open("dir", os.O_RDONLY)
    attempt("read directory", os.read, directory, 10)


def processes():
    """Processes and sockets that are not there."""
    attempt("wait none", os.waitpid, -1, 0)
    attempt("kill none", os.kill, 2**22 + 5, 0)
    attempt("bad signal", os.kill, os.getpid(), 1000)
    attempt("getpgid none", os.getpgid, 2**22 + 5)
    attempt("chown none", os.chown, "missing", 0, 0)
    with socket.socket() as sock:
        attempt("accept unbound", sock.accept)
        attempt("send unconnected", sock.send, b"x")
        attempt("peer of none", sock.getpeername)
        attempt("refused", sock.connect, ("127.0.0.1", 1))
    with socket.socket(socket.AF_UNIX) as sock:
        attempt("unix missing", sock.connect, "missing.sock")
        sock.bind("here.sock")
        attempt("bind twice", sock.bind, "again.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        attempt("address in use", sock.bind, "here.sock")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        os.chdir(where)
        files()
        descriptors()
        processes()
        os.chdir("/")
    names = ["ENOENT", "EINTR", "EAGAIN", "EPIPE", "ECHILD", "ENOSYS", "ETIMEDOUT"]
    print([(name, getattr(errno, name), os.strerror(getattr(errno, name))) for name in names])
