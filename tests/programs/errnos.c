/* Calls that must fail, and how: the text of each call and its error. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "names.h"

/* Prints the call's text and what came of it. */
#define TRY(call)                                                                  \
    do {                                                                           \
        errno = 0;                                                                 \
        long result_ = (long)(call);                                               \
        printf("%s: %s\n", #call, result_ == -1 ? errno_name(errno) : "succeeds"); \
    } while (0)

/* Of functions of the C library that return the error itself. */
#define TRY_NUMBER(call)                                                     \
    do {                                                                     \
        int result_ = (call);                                                \
        printf("%s: %s\n", #call, result_ ? errno_name(result_) : "succeeds"); \
    } while (0)

static char bytes[64], long_name[300], long_path[5000];

static void descriptors(void)
{
    int ends[2], directory = open(".", O_RDONLY), file = open("file", O_RDONLY);
    int path = open("file", O_PATH);
    pipe(ends);
    puts("-- descriptors");
    TRY(read(-1, bytes, 1));
    TRY(read(1000, bytes, 1));
    TRY(read(directory, bytes, 1));
    TRY(read(path, bytes, 1));
    TRY(read(ends[1], bytes, 1));
    TRY(write(ends[0], bytes, 1));
    TRY(write(file, bytes, 1));
    TRY(write(-1, bytes, 0));
    TRY(close(-1));
    TRY(close(1000));
    TRY(dup(-1));
    TRY(dup2(file, -1));
    TRY(dup2(1000, 5));
    TRY(dup2(file, 1 << 24));
    TRY(dup3(file, file, 0));
    TRY(dup3(file, 10, O_APPEND));
    TRY(fcntl(-1, F_GETFD));
    TRY(fcntl(file, 9999));
    TRY(fcntl(file, F_DUPFD, -1));
    TRY(fcntl(file, F_DUPFD, 1 << 24));
    TRY(fcntl(file, F_SETPIPE_SZ, 4096));
    TRY(lseek(-1, 0, SEEK_SET));
    TRY(lseek(ends[0], 0, SEEK_CUR));
    TRY(lseek(file, 0, 99));
    TRY(lseek(file, -1, SEEK_SET));
    TRY(lseek(file, 1000, SEEK_DATA));
    TRY(pread(ends[0], bytes, 1, 0));
    TRY(pread(file, bytes, 1, -1));
    TRY(pwrite(ends[1], bytes, 1, 0));
    TRY(readv(file, &(struct iovec){bytes, 1}, -1));
    TRY(readv(file, &(struct iovec){bytes, 1}, 2000));
    TRY(writev(ends[1], &(struct iovec){bytes, (size_t)-1}, 1));
    TRY(ftruncate(-1, 0));
    TRY(ftruncate(file, 0));
    TRY(ftruncate(ends[1], 0));
    TRY(truncate("file", -1));
    TRY(truncate("directory", 0));
    TRY(fsync(ends[0]));
    TRY(fsync(-1));
    TRY(fchdir(file));
    TRY(fchdir(-1));
    TRY(fstat(-1, &(struct stat){0}));
    TRY(ioctl(file, TCGETS, bytes));
    TRY(ioctl(-1, TCGETS, bytes));
    TRY(ioctl(ends[0], TIOCGWINSZ, bytes));
    TRY(tcgetpgrp(ends[0]));
    TRY(isatty(file) - 1);
    TRY(syscall(SYS_getdents64, file, bytes, 64));
    TRY(syscall(SYS_getdents64, directory, bytes, 1));
    TRY(flock(-1, LOCK_SH));
    TRY(flock(file, 16));
    TRY(posix_fadvise(file, 0, 0, 99) ? (errno = EINVAL, -1) : 0);
    TRY_NUMBER(posix_fallocate(file, 0, 10));
    TRY_NUMBER(posix_fallocate(ends[1], 0, 10));
    TRY(pipe2(ends, 0x5));
    TRY(fchmod(path, 0600));
}

static void names(void)
{
    int file = open("file", O_RDONLY);
    memset(long_name, 'n', sizeof long_name - 1);
    for (int i = 0; i + 1 < (int)sizeof long_path; i++)
        long_path[i] = i % 2 ? '/' : '.';
    puts("-- names");
    TRY(open("", O_RDONLY));
    TRY(open("nothing", O_RDONLY));
    TRY(open("nothing/file", O_RDONLY));
    TRY(open("file/file", O_RDONLY));
    TRY(open("file/", O_RDONLY));
    TRY(open("file", O_RDONLY | O_DIRECTORY));
    TRY(open("file", O_CREAT | O_EXCL | O_WRONLY, 0600));
    TRY(open("link", O_CREAT | O_EXCL | O_WRONLY, 0600));
    TRY(open("link", O_RDONLY | O_NOFOLLOW));
    TRY(open("loop", O_RDONLY));
    TRY(open("loop/file", O_RDONLY));
    TRY(open("dangling", O_RDONLY));
    TRY(open("directory", O_WRONLY));
    TRY(open("directory", O_RDONLY | O_CREAT, 0600));
    TRY(open("new/", O_RDONLY | O_CREAT, 0600));
    TRY(open("nothing/new", O_RDONLY | O_CREAT, 0600));
    TRY(open(long_name, O_RDONLY));
    TRY(open(long_path, O_RDONLY));
    TRY(open("/dev/tty/x", O_RDONLY));
    TRY(openat(-1, "file", O_RDONLY));
    TRY(openat(file, "file", O_RDONLY));
    TRY(openat(-1, "/", O_RDONLY));
    TRY(open("directory", O_TMPFILE | O_RDONLY, 0600));
    TRY(open("file", O_TMPFILE | O_RDWR, 0600));
    TRY(stat("nothing", &(struct stat){0}));
    TRY(lstat("link/", &(struct stat){0}));
    TRY(fstatat(AT_FDCWD, "file", &(struct stat){0}, 0x8000000));
    TRY(fstatat(AT_FDCWD, "", &(struct stat){0}, 0));
    TRY(access("nothing", F_OK));
    TRY(access("file", 99));
    TRY(faccessat(AT_FDCWD, "file", F_OK, 0x8000));
    TRY(mkdir("directory", 0700));
    TRY(mkdir("file", 0700));
    TRY(mkdir("nothing/new", 0700));
    TRY(mkdir("file/new", 0700));
    TRY(mkdir(".", 0700));
    TRY(mkdir("/", 0700));
    TRY(mkdir(long_name, 0700));
    TRY(rmdir("nothing"));
    TRY(rmdir("file"));
    TRY(rmdir("full"));
    TRY(rmdir("link"));
    TRY(rmdir("directory/."));
    TRY(rmdir("directory/.."));
    TRY(unlink("nothing"));
    TRY(unlink("directory"));
    TRY(unlink("file/"));
    TRY(unlink("."));
    TRY(unlinkat(AT_FDCWD, "file", 0x1));
    TRY(unlinkat(AT_FDCWD, "file", AT_REMOVEDIR));
    TRY(rename("nothing", "other"));
    TRY(rename("file", "directory"));
    TRY(rename("directory", "file"));
    TRY(rename("directory", "full"));
    TRY(rename("directory", "directory/inside"));
    TRY(rename("full/inside", "full"));
    TRY(rename("file", "nothing/file"));
    TRY(rename(".", "other"));
    TRY(rename("file", "/proc/file"));
    TRY(syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "link", 1 /* NOREPLACE */));
    TRY(syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "nothing", 2 /* EXCHANGE */));
    TRY(syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "other", 0xff));
    TRY(link("nothing", "other"));
    TRY(link("file", "link"));
    TRY(link("directory", "other"));
    TRY(linkat(AT_FDCWD, "file", AT_FDCWD, "other", 0x1));
    TRY(symlink("x", "file"));
    TRY(symlink("", "other"));
    TRY(symlink("x", "nothing/other"));
    TRY(readlink("file", bytes, sizeof bytes));
    TRY(readlink("nothing", bytes, sizeof bytes));
    TRY(syscall(SYS_readlink, "link", bytes, 0));
    TRY(chdir("file"));
    TRY(chdir("nothing"));
    TRY(chmod("nothing", 0600));
    TRY(chown("nothing", 0, 0));
    TRY(utimensat(AT_FDCWD, "nothing", NULL, 0));
    TRY(utimensat(AT_FDCWD, "file", (struct timespec[]){{0, 2000000000}, {0, 0}}, 0));
    TRY(mknod("file", S_IFREG | 0600, 0));
    TRY(mknod("other", S_IFDIR | 0600, 0));
    TRY(mkfifo("file", 0600));
    TRY(open("fifo", O_WRONLY | O_NONBLOCK));
    TRY(getcwd(bytes, 1) ? 0 : -1);
    TRY(opendir("file") ? 0 : -1);
    TRY(statvfs("nothing", &(struct statvfs){0}));
    TRY(chroot("file"));
}

