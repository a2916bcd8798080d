/* Floods of signals and of timers, several at once on all cores: what is queued arrives, all of
 * it and in order; what is merged arrives at least once after the last; timers count no more
 * than there was time for, and no less at the end. See stress.h for what it prints.
 *
 * Arguments: seed, floods. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"

enum {
    AT_A_TIME = 6,
    SENDERS = 3,
    MOST_SIGNALS = 2000,
    TIMERS = 8,
    /* What a flood of timers takes. */
    TIMERS_MILLIS = 30,
};

enum kind {
    QUEUED,   /* real-time signals with values, from several processes */
    MERGED,   /* ordinary ones, that say no more than that there was one */
    THREADS,  /* to threads that wait for them */
    CALLS,    /* into calls that wait, and go on or say EINTR */
    POSIX,    /* timers that send signals, as fast as they can */
    INTERVAL, /* the three of setitimer at once */
    FILES,    /* timerfd */
    KINDS,
};

static const char *const kind_names[] = {
    "queued", "merged", "threads", "calls", "posix_timers", "interval_timers", "timer_files",
};

/* What all floods counted. */
static struct counts {
    unsigned long floods, kinds[KINDS];
    unsigned long sent, arrived, refused, interrupted, expired, overrun;
} *counts;

#define COUNT(what, number) __atomic_fetch_add(&counts->what, number, __ATOMIC_RELAXED)

/* ---- queued */

static volatile unsigned long arrived;
static volatile unsigned long last_of[SENDERS];
static volatile int out_of_order;

static void on_queued(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    unsigned long value = (unsigned long)info->si_value.sival_ptr;
    unsigned sender = value >> 32, number = (uint32_t)value;
    if (sender >= SENDERS || number != last_of[sender] + 1)
        out_of_order = 1;
    else
        last_of[sender] = number;
    arrived++;
}

static void handle(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    check(sigaction(signal, &action, NULL) == 0, "sigaction");
}

static void send_queued(pid_t target, unsigned sender, unsigned signals)
{
    for (unsigned number = 1; number <= signals; number++) {
        union sigval value = {.sival_ptr = (void *)((unsigned long)sender << 32 | number)};
        while (sigqueue(target, SIGRTMIN + 1, value) < 0) {
            check(errno == EAGAIN, "sigqueue");
            COUNT(refused, 1);
            sched_yield();
        }
    }
    COUNT(sent, signals);
}

static void send_merged(pid_t target, unsigned sender, unsigned signals)
{
    (void)sender;
    for (unsigned number = 0; number < signals; number++)
        check(kill(target, SIGUSR1) == 0, "kill");
    COUNT(sent, signals);
}

/* Children that send so many each to this process. */
static void have_sent(void (*send)(pid_t, unsigned, unsigned), unsigned signals, pid_t *senders)
{
    pid_t target = getpid();
    for (unsigned sender = 0; sender < SENDERS; sender++) {
        senders[sender] = fork();
        check(senders[sender] >= 0, "fork");
        if (senders[sender] == 0) {
            send(target, sender, signals);
            _exit(0);
        }
    }
}

static void reap(const pid_t *children, unsigned count)
{
    for (unsigned child = 0; child < count; child++) {
        int status;
        while (waitpid(children[child], &status, 0) < 0)
            check(errno == EINTR, "waitpid");
        check(status == 0, "a sender's end");
    }
}

static void flood_queued(unsigned signals)
{
    pid_t senders[SENDERS];
    handle(SIGRTMIN + 1, on_queued, SA_RESTART);
    /* Half of them have room for few at a time. */
    rlim_t most = 20 + below(200);
    struct rlimit limit = {most, most};
    if (one_in(2))
        check(setrlimit(RLIMIT_SIGPENDING, &limit) == 0, "setrlimit");
    have_sent(send_queued, signals, senders);
    reap(senders, SENDERS);
    /* Nobody sends any more: what was queued to a running process has arrived. */
    if (arrived != (unsigned long)SENDERS * signals || out_of_order) {
        printf("WRONG: of %u signals from each sender arrived", signals);
        for (int i = 0; i < SENDERS; i++)
            printf(" %lu", last_of[i]);
        printf(", %lu in all, %s\n", arrived, out_of_order ? "out of order" : "in order");
        exit(1);
    }
    COUNT(arrived, arrived);
}

/* ---- merged */

static void on_merged(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
    arrived++;
}

