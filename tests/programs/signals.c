/* Signals as descriptors and as what interrupts: signalfd, and which calls a stop, an ignored
 * signal or a handler ends. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "names.h"

static sigset_t set_of(int first, int second)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, first);
    if (second)
        sigaddset(&set, second);
    return set;
}

static void show(int descriptor)
{
    struct signalfd_siginfo info[4];
    ssize_t count = read(descriptor, info, sizeof info);
    if (count < 0) {
        printf("  %s\n", errno_name(errno));
        return;
    }
    for (size_t i = 0; i < (size_t)count / sizeof *info; i++)
        printf("  signal %u code %d int %d, from us: %d, by us: %d\n", info[i].ssi_signo,
               info[i].ssi_code, info[i].ssi_int, info[i].ssi_pid == (unsigned)getpid(),
               info[i].ssi_uid == getuid());
}

static void descriptors(void)
{
    sigset_t set = set_of(SIGUSR1, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int descriptor = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    printf("signalfd: cloexec %d\n", fcntl(descriptor, F_GETFD));
    show(descriptor);
    struct pollfd wanted = {.fd = descriptor, .events = POLLIN};
    int queue = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    epoll_ctl(queue, EPOLL_CTL_ADD, descriptor, &event);
    printf("quiet: %d %d\n", poll(&wanted, 1, 0), epoll_wait(queue, &event, 1, 0));
    union sigval value = {.sival_int = 7};
    sigqueue(getpid(), SIGRTMIN, value);
    value.sival_int = 8;
    sigqueue(getpid(), SIGRTMIN, value);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    printf("signalled: %d %d\n", poll(&wanted, 1, 1000), epoll_wait(queue, &event, 1, 1000));
    show(descriptor);
    show(descriptor);
    struct signalfd_siginfo small;
    raise(SIGUSR1);
    printf("too small: %s\n", read(descriptor, &small, 100) < 0 ? errno_name(errno) : "read");
    /* Another mask for the same descriptor: what it no longer has stays pending. */
    sigset_t other = set_of(SIGCHLD, 0);
    sigprocmask(SIG_BLOCK, &other, NULL);
    printf("changed: %d\n", signalfd(descriptor, &other, 0) == descriptor);
    show(descriptor);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(9);
    poll(&wanted, 1, 10000);
    ssize_t count = read(descriptor, &small, sizeof small);
    printf("child: %zd, ours: %d, status %d code %d\n", count, small.ssi_pid == (unsigned)child,
           small.ssi_status, small.ssi_code);
    waitpid(child, NULL, 0);
    /* Whoever reads sees its own signals, not those of who made it. */
    signalfd(descriptor, &set, 0);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        show(descriptor);
        raise(SIGUSR1);
        show(descriptor);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    show(descriptor);
    close(queue);
    close(descriptor);
}

static volatile sig_atomic_t handled;

static void on_signal(int number)
{
    (void)number;
    handled = 1;
}

/* A child that waits in `wait_for_signal`, is stopped, continued and then signalled; what the
 * call said. */
static void interrupted(const char *name, int (*wait_for_signal)(void))
{
    int ends[2], status;
    if (pipe(ends))
        exit(1);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
        sigaction(SIGUSR2, &action, NULL);
        write(ends[1], "r", 1);
        int result = wait_for_signal();
        printf("%s: %d %s, by a handler: %d\n", name, result, errno_name(errno), handled);
        fflush(stdout);
        _exit(0);
    }
    char byte;
    read(ends[0], &byte, 1);
    usleep(50000);
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGCONT);
    waitpid(child, &status, WCONTINUED);
    kill(child, SIGCHLD);
    /* One that comes too early is caught before the call. */
    do {
        usleep(50000);
        kill(child, SIGUSR2);
    } while (waitpid(child, &status, WNOHANG) == 0);
    close(ends[0]);
    close(ends[1]);
}

static int suspend(void)
{
    sigset_t none;
    sigemptyset(&none);
    return sigsuspend(&none);
}