static void processes(void)
{
    char *const none[] = {"x", NULL};
    char *const argument[] = {"x", calloc(1, 200000), NULL};
    memset(argument[1], 'a', 199999);
    puts("-- processes");
    TRY(wait(NULL));
    TRY(waitpid(1 << 22, NULL, 0));
    TRY(waitpid(getpid(), NULL, 0));
    TRY(waitpid(-1, NULL, 0x100));
    TRY(waitid(P_PID, 1 << 22, &(siginfo_t){0}, WEXITED));
    TRY(waitid(P_ALL, 0, &(siginfo_t){0}, 0));
    TRY(waitid((idtype_t)77, 0, &(siginfo_t){0}, WEXITED));
    TRY(kill(1 << 22, 0));
    TRY(kill(getpid(), 99));
    TRY(kill(-(1 << 22), 0));
    TRY(syscall(SYS_tgkill, getpid(), 1 << 22, 0));
    TRY(syscall(SYS_tgkill, -1, 1, 0));
    TRY(syscall(SYS_tkill, 1 << 22, 0));
    TRY(execve("nothing", none, none));
    TRY(execve("directory", none, none));
    TRY(execve("file", none, none));
    TRY(execve("text", none, none));
    TRY(execve("empty", none, none));
    TRY(execve("file/file", none, none));
    TRY(execve("interpreted", none, none));
    TRY(execve("loop", none, none));
    TRY(execve("/proc/self/exe", argument, none));
    TRY(setpgid(0, -1));
    TRY(setpgid(1 << 22, 0));
    TRY(getpgid(1 << 22));
    TRY(getsid(1 << 22));
    TRY(getpriority(99, 0));
    TRY(getpriority(PRIO_PROCESS, 1 << 22));
    TRY(setrlimit(99, &(struct rlimit){0, 0}));
    TRY(setrlimit(RLIMIT_CORE, &(struct rlimit){2, 1}));
    TRY(getrusage(99, &(struct rusage){0}));
    TRY(sched_getaffinity(1 << 22, sizeof(cpu_set_t), &(cpu_set_t){0}));
    TRY(sched_setaffinity(0, sizeof(cpu_set_t), &(cpu_set_t){0}));
    TRY(syscall(SYS_sched_getaffinity, 0, 1, bytes));
    TRY(syscall(SYS_sched_setscheduler, 0, 99, bytes));
    TRY(syscall(SYS_clone, 0x10000 /* CLONE_THREAD alone */, 0, 0, 0, 0));
    TRY(syscall(SYS_clone3, bytes, 8));
    TRY(syscall(SYS_arch_prctl, 0x1002 /* ARCH_SET_FS */, 0x8000000000000000));
    TRY(syscall(SYS_arch_prctl, 0x9999, 0));
    TRY(syscall(SYS_prctl, 9999, 0, 0, 0, 0));
    TRY(syscall(SYS_pidfd_open, 1 << 22, 0));
    TRY(syscall(9999));
    TRY(syscall(-1));
}

