"""Programs of Debian, unmodified, as judges of the kernel: they look for themselves whether what
the kernel does is right (`--verify`), and end with a status that says so. A line for each; what
it complained of follows on lines of its own.
"""

import os
import subprocess
import sys

#: What stress-ng can do with what is here. The rest says by itself that it cannot: it asks for
#: ptrace, System V semaphores, inotify, splice, mounts, or for devices.
STRESSORS = """
access affinity aio alarm bad-altstack bigheap brk chattr chmod chown chroot clock clone
close context copy-file cpu daemon dekker dentry dev-shm dir dirdeep dirmany dup dynlib
enosys env epoll eventfd exit-group fault fcntl fifo file-ioctl filename flock fork fp-error
fsize fstat full futex getdent getrandom hdd io itimer kcmp kill list loadavg locka lockf
lockofd longjmp madvise malloc membarrier memfd memthrash mincore mknod mlock mmapaddr
mmapfixed mmapfork mmaphuge mmapmany mprotect mremap msync munmap mutex nanosleep netdev
nice null open pagemove pageswap personality peterson pidfd pipe pkey poll prctl priv-instr
procfs pthread race-sched readahead regs rename resched revio ring-pipe rlimit rmap rotate
schedpolicy seek sem sendfile session set shm sigabrt sigchld sigfd sigfpe sigio signal
signest sigpending sigpipe sigq sigrt sigsegv sigsuspend sigtrap sleep sock sockabuse sockfd
sockmany sockpair stackmmap switch symlink sysbadaddr sysinfo timer timerfd tlb-shootdown
touch udp udp-flood urandom utime vfork vm vm-addr wait waitcpu xattr zero zombie
""".split()

#: How often one does what it does where that is not `FEW` times: with those `mutex` ends before it
#: has counted its threads.
OPERATIONS = {"mutex": 2000}
FEW = 4

#: Capabilities cannot be given up here, which those say that try, and go on.
KNOWN = b"capset on pid"

HACKBENCH = [[], ["--pipe"], ["--threads"], ["--pipe", "--threads"], ["--fds", "5", "--inet"]]


def judge(name: str, command: list[str], proof: str) -> None:
    """Run a command. It is well where its status is 0, and it says `proof` and of no failure."""
    try:
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=100,
        )
    except subprocess.TimeoutExpired:
        print(f"{name}: takes too long", flush=True)
        return
    lines = ran.stdout.splitlines(keepends=True)
    text = b"".join(line for line in lines if KNOWN not in line).decode(errors="replace")
    if ran.returncode == 0 and proof in text and "fail:" not in text:
        print(f"{name} well", flush=True)
    else:
        print(f"{name}: status {ran.returncode}\n{text.rstrip()}", flush=True)


def main(which: str) -> None:
    """Ask all of one kind."""
    os.chdir("/tmp")
    if which == "hackbench":
        for words in HACKBENCH:
            command = ["/usr/bin/hackbench", "--groups", "4", "--loops", "50", *words]
            judge(" ".join(["hackbench", *words]), command, "Time: ")
    else:
        for name in STRESSORS:
            often = str(OPERATIONS.get(name, FEW))
            words = [f"--{name}", "2", f"--{name}-ops", often, "--timeout", "10", "--verify"]
            judge(name, ["/usr/bin/stress-ng", *words], "successful run completed")
    print("end")


main(sys.argv[1])