/* A signal that nothing was said of is taken all the same by who waits for it. */
static void awaited(void)
{
    sigset_t set = set_of(SIGCHLD, SIGURG);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct timespec limit = {0};
    siginfo_t info = {0};
    while (sigtimedwait(&set, &info, &limit) > 0)
        continue;
    limit.tv_sec = 20;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        usleep(50000);
        _exit(3);
    }
    int signal = sigtimedwait(&set, &info, &limit);
    printf("awaited: %d, status %d\n", signal == SIGCHLD, info.si_status);
    waitpid(child, NULL, 0);
}

/* As many realtime signals wait as may: the next one with a value is refused, one without a value
 * is not, and all that were accepted arrive, in order. */
static void many(void)
{
    sigset_t set = set_of(SIGRTMIN + 1, 0);
    sigprocmask(SIG_BLOCK, &set, NULL);
    setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){50, 50});
    int accepted = 0, arrived = 0, ordered = 1;
    siginfo_t info;
    while (accepted < 1000 && sigqueue(getpid(), SIGRTMIN + 1, (union sigval){accepted}) == 0)
        accepted++;
    printf("limit: some accepted: %d, then %s\n", accepted > 0 && accepted <= 50,
           errno_name(errno));
    printf("without a value: %d\n", kill(getpid(), SIGRTMIN + 1));
    while (sigtimedwait(&set, &info, &(struct timespec){0}) > 0) {
        if (info.si_code == SI_QUEUE)
            ordered &= info.si_int == arrived;
        arrived++;
    }
    printf("arrived: all %d, ordered %d\n", arrived == accepted, ordered);
    kill(getpid(), SIGRTMIN + 1);
    printf("and one more: %d\n", sigtimedwait(&set, &info, &(struct timespec){0}) > 0);
}

/* A timer has one signal at most under way: what expires meanwhile is counted in it. */
static void overruns(void)
{
    sigset_t set = set_of(SIGRTMIN + 2, 0);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2};
    event.sigev_value.sival_int = 7;
    timer_t timers[2];
    struct itimerspec every = {{0, 1000000}, {0, 1000000}};
    for (int i = 0; i < 2; i++) {
        timer_create(CLOCK_MONOTONIC, &event, &timers[i]);
        timer_settime(timers[i], 0, &every, NULL);
    }
    usleep(400000);
    siginfo_t info;
    int arrived = 0, many = 1, told = 1, first = -1;
    while (arrived < 2 && sigtimedwait(&set, &info, &(struct timespec){0}) > 0) {
        arrived++;
        many &= info.si_overrun >= 50;
        told &= info.si_code == SI_TIMER && info.si_int == 7;
        int which = timers[1] == (timer_t)(long)info.si_timerid;
        told &= timers[which] == (timer_t)(long)info.si_timerid;
        told &= timer_getoverrun(timers[which]) == info.si_overrun && which != first;
        first = which;
    }
    printf("timers: %d signals, many overruns %d, told %d\n", arrived, many, told);
    for (int i = 0; i < 2; i++)
        timer_delete(timers[i]);
}

/* An interval timer that expires while it is set comes again all the same. */
static void at_once(void)
{
    sigset_t set = set_of(SIGALRM, 0);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int rounds = 0, is_lost = 0;
    while (rounds < 300 && !is_lost) {
        setitimer(ITIMER_REAL, &(struct itimerval){{0, 300}, {0, 1}}, NULL);
        for (int signals = 0; signals < 3; signals++)
            is_lost |= sigtimedwait(&set, NULL, &(struct timespec){10, 0}) != SIGALRM;
        setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
        while (sigtimedwait(&set, NULL, &(struct timespec){0}) > 0)
            ;
        rounds++;
    }
    printf("at once: %d rounds, lost %d\n", rounds, is_lost);
}

int main(void)
{
    descriptors();
    interrupted("pause", pause);
    interrupted("sigsuspend", suspend);
    awaited();
    overruns();
    at_once();
    many();
    return 0;
}