/* Children whose ends SIGCHLD tells of, and others, are waited for apart. */
static void clones(void)
{
    puts("-- clones");
    long clone = syscall(SYS_clone, 0, 0, 0, 0, 0);
    if (clone == 0)
        _exit(3);
    pid_t forked = fork();
    if (forked == 0)
        _exit(4);
    TRY(waitpid(clone, NULL, 0));
    TRY(waitpid(forked, NULL, __WCLONE));
    TRY(waitid(P_PID, clone, &(siginfo_t){0}, WEXITED));
    TRY(waitpid(clone, NULL, __WCLONE));
    TRY(waitpid(forked, NULL, __WALL));
    TRY(waitpid(-1, NULL, __WALL));
}

static void signals_and_time(void)
{
    sigset_t set;
    struct timespec moment = {0, 1000};
    sigemptyset(&set);
    puts("-- signals and time");
    TRY(syscall(SYS_rt_sigaction, SIGKILL, bytes, NULL, 8));
    TRY(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8));
    TRY(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8));
    TRY(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
    TRY(syscall(SYS_rt_sigprocmask, 99, &set, NULL, 8));
    TRY(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4));
    TRY(syscall(SYS_sigaltstack, &(stack_t){bytes, 0, 64}, NULL));
    TRY(syscall(SYS_sigaltstack, &(stack_t){bytes, 99, 64000}, NULL));
    TRY(sigtimedwait(&set, NULL, &(struct timespec){0, 1000}));
    TRY(sigtimedwait(&set, NULL, &(struct timespec){0, -1}));
    TRY(nanosleep(&(struct timespec){-1, 0}, NULL));
    TRY(nanosleep(&(struct timespec){0, 1000000000}, NULL));
    TRY(syscall(SYS_clock_gettime, 99, bytes));
    TRY(syscall(SYS_clock_getres, 99, bytes));
    TRY(syscall(SYS_clock_nanosleep, 99, 0, bytes, NULL));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &moment, NULL));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, NULL, NULL));
    TRY(syscall(SYS_clock_nanosleep, ~getpid() << 3 | 6, 0, &moment, NULL));
    TRY(syscall(SYS_clock_nanosleep, ~getpid() << 3 | 6, 0, NULL, NULL));
    TRY(syscall(SYS_clock_nanosleep, -2, 0, &moment, NULL));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &moment, NULL));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_COARSE, 0, &moment, NULL));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_REALTIME_COARSE, 0, &moment, NULL));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &moment, NULL));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_TAI, 0, &moment, NULL));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &(struct timespec){0, -1}, NULL));
    TRY(setitimer(99, &(struct itimerval){0}, NULL));
    TRY(setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 1000000}}, NULL));
    TRY(syscall(SYS_timer_create, 99, NULL, bytes));
    TRY(syscall(SYS_timer_gettime, 99, bytes));
    TRY(syscall(SYS_timer_delete, 99));
    TRY(timerfd_create(99, 0));
    TRY(timerfd_create(CLOCK_MONOTONIC, 0x1));
    TRY(syscall(SYS_futex, bytes + 1, 0, 0, NULL, NULL, 0));
    TRY(syscall(SYS_futex, bytes, 0, 77, NULL, NULL, 0));
    TRY(syscall(SYS_futex, bytes, 0, 0, &(struct timespec){0, 1000}, NULL, 0));
    TRY(syscall(SYS_futex, bytes, 0, 0, &(struct timespec){0, -1}, NULL, 0));
    TRY(syscall(SYS_futex, bytes, 99, 0, NULL, NULL, 0));
    TRY(syscall(SYS_futex, bytes, 9, 0, NULL, NULL, 0));
    TRY(syscall(SYS_getrandom, bytes, 1, 0x99));
}

