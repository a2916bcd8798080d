"""subprocess and posix_spawn: every option, with a shell as the child."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

NOBODY = 65534


def shell(code, **options):
    """Run a line of shell; its output."""
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run(["/bin/sh", "-c", code], **options)


def surroundings():
    """Directory, environment, umask, session, group, nice values of descriptors."""
    print(shell("pwd; echo $ONE", cwd="/", env={"ONE": "1"}).stdout)
    print(shell("umask", umask=0o27, text=True).stdout)
    print(shell("exit 3", stdout=None).returncode, shell("kill -9 $$").returncode)
    for options in (
        {},
        {"start_new_session": True},
        {"process_group": 0},
        {"preexec_fn": os.setsid},
        {"preexec_fn": lambda: os.setpgid(0, 0)},
    ):
        text = shell("read a b c d e f rest </proc/$$/stat; echo $$ $e $f", text=True, **options)
        own, group, session = map(int, text.stdout.split())
        print(sorted(options), own == group, own == session, session == os.getsid(0))
    print(shell("echo $0 $1", executable="/bin/sh").stdout)
    done = subprocess.run("echo $((6 * 7)) | cat", shell=True, capture_output=True, text=True)
    print(done.stdout, subprocess.getstatusoutput("echo out; exit 5"))


def users():
    """Other users and groups, with what they may not do."""
    code = (
        "while read -r name value; do"
        " case $name in Uid:|Gid:|Groups:) echo $name $value;; esac;"
        " done </proc/$$/status"
    )
    for options in (
        {"user": NOBODY},
        {"group": NOBODY, "extra_groups": [7, 8]},
        {"user": NOBODY, "group": NOBODY, "extra_groups": []},
    ):
        print(sorted(options), shell(code, text=True, **options).stdout.split())
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o700)
        try:
            shell("true", cwd=directory, user=NOBODY)
        except PermissionError as error:
            print(error.errno)
        print(
            shell(f"echo x >{directory}/f", user=NOBODY, stderr=subprocess.DEVNULL).returncode != 0
        )
    for options in ({"user": -1}, {"group": -1}, {"extra_groups": [-1]}):
        try:
            shell("true", **options)
        except (KeyError, ValueError, OverflowError) as error:
            print(type(error).__name__)


def descriptors():
    """What the child has open."""
    listing = "for f in /proc/$$/fd/*; do echo ${f##*/}; done"
    reader, writer = os.pipe()
    print(shell(listing, text=True, stdin=subprocess.DEVNULL).stdout.split()[:3])
    print(str(writer) in shell(listing, text=True, pass_fds=[writer]).stdout.split())
    print(shell(f"echo through >&{writer}", pass_fds=[writer]).returncode, os.read(reader, 20))
    os.set_inheritable(writer, True)
    print(shell(f"echo >&{writer}", close_fds=False).returncode, os.read(reader, 20))
    done = shell(f"echo >&{writer}", stderr=subprocess.DEVNULL)
    print(done.returncode != 0)
    os.close(reader)
    os.close(writer)
    done = shell("echo out; echo err >&2", stderr=subprocess.STDOUT)
    print(done.stdout)
    with tempfile.TemporaryFile() as file:
        file.write(b"a file as input")
        file.seek(0)
        print(shell("cat", stdin=file).stdout)
    for what, options in (
        (["/no/such"], {}),
        (["/"], {}),
        (["no-such-in-path"], {}),
        (["/bin/sh"], {"cwd": "/no/such"}),
        ([], {}),
        (["/bin/sh"], {"preexec_fn": lambda: 1 / 0}),
    ):
        try:
            subprocess.run(what, **options)
        except OSError as error:
            print(type(error).__name__, errno.errorcode[error.errno], error.filename)
        except (subprocess.SubprocessError, IndexError, ValueError) as error:
            print(type(error).__name__)


def text():
    """Encodings, newlines, errors, line buffers."""
    print(shell("printf 'a\\r\\nb\\n'", universal_newlines=True).stdout.encode())
    print(shell("printf '\\351t\\351'", encoding="latin-1").stdout)
    print(shell("printf '\\377x'", encoding="utf-8", errors="replace").stdout.encode())
    try:
        shell("printf '\\377'", encoding="utf-8")
    except UnicodeDecodeError as error:
        print(error.reason)
    with subprocess.Popen(
        ["/bin/sh", "-c", 'while read -r line; do echo "<$line>"; done; echo end'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        for word in ("one", "zwei", "três"):
            print(word, file=process.stdin, flush=True)
            print(process.stdout.readline(), end="")
        print(process.communicate("last\n")[0])


def large():
    """Megabytes both ways, several children at once."""
    data = os.urandom(1 << 20)
    processes = [
        subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    results = [None] * 3

    def talk(index):
        results[index] = processes[index].communicate(data)[0] == data

    threads = [threading.Thread(target=talk, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(results, [process.returncode for process in processes])


def endings():
    """Timeouts, signals, waiting."""
    process = subprocess.Popen(["/bin/sleep", "60"])
    for action in (lambda: process.wait(0.05), lambda: process.communicate(timeout=0.01)):
        try:
            print(action())
        except subprocess.TimeoutExpired as error:
            print(error.cmd, error.timeout)
    print(process.poll(), process.terminate(), process.wait(), process.poll())
    print(process.send_signal(signal.SIGKILL), process.returncode)
    # The child's own child holds the pipe: the time is up for it as well.
    started = time.monotonic()
    try:
        shell("echo early; sleep 60 & wait", timeout=1)
    except subprocess.TimeoutExpired as error:
        print(error.stdout)
    print(time.monotonic() - started < 50)
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as process:
        process.kill()
        process.wait()
        try:
            process.stdin.write(b"x" * 100_000)
            process.stdin.flush()
        except BrokenPipeError as error:
            print(type(error).__name__)
        try:
            process.stdin.close()
        except BrokenPipeError as error:
            print(type(error).__name__)
    print(process)


def spawned():
    """posix_spawn's file actions and attributes."""

    def spawn(code, **options):
        pid = os.posix_spawn("/bin/sh", ["sh", "-c", code], {"WORD": "spawned"}, **options)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    actions = [
        (os.POSIX_SPAWN_OPEN, 1, "out", os.O_CREAT | os.O_WRONLY, 0o640),
        (os.POSIX_SPAWN_DUP2, 1, 2),
        (os.POSIX_SPAWN_DUP2, 1, 7),
        (os.POSIX_SPAWN_CLOSE, 0),
    ]
    code = "echo $WORD; echo two >&2; echo seven >&7; read x; echo $?; exit 4"
    print(spawn(code, file_actions=actions))
    with open("out") as file:
        print(file.read().split("\n")[:3], oct(os.fstat(file.fileno()).st_mode))
    sys.stdout.flush()
    print(spawn("read a b c d e f rest </proc/$$/stat; exit $(($$ == e && $$ == f))", setsid=True))
    print(spawn("read a b c d e f rest </proc/$$/stat; exit $(($$ == e))", setpgroup=0))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    print(spawn("kill $$; exit 5"), spawn("kill $$; exit 5", setsigmask=[]))
    print(
        spawn("kill -USR1 $$; exit 6"), spawn("kill -USR1 $$; exit 6", setsigdef=[signal.SIGUSR1])
    )
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for what in (
        lambda: os.posix_spawn("/no/such", ["x"], {}),
        lambda: os.posix_spawnp("no-such", ["x"], {}),
        lambda: os.posix_spawn("/bin/sh", ["x"], {}, file_actions=[(9, 1)]),
        lambda: os.posix_spawn(
            "/bin/sh", ["x"], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/no/such", 0, 0)]
        ),
    ):
        try:
            print(what())
        except OSError as error:
            print(type(error).__name__, error.errno)
        except TypeError as error:
            print(type(error).__name__)


if __name__ == "__main__":
    for part in (surroundings, users, descriptors, text, large, endings, spawned):
        print(part.__name__, flush=True)
        part()