static void flood_merged(unsigned signals)
{
    pid_t senders[SENDERS];
    handle(SIGUSR1, on_merged, SA_RESTART);
    have_sent(send_merged, signals, senders);
    reap(senders, SENDERS);
    unsigned long most = (unsigned long)SENDERS * signals;
    check(arrived >= 1 && arrived <= most, "more signals arrived than were sent, or none");
    /* One that is sent now is not merged with any that is over. */
    unsigned long before = arrived;
    check(raise(SIGUSR1) == 0 && arrived == before + 1, "a signal after the flood");
    COUNT(arrived, arrived);
}

/* ---- threads */

static void *wait_for_signals(void *argument)
{
    unsigned long left = (unsigned long)argument;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 2);
    while (left-- > 0)
        check(sigwaitinfo(&set, NULL) == SIGRTMIN + 2, "sigwaitinfo");
    return NULL;
}

static void flood_threads(unsigned signals)
{
    pthread_t threads[SENDERS];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < SENDERS; i++)
        check(pthread_create(&threads[i], NULL, wait_for_signals, (void *)(long)signals) == 0,
              "pthread_create");
    for (unsigned number = 0; number < signals; number++)
        for (int i = 0; i < SENDERS; i++)
            while (pthread_kill(threads[i], SIGRTMIN + 2) != 0) {
                COUNT(refused, 1);
                sched_yield();
            }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    COUNT(sent, (unsigned long)SENDERS * signals);
    COUNT(arrived, (unsigned long)SENDERS * signals);
}

/* ---- calls that wait */

static void flood_calls(unsigned signals)
{
    int ends[2];
    pid_t senders[SENDERS];
    char byte;
    check(pipe(ends) == 0, "pipe");
    handle(SIGUSR1, on_merged, 0);
    pid_t writer = fork();
    check(writer >= 0, "fork");
    if (writer == 0) {
        for (unsigned i = 0; i < 100; i++) {
            usleep(100);
            check(write(ends[1], "x", 1) == 1, "write");
        }
        _exit(0);
    }
    close(ends[1]);
    have_sent(send_merged, signals, senders);
    unsigned long bytes = 0, interrupted = 0;
    for (ssize_t length; (length = read(ends[0], &byte, 1)) != 0;) {
        check(length == 1 || errno == EINTR, "read");
        if (length == 1)
            bytes++;
        else
            interrupted++;
    }
    check(bytes == 100, "bytes were lost between signals");
    struct timespec pause = {.tv_nsec = 1000000}, left;
    while (nanosleep(&pause, &left) < 0) {
        check(errno == EINTR && left.tv_sec == 0 && left.tv_nsec <= pause.tv_nsec, "nanosleep");
        pause = left;
        interrupted++;
    }
    reap(senders, SENDERS);
    reap(&writer, 1);
    close(ends[0]);
    COUNT(arrived, arrived);
    COUNT(interrupted, interrupted);
}

/* ---- timers */

static volatile unsigned long expired, overrun;

static void on_timer(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    expired++;
    if (info->si_code == SI_TIMER)
        overrun += info->si_overrun;
}

/* Has the core as long as the flood takes: interval timers of CPU time want that.  And until the
 * first has expired: the core that times them may stand still meanwhile, in an emulator. */
static void spin_through(uint64_t begin)
{
    while (now() < begin + TIMERS_MILLIS * 1000000ull)
        ;
    while (expired == 0)
        check(now() < begin + 10000000000ull, "no timer has expired in ten seconds");
}

static void flood_posix(void)
{
    timer_t timers[TIMERS];
    uint64_t intervals[TIMERS], most = 0;
    handle(SIGRTMIN + 3, on_timer, SA_RESTART);
    uint64_t begin = now();
    for (int i = 0; i < TIMERS; i++) {
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3};
        check(timer_create(CLOCK_MONOTONIC, &event, &timers[i]) == 0, "timer_create");
        intervals[i] = 20000 + below(500000);
        struct timespec interval = {.tv_nsec = intervals[i]};
        struct itimerspec setting = {.it_interval = interval, .it_value = interval};
        check(timer_settime(timers[i], 0, &setting, NULL) == 0, "timer_settime");
    }
    spin_through(begin);
    for (int i = 0; i < TIMERS; i++)
        check(timer_delete(timers[i]) == 0, "timer_delete");
    uint64_t took = now() - begin;
    for (int i = 0; i < TIMERS; i++)
        most += took / intervals[i] + 1;
    check(expired + overrun <= most, "timers expired more often than they could");
    COUNT(expired, expired);
    COUNT(overrun, overrun);
}

