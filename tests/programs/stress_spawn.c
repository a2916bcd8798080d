/* Processes made and ended without pause, on all cores at once: from a template, as clones and
 * by fork, of many kinds, a part of them killed at any moment of their lives; and nothing is
 * left of them. See stress.h for what it prints.
 *
 * Arguments: seed, processes. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "stress.h"

enum {
    WORKERS = 6,
    AT_A_TIME = 8,
    HEAP = 1 << 20,
    LARGE = 1 << 20,
    /* Where a process has its end of a channel. */
    END = 9,
};

/* What a process does. */
enum job {
    NOTHING,   /* ends at once */
    STATUS,    /* ends with status 7 */
    FAULT,     /* ends by SIGSEGV */
    PAUSE,     /* until it is killed */
    SPIN,      /* until it is killed */
    WRITE,     /* writes its whole heap and some more memory, and ends */
    ANSWER,    /* leaves a range */
    SPEAK,     /* sends through its channel, a range too, and ends */
    HOLD,      /* the same, but waits to be killed */
    THREADS,   /* has some, and ends with them */
    PARENT,    /* leaves children behind that end when it has */
    JOBS,
};

/* How it is made. */
enum origin { TEMPLATE, CLONE, FORK, ORIGINS };

struct life {
    enum job job;
    enum origin origin;
    pid_t id;
    /* None for a fork. */
    int pidfd;
    /* Where a SPEAK or HOLD is heard; -1: nowhere. */
    int ear;
    /* The signal that it was sent; 0: none. */
    int signal;
    int has_deadline;
};

/* Counted by all workers. */
struct counts {
    unsigned long done;
    unsigned long killed, ended, by_deadline, too_late;
    unsigned long jobs[JOBS], origins[ORIGINS];
    /* Messages of those that were killed, and channels whose end was seen. */
    unsigned long messages, channels;
};

static struct counts *counts;
static char *heap;
static int template;

