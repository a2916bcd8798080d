"""subprocess: run, pipes, timeouts, environments, shells, sessions."""

import os
import signal
import subprocess
import sys
import tempfile

PYTHON = [sys.executable, "-c"]


def simple():
    """Run to the end."""
    done = subprocess.run(
        [*PYTHON, "print('out'); import sys; sys.exit(3)"], capture_output=True, text=True
    )
    print(done.returncode, repr(done.stdout), repr(done.stderr))
    print(subprocess.check_output([*PYTHON, "print(input()[::-1])"], input="abc\n", text=True))
    try:
        subprocess.run([*PYTHON, "raise SystemExit(9)"], check=True)
    except subprocess.CalledProcessError as error:
        print(error.returncode)
    print(subprocess.call([*PYTHON, "import os; os.abort()"], stderr=subprocess.DEVNULL))
    for wrong in (["/no/such/program"], [os.devnull]):
        try:
            subprocess.run(wrong)
        except OSError as error:
            print(type(error).__name__, error.filename)


def talking():
    """A conversation with a child."""
    child = subprocess.Popen(
        [*PYTHON, "import sys\nfor l in sys.stdin: print(len(l), flush=True)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    for word in ("a", "longer", "é漢"):
        child.stdin.write(word + "\n")
        child.stdin.flush()
        print(child.stdout.readline().strip())
    out, _ = child.communicate()
    print(repr(out), child.wait(), child.poll())


def large():
    """More than a pipe holds, both ways at once."""
    child = subprocess.Popen(
        [
            *PYTHON,
            "import sys; d = sys.stdin.buffer.read(); "
            "sys.stdout.buffer.write(d[::-1]); sys.stderr.write('e' * 100000)",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    data = bytes(range(256)) * 2000
    out, err = child.communicate(data)
    print(out == data[::-1], len(err), child.returncode)


def chains():
    """One child's output is the next one's input."""
    first = subprocess.Popen([*PYTHON, "for n in range(50): print(n)"], stdout=subprocess.PIPE)
    second = subprocess.Popen(
        [*PYTHON, "import sys; print(sum(map(int, sys.stdin)))"],
        stdin=first.stdout,
        stdout=subprocess.PIPE,
    )
    first.stdout.close()
    print(second.communicate()[0], first.wait(), second.returncode)


def ending():
    """Timeouts, signals, sessions."""
    try:
        subprocess.run([*PYTHON, "import time; time.sleep(60)"], timeout=0.3)
    except subprocess.TimeoutExpired as error:
        print("TimeoutExpired", error.timeout)
    child = subprocess.Popen(
        [*PYTHON, "print('up', flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    child.stdout.readline()
    print(child.poll(), os.getsid(child.pid) == child.pid)
    child.send_signal(signal.SIGTERM)
    print(child.wait(timeout=10))
    child.stdin.close()
    child.stdout.close()


def surroundings():
    """Environment, directory, descriptors, files as streams."""
    show = "import os; print(sorted(os.environ), os.path.basename(os.getcwd()))"
    with tempfile.TemporaryDirectory() as directory:
        where = os.path.join(directory, "here")
        os.mkdir(where)
        print(subprocess.check_output([*PYTHON, show], cwd=where, env={"ONE": "1", "TWO": "2"}))
        path = os.path.join(where, "file")
        with open(path, "w") as file:
            subprocess.run(
                [*PYTHON, "import sys; print('o', flush=True); print('e', file=sys.stderr)"],
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        with open(path) as file:
            print(file.read().split())
    reader, writer = os.pipe()
    code = "import os, sys; os.write(int(sys.argv[1]), b'inherited')"
    subprocess.run([*PYTHON, code, str(writer)], pass_fds=[writer])
    print(os.read(reader, 20))
    print(subprocess.run([*PYTHON, code, str(writer)], stderr=subprocess.DEVNULL).returncode)


if __name__ == "__main__":
    simple()
    talking()
    large()
    chains()
    ending()
    surroundings()