static void memory(void)
{
    int file = open("file", O_RDONLY), other = open("other", O_WRONLY | O_CREAT, 0600), ends[2];
    pipe(ends);
    puts("-- memory");
    TRY(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    TRY(mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0));
    TRY(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0));
    TRY(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 1000, 0));
    TRY(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, ends[0], 0));
    TRY(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, other, 0));
    TRY(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    TRY(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 7));
    TRY(mmap(NULL, 1L << 47, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    TRY(mmap(NULL, (size_t)-1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    TRY(mmap((void *)1, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    TRY(mmap((void *)(1L << 47), 4096, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    TRY(mmap((void *)0x7ffffffff000, 4096, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    TRY(mmap((void *)((uintptr_t)bytes & -4096), 4096, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | 0x100000 /* NOREPLACE */, -1, 0));
    TRY(munmap((void *)1, 4096));
    TRY(munmap((void *)4096, 0));
    TRY(munmap((void *)(1L << 47), 4096));
    TRY(munmap((void *)0x10000000, 4096));
    TRY(mprotect((void *)1, 4096, PROT_READ));
    TRY(mprotect((void *)0x10000000, 4096, PROT_READ));
    TRY(mprotect((void *)((uintptr_t)bytes & -4096), 4096, 0x100));
    TRY(mremap((void *)0x10000000, 4096, 8192, MREMAP_MAYMOVE));
    TRY(mremap((void *)1, 4096, 8192, MREMAP_MAYMOVE));
    TRY(mremap((void *)((uintptr_t)bytes & -4096), 4096, 0, MREMAP_MAYMOVE));
    TRY(mremap((void *)((uintptr_t)bytes & -4096), 4096, 4096, 99));
    TRY(madvise((void *)1, 4096, MADV_NORMAL));
    TRY(madvise((void *)0x10000000, 4096, MADV_DONTNEED));
    TRY(madvise((void *)((uintptr_t)bytes & -4096), 4096, 9999));
    TRY(msync((void *)1, 4096, MS_SYNC));
    TRY(msync((void *)0x10000000, 4096, MS_SYNC));
    TRY(mlock((void *)0x10000000, 4096));
    TRY(syscall(SYS_memfd_create, "x", 0x999));
}

static void sockets(void)
{
    struct sockaddr_in internet = {.sin_family = AF_INET, .sin_port = htons(9)};
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "nothing"};
    struct sockaddr_un taken = {.sun_family = AF_UNIX, .sun_path = "file"};
    struct sockaddr *at = (struct sockaddr *)&internet;
    struct sockaddr *here = (struct sockaddr *)&local, *file = (struct sockaddr *)&taken;
    int stream = socket(AF_INET, SOCK_STREAM, 0), datagram = socket(AF_INET, SOCK_DGRAM, 0);
    int unixed = socket(AF_UNIX, SOCK_STREAM, 0), pair[2], ends[2], poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    internet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pipe(ends);
    puts("-- sockets and waiting");
    TRY(socket(999, SOCK_STREAM, 0));
    TRY(socket(AF_INET, 99, 0));
    TRY(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    TRY(socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0}));
    TRY(bind(ends[0], at, sizeof internet));
    TRY(bind(-1, at, sizeof internet));
    TRY(bind(stream, at, 2));
    TRY(bind(stream, here, sizeof internet));
    TRY(bind(unixed, at, sizeof internet));
    TRY(bind(unixed, file, sizeof taken));
    TRY(connect(stream, at, sizeof internet));
    TRY(connect(unixed, here, sizeof local));
    TRY(connect(unixed, file, sizeof taken));
    TRY(accept(unixed, NULL, NULL));
    TRY(accept(datagram, NULL, NULL));
    TRY(listen(datagram, 1));
    TRY(listen(ends[0], 1));
    TRY(send(unixed, bytes, 1, MSG_NOSIGNAL));
    TRY(send(datagram, bytes, 1, 0));
    TRY(send(ends[1], bytes, 1, 0));
    TRY(recv(socket(AF_INET, SOCK_STREAM, 0), bytes, 1, 0));
    TRY(recv(pair[0], bytes, 1, MSG_DONTWAIT));
    TRY(getpeername(unixed, here, &(socklen_t){sizeof local}));
    TRY(getsockname(ends[0], here, &(socklen_t){sizeof local}));
    TRY(getsockopt(pair[0], SOL_SOCKET, 9999, bytes, &(socklen_t){4}));
    TRY(getsockopt(pair[0], 9999, 1, bytes, &(socklen_t){4}));
    TRY(setsockopt(pair[0], SOL_SOCKET, SO_RCVBUF, bytes, 1));
    TRY(setsockopt(ends[0], SOL_SOCKET, SO_RCVBUF, bytes, 4));
    TRY(shutdown(stream, SHUT_RD));
    TRY(shutdown(pair[0], 99));
    TRY(epoll_create1(99));
    TRY(epoll_ctl(poller, EPOLL_CTL_ADD, poller, &event));
    TRY(epoll_ctl(poller, EPOLL_CTL_ADD, -1, &event));
    TRY(epoll_ctl(poller, EPOLL_CTL_ADD, open("file", O_RDONLY), &event));
    TRY(epoll_ctl(poller, EPOLL_CTL_MOD, ends[0], &event));
    TRY(epoll_ctl(poller, EPOLL_CTL_DEL, ends[0], NULL));
    TRY(epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &event));
    TRY(epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &event));
    TRY(epoll_ctl(poller, 99, ends[0], &event));
    TRY(epoll_ctl(ends[1], EPOLL_CTL_ADD, ends[0], &event));
    TRY(epoll_wait(poller, &event, 0, 0));
    TRY(epoll_wait(ends[0], &event, 1, 0));
    TRY(eventfd(0, 0x2));
    TRY(write(eventfd(0, 0), bytes, 4));
    TRY(write(eventfd(0, 0), "\xff\xff\xff\xff\xff\xff\xff\xff", 8));
    TRY(read(eventfd(0, EFD_NONBLOCK), bytes, 8));
    TRY(poll(NULL, 1 << 24, 0));
    TRY(select(-1, NULL, NULL, NULL, NULL));
    TRY(select(0, NULL, NULL, NULL, &(struct timeval){-1, 0}));
}

/* Ends that are gone, and streams that are empty or full. */
static void streams(void)
{
    int ends[2], status;
    puts("-- streams");
    fflush(stdout);
    if (fork() == 0) {
        pipe(ends);
        close(ends[0]);
        write(ends[1], bytes, 1);
        _exit(0);
    }
    wait(&status);
    printf("a pipe that nobody reads: %s\n", ending(status));
    if (fork() == 0) {
        struct rlimit limit = {4096, 4096};
        setrlimit(RLIMIT_FSIZE, &limit);
        pwrite(open("large", O_CREAT | O_WRONLY, 0600), bytes, 1, 4096);
        _exit(0);
    }
    wait(&status);
    printf("a file beyond its limit: %s\n", ending(status));
    signal(SIGPIPE, SIG_IGN);
    pipe2(ends, O_NONBLOCK);
    TRY(read(ends[0], bytes, 1));
    while (write(ends[1], bytes, sizeof bytes) > 0)
        ;
    TRY(write(ends[1], bytes, 1));
    close(ends[0]);
    TRY(write(ends[1], bytes, 1));
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    close(ends[0]);
    TRY(write(ends[1], bytes, 1));
    TRY(send(ends[1], bytes, 1, MSG_NOSIGNAL));
    TRY(read(ends[1], bytes, 1));
}

static void copy_program(const char *name)
{
    static char content[1 << 16];
    ssize_t length;
    int from = open("/proc/self/exe", O_RDONLY), to = open(name, O_CREAT | O_WRONLY, 0755);
    while ((length = read(from, content, sizeof content)) > 0)
        if (write(to, content, length) != length)
            exit(1);
    close(from);
    close(to);
}

/* A file is written or run, never both. */
static void programs(void)
{
    char *const waits[] = {"program", "wait", NULL}, *const none[] = {"x", NULL};
    int ends[2], begun[2], status, writer;
    puts("-- programs");
    TRY(open("/proc/self/exe", O_WRONLY));
    TRY(open("/proc/self/exe", O_RDWR | O_CREAT, 0700));
    TRY(open("/proc/self/exe", O_RDONLY | O_TRUNC));
    TRY(truncate("/proc/self/exe", 0));
    TRY(close(open("/proc/self/exe", O_PATH)));
    copy_program("program");
    pipe(ends);
    pipe2(begun, O_CLOEXEC);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        /* Ends when the other end of its input is closed. */
        dup2(ends[0], 0);
        close(ends[1]);
        execve("program", waits, none);
        _exit(1);
    }
    close(ends[0]);
    close(begun[1]);
    read(begun[0], bytes, 1);
    close(begun[0]);
    TRY(open("program", O_WRONLY));
    TRY(open("program", O_RDWR | O_TRUNC));
    TRY(truncate("program", 1));
    TRY(chmod("program", 0700));
    TRY(rename("program", "moved"));
    TRY(open("moved", O_WRONLY | O_APPEND));
    TRY(close(open("moved", O_RDONLY)));
    TRY(unlink("moved"));
    close(ends[1]);
    waitpid(child, &status, 0);
    printf("it ran: %s\n", ending(status));

    copy_program("program");
    writer = open("program", O_RDWR);
    TRY(execve("program", waits, none));
    TRY(syscall(SYS_execveat, writer, "", none, none, AT_EMPTY_PATH));
    if (fork() == 0)
        _exit(0);
    wait(&status);
    TRY(execve("program", waits, none));
    close(writer);
    writer = open("text", O_WRONLY);
    TRY(execve("text", none, none));
    close(writer);
    TRY(execve("text", none, none));
    writer = open("interpreted", O_WRONLY | O_APPEND);
    TRY(execve("interpreted", none, none));
    close(writer);
    TRY(execve("interpreted", none, none));
    fflush(stdout);
    if (fork() == 0) {
        close(0);
        execve("program", waits, none);
        _exit(1);
    }
    wait(&status);
    printf("and now: %s\n", ending(status));
    TRY(close(open("program", O_WRONLY)));
}

/* Another user, in a child: what root may do and others not. */
static void permissions(void)
{
    chmod("secret", 0600);
    chmod("closed", 0700);
    if (setgid(1000) || setuid(1000))
        _exit(1);
    puts("-- another user");
    TRY(open("secret", O_RDONLY));
    TRY(open("closed/inside", O_RDONLY));
    TRY(access("secret", R_OK));
    TRY(open("new", O_CREAT | O_WRONLY, 0600));
    TRY(unlink("file"));
    TRY(rename("file", "other"));
    TRY(chmod("file", 0777));
    TRY(chown("file", 1000, 1000));
    TRY(execve("file", NULL, NULL));
    TRY(kill(getppid(), SIGKILL));
    TRY(setuid(0));
    TRY(setgroups(0, NULL));
    TRY(chroot("."));
    TRY(setpriority(PRIO_PROCESS, 0, -10));
    TRY(setrlimit(RLIMIT_NOFILE, &(struct rlimit){1 << 24, 1 << 24}));
    TRY(sethostname("x", 1));
    TRY(clock_settime(CLOCK_REALTIME, &(struct timespec){1, 0}));
    TRY(mknod("/tmp/device", S_IFCHR | 0600, 0x101));
    TRY(truncate("secret", 0));
    TRY(utimensat(AT_FDCWD, "file", (struct timespec[]){{1, 0}, {1, 0}}, 0));
    fflush(stdout);
    _exit(0);
}

/* capget(2): a header is a version and a process; sets are three words, twice in all but the
   first version. */
static void capabilities(void)
{
    unsigned sets[6];
    struct {
        unsigned version;
        int process;
    } first = {0x19980330, 0}, third = {0x20080522, 0}, unknown = {1, 0}, negative = third,
      nobody = third, other = third;
    negative.process = -1;
    nobody.process = 0x3fffffff;
    other.process = getppid();
    puts("-- capabilities");
    TRY(syscall(SYS_capget, &first, sets));
    TRY(syscall(SYS_capget, &third, sets));
    TRY(syscall(SYS_capset, &third, sets));
    TRY(syscall(SYS_capget, &third, 0));
    TRY(syscall(SYS_capget, &unknown, 0));
    printf("the version is %#x\n", unknown.version);
    unknown.version = 1;
    TRY(syscall(SYS_capget, &unknown, sets));
    TRY(syscall(SYS_capget, &negative, sets));
    TRY(syscall(SYS_capget, &nobody, sets));
    TRY(syscall(SYS_capget, 8, sets));
    TRY(syscall(SYS_capget, &third, 8));
    TRY(syscall(SYS_capset, &third, 8));
    TRY(syscall(SYS_capset, &other, sets));
    unknown.version = 1;
    TRY(syscall(SYS_capset, &unknown, sets));
}

static void limits(void)
{
    struct rlimit limit = {40, 40};
    setrlimit(RLIMIT_NOFILE, &limit);
    puts("-- descriptors run out");
    while (dup(0) >= 0)
        ;
    TRY(dup(0));
    TRY(open("file", O_RDONLY));
    TRY(pipe((int[2]){0}));
    TRY(socket(AF_UNIX, SOCK_STREAM, 0));
    TRY(epoll_create1(0));
    TRY(eventfd(0, 0));
    TRY(fcntl(0, F_DUPFD, 0));
    TRY(dup2(0, 40));
    TRY(dup2(0, 39));
    TRY(syscall(SYS_memfd_create, "x", 0));
    close(39);
    TRY(pipe((int[2]){0}));
    TRY(open("file", O_RDONLY));
}

static void put(const char *name, const char *content, int mode)
{
    int file = open(name, O_CREAT | O_WRONLY, mode);
    if (write(file, content, strlen(content)) < 0 || close(file))
        exit(1);
    chmod(name, mode);
}

int main(int count, char **arguments)
{
    int status;
    char place[] = "/tmp/errnosXXXXXX";
    struct rlimit files = {1024, 4096};
    if (count > 1 && strcmp(arguments[1], "wait") == 0)
        return read(0, bytes, 1) > 0 ? 2 : 7;
    setvbuf(stdout, NULL, _IOLBF, 0);
    umask(022);
    setrlimit(RLIMIT_NOFILE, &files);
    if (!mkdtemp(place) || chdir(place) || chmod(place, 0755))
        return 1;
    put("file", "content\n", 0644);
    put("text", "no program\n", 0755);
    put("empty", "", 0755);
    put("interpreted", "#!/nothing/here\n", 0755);
    put("secret", "s", 0600);
    mkdir("directory", 0755);
    mkdir("full", 0755);
    mkdir("closed", 0700);
    put("closed/inside", "", 0644);
    mkdir("full/inside", 0755);
    symlink("file", "link");
    symlink("loop", "loop");
    symlink("nowhere", "dangling");
    mkfifo("fifo", 0600);

    descriptors();
    names();
    processes();
    clones();
    signals_and_time();
    memory();
    sockets();
    streams();
    capabilities();
    programs();
    fflush(stdout);
    if (fork() == 0)
        permissions();
    wait(&status);
    limits();
    return 0;
}