static void count_one(unsigned long *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* ---- what the processes do */

static void wait_for_ever(void)
{
    for (;;)
        pause();
}

static void *rest(void *unused)
{
    (void)unused;
    wait_for_ever();
    return NULL;
}

static void speak(void)
{
    char *large = private_memory(LARGE);
    memset(large, 5, LARGE);
    for (int word = 0; word < 3; word++)
        send_bytes(END, &word, sizeof word, FOREVER);
    send_range(END, large, LARGE);
}

static void leave_children(void)
{
    int ends[2];
    check(pipe(ends) == 0, "pipe");
    for (int child = 0; child < 2; child++) {
        if (fork() == 0) {
            char byte;
            close(ends[1]);
            /* The end comes when the last other one that could write has ended. */
            (void)!read(ends[0], &byte, 1);
            _exit(0);
        }
    }
}

/* A job in a process of its own, which ends here. */
static void live(enum job job)
{
    struct message answer = {0};
    struct range range = {(uintptr_t)heap, HEAP};
    switch (job) {
    case STATUS:
        _exit(7);
    case FAULT:
        *(volatile int *)8 = 1;
        break;
    case PAUSE:
        wait_for_ever();
        break;
    case SPIN:
        for (;;)
            __asm__ volatile("pause");
    case WRITE:
        memset(heap, 2, HEAP);
        memset(private_memory(HEAP), 3, HEAP);
        break;
    case ANSWER:
        memset(heap, 4, HEAP);
        answer = (struct message){.ranges = (uintptr_t)&range, .range_count = 1};
        break;
    case SPEAK:
        speak();
        break;
    case HOLD:
        speak();
        wait_for_ever();
        break;
    case THREADS:
        for (int number = 0; number < 3; number++) {
            pthread_t thread;
            pthread_create(&thread, NULL, rest, NULL);
        }
        break;
    case PARENT:
        leave_children();
        break;
    case NOTHING:
    case JOBS:
        break;
    }
    rg_finish(0, &answer);
    _exit(0);
}

static void live_as_told(void)
{
    enum job job = JOBS;
    struct message payload = {.bytes = (uintptr_t)&job, .length = sizeof job};
    check(rg_payload(&payload) == 0, "payload");
    live(job);
}

/* ---- one life, seen from its maker */

static struct life begin(void)
{
    struct life life = {.job = below(JOBS), .origin = below(ORIGINS), .pidfd = -1, .ear = -1};
    int mouth = -1;
    if (life.job == SPEAK || life.job == HOLD) {
        int end = channel(8, 0);
        check(end >= 0, "channel");
        life.ear = channel_end(end, O_RDONLY);
        mouth = channel_end(end, O_WRONLY);
        check(life.ear >= 0 && mouth >= 0, "ends");
        close(end);
    }
    if (life.origin == FORK) {
        life.id = fork();
    } else {
        struct spawn arguments = spawn_of(life.origin == TEMPLATE ? template : SELF);
        struct placed placed = {mouth, END};
        if (life.origin == TEMPLATE) {
            arguments.payload =
                (struct message){.bytes = (uintptr_t)&life.job, .length = sizeof life.job};
            arguments.descriptors = (uintptr_t)&placed;
            arguments.descriptor_count = mouth >= 0;
        }
        if (one_in(8)) {
            life.has_deadline = 1;
            arguments.deadline = below(4000) * 1000;
        }
        life.id = rg_spawn(&arguments, &life.pidfd);
        if (life.id < 0 && errno == EAGAIN && life.has_deadline) {
            /* It was over before it could begin. */
            count_one(&counts->too_late);
            life.has_deadline = 0;
            arguments.deadline = UNLIMITED;
            life.id = rg_spawn(&arguments, &life.pidfd);
        }
    }
    check(life.id >= 0, "a new process");
    if (life.id == 0) {
        if (mouth >= 0 && mouth != END)
            dup2(mouth, END);
        if (mouth >= 0 && mouth != END)
            close(mouth);
        live(life.job);
    }
    if (mouth >= 0)
        close(mouth);
    return life;
}

static void send_signal(struct life *life, int signal)
{
    int answer = life->pidfd >= 0
                     ? (int)syscall(SYS_pidfd_send_signal, life->pidfd, signal, NULL, 0)
                     : kill(life->id, signal);
    check(answer == 0 || errno == ESRCH, "a signal");
    if (answer == 0)
        life->signal = signal;
}

/* Whether it never ends by itself. */
static int is_endless(enum job job)
{
    return job == PAUSE || job == SPIN || job == HOLD;
}

/* What its status is where nobody ended it. */
static int own_status(enum job job)
{
    return job == STATUS ? 7 << 8 : job == FAULT ? SIGSEGV : 0;
}

/* All that was sent can be received, and then the end is seen. */
static void hear(struct life *life)
{
    for (;;) {
        char bytes[16];
        struct range range;
        struct message message = {.bytes = (uintptr_t)bytes,
                                  .length = sizeof bytes,
                                  .ranges = (uintptr_t)&range,
                                  .range_count = 1};
        if (receive_message(life->ear, &message, MILLISECONDS(20000))) {
            check(errno == ECONNRESET, "the end of a channel");
            break;
        }
        count_one(&counts->messages);
        if (message.range_count) {
            check(*(char *)range.address == 5, "a range's bytes");
            munmap((void *)range.address, LARGE);
        }
    }
    count_one(&counts->channels);
    close(life->ear);
}

/* The status with which a process of ours ended. */
static int join(struct life *life)
{
    struct ending ending;
    struct range range;
    struct message answer = {.ranges = (uintptr_t)&range, .range_count = 1};
    check(rg_join(life->pidfd, &answer, &ending, MILLISECONDS(60000)) == 0, "join");
    if (answer.range_count) {
        check(*(char *)range.address == 4, "an answer's bytes");
        munmap((void *)range.address, HEAP);
    }
    if (ending.limit) {
        check(life->has_deadline && ending.limit == LIMIT_DEADLINE, "a limit");
        check(ending.status == SIGKILL, "a deadline's status");
        count_one(&counts->by_deadline);
        life->signal = SIGKILL;
    }
    return (int)ending.status;
}

static void end(struct life *life)
{
    if (is_endless(life->job) && !life->signal)
        send_signal(life, one_in(2) ? SIGKILL : SIGTERM);
    /* Some are let go of, and nobody asks how they ended. */
    int is_forgotten = life->pidfd >= 0 && one_in(8);
    if (!is_forgotten) {
        int status;
        if (life->pidfd >= 0)
            status = join(life);
        else
            check(waitpid(life->id, &status, 0) == life->id, "wait");
        int is_killed = life->signal && status == life->signal;
        check(is_killed || (!is_endless(life->job) && status == own_status(life->job)),
              "a status");
        count_one(is_killed ? &counts->killed : &counts->ended);
    }
    if (life->ear >= 0)
        hear(life);
    if (life->pidfd >= 0)
        close(life->pidfd);
    count_one(&counts->jobs[life->job]);
    count_one(&counts->origins[life->origin]);
    count_one(&counts->done);
}

static void work(uint64_t seed, unsigned long count)
{
    struct life lives[AT_A_TIME];
    seed_with(seed);
    for (unsigned long number = 0; number < count; number++) {
        struct life *slot = &lives[number % AT_A_TIME];
        if (number >= AT_A_TIME)
            end(slot);
        *slot = begin();
        /* At once, soon, or when its place is needed; or never. */
        switch (below(4)) {
        case 0:
            send_signal(slot, one_in(4) ? SIGTERM : SIGKILL);
            break;
        case 1:
            spin(below(300000));
            send_signal(slot, SIGKILL);
            break;
        case 2: {
            struct life *other = &lives[below(number < AT_A_TIME ? number + 1 : AT_A_TIME)];
            if (!other->signal)
                send_signal(other, SIGKILL);
        }
        }
    }
    for (unsigned long slot = 0; slot < AT_A_TIME && slot < count; slot++)
        end(&lives[slot]);
    check(count_descriptors() == 4, "a worker's descriptors");
}

/* So many lives, by all workers. */
static void run(uint64_t seed, unsigned long count, const char *what)
{
    unsigned long said = 0;
    int left = WORKERS;
    memset(counts, 0, sizeof *counts);
    for (int worker = 0; worker < WORKERS; worker++) {
        pid_t id = fork();
        check(id >= 0, "a worker");
        if (id == 0) {
            work(seed * WORKERS + worker, count / WORKERS + (worker < (int)(count % WORKERS)));
            exit(0);
        }
    }
    while (left > 0) {
        int status;
        while (left > 0 && waitpid(-1, &status, WNOHANG) > 0) {
            check(status == 0, "a worker failed");
            left--;
        }
        progress(what, counts->done, count, &said);
        usleep(20000);
    }
}

int main(int argc, char **argv)
{
    static const char *const jobs[] = {"nothing", "status", "fault",  "pause", "spin",    "write",
                                       "answer",  "speak",  "hold", "threads", "parent"};
    static const char *const origins[] = {"template", "clone", "fork"};
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : 1000;
    int kept[] = {0, 1, 2};
    char name[32];
    counts = shared_memory(sizeof *counts);
    heap = private_memory(HEAP);
    memset(heap, 1, HEAP);
    int is_maker = rg_freeze(kept, 3, &template);
    check(is_maker >= 0, "freeze");
    if (is_maker == 0)
        live_as_told();
    /* What is made once, and kept for the next ones, is made before. */
    run(seed + 1, count / 20 + 500, "spawn, before");
    struct standing before = look();
    uint64_t start = now();
    run(seed, count, "spawn");
    figure("seconds", (now() - start) / 1000000000);
    figure("processes", counts->done);
    for (int origin = 0; origin < ORIGINS; origin++) {
        snprintf(name, sizeof name, "made_by_%s", origins[origin]);
        figure(name, counts->origins[origin]);
        check(counts->origins[origin] > 0, name);
    }
    for (int job = 0; job < JOBS; job++) {
        snprintf(name, sizeof name, "job_%s", jobs[job]);
        figure(name, counts->jobs[job]);
        check(counts->jobs[job] > 0, name);
    }
    figure("killed", counts->killed);
    figure("killed_by_deadline", counts->by_deadline);
    figure("deadline_before_the_begin", counts->too_late);
    figure("ended_by_themselves", counts->ended);
    figure("messages_received", counts->messages);
    figure("channels_ended", counts->channels);
    check(counts->done == count, "all of them");
    check(counts->killed > 0 && counts->by_deadline > 0 && counts->ended > 0, "every end");
    must_be_back(&before);
    return 0;
}
