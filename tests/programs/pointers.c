/* System calls with bad pointers: each is tried with every bad pointer, and the answers
 * are printed. Nothing may be read, written or ended by them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "names.h"

enum { PAGE = 4096 };

/* What the calls work on. */
static int ends[2], sockets[2], file, directory, poller, event, listener;
static char good[PAGE];

/* The bad pointers. "edge" has one good byte, and an unmapped page after it. */
static struct {
    const char *name;
    uintptr_t address;
} bad[] = {
    {"null", 0},
    {"one", 1},
    {"kernel", 0xffffffff80000000},
    {"high", 0x0123456789abcdef},
    {"last", UINTPTR_MAX},
    {"limit", 0x00007ffffffff000},
    {"edge", 0},
    {"none", 0},
    {"readonly", 0},
};
enum { BAD = sizeof bad / sizeof *bad, EDGE = 6, NONE = 7, READ_ONLY = 8 };

typedef long call(uintptr_t pointer);

#define CALL(name, ...) \
    static long name(uintptr_t p) { (void)p; return syscall(__VA_ARGS__); }

CALL(read_, SYS_read, ends[0], p, 16)
CALL(write_, SYS_write, ends[1], p, 16)
CALL(write_file, SYS_write, file, p, 16)
CALL(read_file, SYS_pread64, file, p, 16, 0)
CALL(pwrite_, SYS_pwrite64, file, p, 16, 0)
CALL(readv_, SYS_readv, ends[0], p, 2)
CALL(writev_, SYS_writev, ends[1], p, 2)
CALL(open_, SYS_open, p, O_RDONLY)
CALL(openat_, SYS_openat, AT_FDCWD, p, O_RDONLY | O_CREAT, 0600)
CALL(stat_path, SYS_stat, p, good)
CALL(stat_result, SYS_stat, "/", p)
CALL(fstat_, SYS_fstat, file, p)
CALL(newfstatat_, SYS_newfstatat, AT_FDCWD, "/", p, 0)
CALL(statx_, SYS_statx, AT_FDCWD, "/", 0, 0x7ff /* STATX_BASIC_STATS */, p)
CALL(statfs_, SYS_statfs, "/", p)
CALL(access_, SYS_access, p, F_OK)
CALL(chdir_, SYS_chdir, p)
CALL(mkdir_, SYS_mkdir, p, 0700)
CALL(unlink_, SYS_unlink, p)
CALL(rename_, SYS_rename, "/tmp", p)
CALL(symlink_, SYS_symlink, p, "/tmp/nothing/here")
CALL(readlink_, SYS_readlink, "/proc/self/exe", p, 64)
CALL(getcwd_, SYS_getcwd, p, 64)
CALL(getdents, SYS_getdents64, directory, p, 1024)
CALL(pipe_, SYS_pipe2, p, O_CLOEXEC)
CALL(ioctl_, SYS_ioctl, ends[0], FIONREAD, p)
CALL(fcntl_lock, SYS_fcntl, file, F_GETLK, p)
CALL(poll_, SYS_poll, p, 1, 0)
CALL(select_, SYS_select, 1, p, NULL, NULL, good)
CALL(epoll_ctl_, SYS_epoll_ctl, poller, EPOLL_CTL_ADD, ends[1], p)
CALL(epoll_wait_, SYS_epoll_wait, poller, p, 4, 0)
CALL(eventfd_, SYS_read, event, p, 8)
CALL(socketpair_, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, p)
CALL(send_, SYS_sendto, sockets[0], p, 16, 0, NULL, 0)
CALL(receive, SYS_recvfrom, sockets[1], p, 16, MSG_DONTWAIT, NULL, NULL)
CALL(sendmsg_, SYS_sendmsg, sockets[0], p, 0)
CALL(recvmsg_, SYS_recvmsg, sockets[1], p, MSG_DONTWAIT)
CALL(bind_, SYS_bind, listener, p, 16)
CALL(connect_, SYS_connect, listener, p, 16)
CALL(getsockname_, SYS_getsockname, sockets[0], p, p)
CALL(getsockopt_, SYS_getsockopt, sockets[0], SOL_SOCKET, SO_TYPE, good, p)
CALL(setsockopt_, SYS_setsockopt, sockets[0], SOL_SOCKET, SO_SNDBUF, p, 4)
CALL(uname_, SYS_uname, p)
CALL(getrandom_, SYS_getrandom, p, 16, 0)
CALL(clock_gettime_, SYS_clock_gettime, CLOCK_MONOTONIC, p)
CALL(nanosleep_, SYS_nanosleep, p, NULL)
CALL(gettimeofday_, SYS_gettimeofday, p, NULL)
CALL(times_, SYS_times, p)
CALL(setitimer_, SYS_setitimer, ITIMER_REAL, p, NULL)
CALL(getitimer_, SYS_getitimer, ITIMER_REAL, p)
CALL(timer_create_, SYS_timer_create, CLOCK_MONOTONIC, NULL, p)
CALL(sigaction_new, SYS_rt_sigaction, SIGUSR1, p, NULL, 8)
CALL(sigaction_old, SYS_rt_sigaction, SIGUSR1, NULL, p, 8)
CALL(sigprocmask_new, SYS_rt_sigprocmask, SIG_BLOCK, p, NULL, 8)
CALL(sigprocmask_old, SYS_rt_sigprocmask, SIG_BLOCK, NULL, p, 8)
CALL(sigaltstack_old, SYS_sigaltstack, NULL, p)
CALL(sigpending_, SYS_rt_sigpending, p, 8)
CALL(sigtimedwait_, SYS_rt_sigtimedwait, p, NULL, good, 8)
CALL(futex_wait, SYS_futex, p & -4, 128 /* FUTEX_WAIT_PRIVATE */, 12345, good, NULL, 0)
CALL(execve_path, SYS_execve, p, NULL, NULL)
CALL(getrlimit_, SYS_getrlimit, RLIMIT_NOFILE, p)
CALL(prlimit_, SYS_prlimit64, 0, RLIMIT_CORE, p, NULL)
CALL(getrusage_, SYS_getrusage, RUSAGE_SELF, p)
CALL(sysinfo_, SYS_sysinfo, p)
CALL(affinity, SYS_sched_getaffinity, 0, 128, p)
CALL(getresuid_, SYS_getresuid, p, good, good)
CALL(getgroups_, SYS_getgroups, 64, p)
CALL(mincore_, SYS_mincore, (uintptr_t)good & -PAGE, PAGE, p)
CALL(sendfile_, SYS_sendfile, ends[1], file, p, 1)
CALL(arch_get, SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, p)