static void flood_interval(void)
{
    static const int which[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
    static const int signals[] = {SIGALRM, SIGVTALRM, SIGPROF};
    struct itimerval setting = {.it_interval.tv_usec = 200, .it_value.tv_usec = 200}, off = {0};
    for (int i = 0; i < 3; i++)
        handle(signals[i], on_timer, SA_RESTART);
    uint64_t begin = now();
    for (int i = 0; i < 3; i++)
        check(setitimer(which[i], &setting, NULL) == 0, "setitimer");
    spin_through(begin);
    for (int i = 0; i < 3; i++)
        check(setitimer(which[i], &off, NULL) == 0, "setitimer off");
    uint64_t took = now() - begin;
    check(expired <= 3 * (took / 200000 + 1), "interval timers' count");
    unsigned long before = expired;
    usleep(2000);
    /* One may have been on its way. */
    check(expired <= before + 3, "interval timers that are off");
    COUNT(expired, expired);
}

static void flood_files(void)
{
    int files[TIMERS];
    uint64_t intervals[TIMERS], begins[TIMERS], armed[TIMERS];
    for (int i = 0; i < TIMERS; i++) {
        files[i] = timerfd_create(CLOCK_MONOTONIC, 0);
        check(files[i] >= 0, "timerfd_create");
        intervals[i] = 20000 + below(500000);
        struct timespec interval = {.tv_nsec = intervals[i]};
        struct itimerspec setting = {.it_interval = interval, .it_value = interval};
        begins[i] = now();
        check(timerfd_settime(files[i], 0, &setting, NULL) == 0, "timerfd_settime");
        armed[i] = now();
    }
    uint64_t totals[TIMERS] = {0}, value;
    for (uint64_t end = now() + TIMERS_MILLIS * 1000000ull; now() < end;) {
        int i = below(TIMERS);
        check(read(files[i], &value, sizeof value) == sizeof value && value > 0, "read a timer");
        totals[i] += value;
    }
    for (int i = 0; i < TIMERS; i++) {
        uint64_t least = (now() - armed[i]) / intervals[i];
        check(read(files[i], &value, sizeof value) == sizeof value, "read a timer");
        totals[i] += value;
        uint64_t most = (now() - begins[i]) / intervals[i];
        check(totals[i] >= least && totals[i] <= most, "a timer file's count");
        COUNT(expired, totals[i]);
        close(files[i]);
    }
}

/* ---- */

static _Noreturn void flood(enum kind kind)
{
    unsigned signals = 1 + below(MOST_SIGNALS);
    switch (kind) {
    case QUEUED:
        flood_queued(signals);
        break;
    case MERGED:
        flood_merged(signals);
        break;
    case THREADS:
        flood_threads(signals);
        break;
    case CALLS:
        flood_calls(signals);
        break;
    case POSIX:
        flood_posix();
        break;
    case INTERVAL:
        flood_interval();
        break;
    default:
        flood_files();
    }
    exit(0);
}

static void have_floods(uint64_t seed, unsigned long floods, int is_told)
{
    unsigned long begun = 0, said = 0;
    int running = 0;
    while (counts->floods < floods) {
        if (begun < floods && running < AT_A_TIME) {
            enum kind kind = begun % KINDS;
            seed_with(seed * 0x100000001b3 + begun++);
            fflush(stdout);
            pid_t pid = fork();
            check(pid >= 0, "fork");
            if (pid == 0)
                flood(kind);
            counts->kinds[kind]++;
            running++;
            continue;
        }
        int status;
        check(waitpid(-1, &status, 0) > 0, "waitpid");
        /* What was wrong it has said itself. */
        if (!WIFEXITED(status) || WEXITSTATUS(status)) {
            printf("WRONG: a flood ended with %#x\n", status);
            exit(1);
        }
        running--;
        counts->floods++;
        if (is_told)
            progress("floods", counts->floods, floods, &said);
    }
}

int main(int count, char **words)
{
    if (count != 3)
        return 2;
    counts = shared_memory(sizeof *counts);
    have_floods(~strtoull(words[1], NULL, 10), 2 * KINDS, 0);
    memset(counts, 0, sizeof *counts);
    struct standing before = look();
    have_floods(strtoull(words[1], NULL, 10), strtoul(words[2], NULL, 10), 1);
    figure("floods", counts->floods);
    for (int kind = 0; kind < KINDS; kind++) {
        char name[64];
        snprintf(name, sizeof name, "made_%s", kind_names[kind]);
        figure(name, counts->kinds[kind]);
    }
    figure("sent", counts->sent);
    figure("arrived", counts->arrived);
    figure("refused_for_now", counts->refused);
    figure("calls_interrupted", counts->interrupted);
    figure("timers_expired", counts->expired);
    figure("timers_overrun", counts->overrun);
    must_be_back(&before);
    return 0;
}