static long wait4_(uintptr_t p)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT);
    long result = syscall(SYS_wait4, child, p, 0, NULL);
    int error = errno;
    syscall(SYS_wait4, child, NULL, 0, NULL);
    errno = error;
    return result < 0 ? result : 0;
}

/* The addresses of the vector's own pieces. */
static long writev_piece(uintptr_t p)
{
    struct iovec pieces[1] = {{(void *)p, 16}};
    return syscall(SYS_writev, ends[1], pieces, 1);
}

static long sendmsg_piece(uintptr_t p)
{
    struct iovec piece = {(void *)p, 16};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    return syscall(SYS_sendmsg, sockets[0], &message, 0);
}

static long ppoll_time(uintptr_t p)
{
    return p ? syscall(SYS_ppoll, NULL, 0, p, NULL, 8) : 0; /* NULL is for ever */
}

static long sigaltstack_new(uintptr_t p)
{
    /* A stack without size is taken where it is what was there before. */
    return p == bad[READ_ONLY].address ? 0 : syscall(SYS_sigaltstack, p, NULL);
}

/* Where there is no argument to be read it would begin. */
static long execve_arguments(uintptr_t p)
{
    if (p == 0 || p == bad[READ_ONLY].address)
        return 0;
    return syscall(SYS_execve, "/proc/self/exe", p, NULL);
}

static long execve_argument(uintptr_t p)
{
    const char *arguments[] = {(char *)p, NULL};
    if (p == 0 || p == bad[READ_ONLY].address)
        return 0;
    return syscall(SYS_execve, "/proc/self/exe", arguments, NULL);
}


#define ROW(name) {#name, name, 0}
/* A stream may hand over the one good byte, or nothing: "edge" is left out. */
#define STREAM(name) {#name, name, 1}
static const struct {
    const char *name;
    call *act;
    int is_stream;
} rows[] = {
    STREAM(read_), STREAM(write_), ROW(write_file), ROW(read_file), ROW(pwrite_), ROW(readv_),
    ROW(writev_), STREAM(writev_piece), ROW(open_), ROW(openat_), ROW(stat_path),
    ROW(stat_result), ROW(fstat_), ROW(newfstatat_), ROW(statx_), ROW(statfs_),
    ROW(access_), ROW(chdir_), ROW(mkdir_), ROW(unlink_), ROW(rename_), ROW(symlink_),
    ROW(readlink_), ROW(getcwd_), ROW(getdents), ROW(pipe_), ROW(ioctl_), ROW(fcntl_lock),
    ROW(poll_), ROW(ppoll_time), ROW(select_), ROW(epoll_ctl_), ROW(epoll_wait_),
    ROW(eventfd_), ROW(socketpair_), STREAM(send_), STREAM(receive), ROW(sendmsg_),
    STREAM(sendmsg_piece), ROW(recvmsg_), ROW(bind_), ROW(connect_), ROW(getsockname_),
    ROW(getsockopt_), ROW(setsockopt_), ROW(uname_), ROW(getrandom_), ROW(clock_gettime_),
    ROW(nanosleep_), ROW(gettimeofday_), ROW(times_), ROW(setitimer_), ROW(getitimer_),
    ROW(timer_create_), ROW(sigaction_new), ROW(sigaction_old), ROW(sigprocmask_new),
    ROW(sigprocmask_old), ROW(sigaltstack_new), ROW(sigaltstack_old), ROW(sigpending_),
    ROW(sigtimedwait_), ROW(futex_wait), ROW(execve_path),
    ROW(execve_arguments), ROW(execve_argument), ROW(getrlimit_), ROW(prlimit_),
    ROW(getrusage_), ROW(sysinfo_), ROW(affinity), ROW(getresuid_), ROW(getgroups_),
    ROW(mincore_), ROW(sendfile_), ROW(arch_get), ROW(wait4_),
};

static void prepare(void)
{
    char *place = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(place, 'x', PAGE);
    mprotect(place + 2 * PAGE, PAGE, PROT_READ);
    mprotect(place + PAGE, PAGE, PROT_NONE);
    bad[EDGE].address = (uintptr_t)place + PAGE - 1;
    bad[NONE].address = (uintptr_t)place + PAGE;
    bad[READ_ONLY].address = (uintptr_t)place + 2 * PAGE;

    char name[] = "/tmp/pointersXXXXXX";
    file = mkstemp(name);
    unlink(name);
    struct epoll_event interest = {.events = EPOLLIN};
    uint64_t one = 1;
    directory = open("/", O_RDONLY | O_DIRECTORY);
    poller = epoll_create1(0);
    event = eventfd(1, EFD_NONBLOCK);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (file < 0 || pipe2(ends, O_NONBLOCK) || poller < 0 || listener < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) || ftruncate(file, 100) ||
        epoll_ctl(poller, EPOLL_CTL_ADD, event, &interest) || write(event, &one, 8) != 8 ||
        write(ends[1], good, 64) != 64 || write(sockets[0], good, 64) != 64)
        exit(1);
}

int main(void)
{
    int waiting;
    setvbuf(stdout, NULL, _IOLBF, 0);
    prepare();
    int next = dup(0);
    close(next);
    for (unsigned row = 0; row < sizeof rows / sizeof *rows; row++) {
        printf("%s:", rows[row].name);
        for (int i = 0; i < BAD; i++) {
            if (i == EDGE && rows[row].is_stream)
                continue;
            *(char *)bad[EDGE].address = 'x'; /* what went before may have written it */
            errno = 0;
            long result = rows[row].act(bad[i].address);
            printf(" %s %s", bad[i].name,
                   result < 0 ? errno_name(errno) : result == 0 ? "0" : "more");
        }
        printf("\n");
    }
    ioctl(ends[0], FIONREAD, &waiting);
    printf("the pipe has %d bytes\n", waiting);
    ioctl(sockets[1], FIONREAD, &waiting);
    printf("the socket has %d bytes\n", waiting);
    printf("%d descriptors were left behind\n", dup(0) - next);
    return 0;
}
