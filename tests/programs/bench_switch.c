/* From one task to another: pipes, sched_yield, futexes.
 *
 *   bench_switch pipe one|across ROUNDS SAMPLES    a byte there and back, two processes
 *   bench_switch yield threads|processes ROUNDS SAMPLES   one switch, both on one core
 *   bench_switch futex one|across ROUNDS SAMPLES   one hand-over between two threads
 *   bench_switch wake WAITERS SAMPLES              one FUTEX_WAKE of a sleeper on this core
 *   bench_switch pair one|across COMMAND...        COMMAND with `ping` and with `pong`,
 *                       each reading descriptor 3 what the other writes to descriptor 4 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "bench.h"

enum { MOST_WAITERS = 256, SMALL_STACK = 64 << 10 };

/* futex(2)'s own numbers: musl has no header for them. */
enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

static int rounds, samples, other_core;
static char name[64];

static void futex(_Atomic int *word, int operation, int value)
{
    syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

/* -- a byte through a pipe and another one back */

static void turn(int from, int to)
{
    char byte;
    must(read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1, "a pipe");
}

static void pipes(void)
{
    int there[2], back[2];
    char byte = 0;
    must(pipe(there) == 0 && pipe(back) == 0, "pipe");
    /* A sample more: the first one warms up. */
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        pin(other_core);
        for (int turns = 0; turns < (samples + 1) * rounds; turns++)
            turn(there[0], back[1]);
        _exit(0);
    }
    pin(0);
    for (int sample = 0; sample <= samples; sample++) {
        double begin = now();
        for (int round = 0; round < rounds; round++) {
            must(write(there[1], &byte, 1) == 1, "write");
            must(read(back[0], &byte, 1) == 1, "read");
        }
        if (sample)
            report(name, (now() - begin) / rounds);
    }
    reap(1);
}

/* -- sched_yield: what counts is how often the turn really changed */

struct turns {
    _Atomic int ready, is_over;
    /* Whose turn it was last, and how often it changed. */
    _Atomic int last;
    _Atomic long changes;
};

static struct turns *turns;

static void take_turn(int me)
{
    if (atomic_load_explicit(&turns->last, memory_order_relaxed) != me) {
        atomic_store_explicit(&turns->last, me, memory_order_relaxed);
        atomic_fetch_add_explicit(&turns->changes, 1, memory_order_relaxed);
    }
    sched_yield();
}

static void *yield_on(void *nothing)
{
    pin(0);
    turns->ready = 1;
    while (!turns->is_over)
        take_turn(1);
    return nothing;
}

static void yields(int is_threads)
{
    pthread_t thread;
    turns = shared_memory(sizeof *turns);
    pin(0);
    if (is_threads)
        must(pthread_create(&thread, NULL, yield_on, NULL) == 0, "pthread_create");
    else if (fork() == 0) {
        yield_on(NULL);
        _exit(0);
    }
    while (!turns->ready)
        sched_yield();
    for (int sample = 0; sample <= samples; sample++) {
        long before = turns->changes;
        double begin = now();
        for (int round = 0; round < rounds; round++)
            take_turn(0);
        double spent = now() - begin;
        long changes = turns->changes - before;
        must(changes > 0, "nobody else had a turn");
        if (sample)
            report(name, spent / changes);
    }
    turns->is_over = 1;
    if (is_threads)
        pthread_join(thread, NULL);
    else
        reap(1);
}

/* -- a futex word that says whose turn it is */

static _Atomic int holder;

static void hand_over(int me)
{
    while (holder != me)
        futex(&holder, FUTEX_WAIT_PRIVATE, !me);
    holder = !me;
    futex(&holder, FUTEX_WAKE_PRIVATE, 1);
}

static void *answer(void *nothing)
{
    pin(other_core);
    for (int turns = 0; turns < (samples + 1) * rounds; turns++)
        hand_over(1);
    return nothing;
}

static void futexes(void)
{
    pthread_t thread;
    must(pthread_create(&thread, NULL, answer, NULL) == 0, "pthread_create");
    pin(0);
    for (int sample = 0; sample <= samples; sample++) {
        double begin = now();
        for (int round = 0; round < rounds; round++)
            hand_over(0);
        if (sample)
            report(name, (now() - begin) / rounds / 2);
    }
    pthread_join(thread, NULL);
}

/* -- FUTEX_WAKE alone: sleepers on the waker's own core, which it does not leave */

static _Atomic int words[MOST_WAITERS], asleep, is_over;

static void *sleep_on(void *argument)
{
    _Atomic int *word = argument;
    while (!is_over) {
        int seen = *word;
        asleep++;
        futex(word, FUTEX_WAIT_PRIVATE, seen);
    }
    return NULL;
}

static void wakes(int waiters)
{
    pthread_t threads[MOST_WAITERS];
    pthread_attr_t attributes;
    must(waiters <= MOST_WAITERS, "too many waiters");
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, SMALL_STACK);
    pin(0);
    for (int waiter = 0; waiter < waiters; waiter++)
        must(pthread_create(&threads[waiter], &attributes, sleep_on, &words[waiter]) == 0,
             "pthread_create");
    for (int sample = 0; sample <= samples; sample++) {
        while (asleep < waiters * (sample + 1))
            sched_yield();
        /* The last of them has counted itself, and may not sleep yet. */
        usleep(1000);
        double begin = now();
        for (int waiter = 0; waiter < waiters; waiter++) {
            words[waiter]++;
            futex(&words[waiter], FUTEX_WAKE_PRIVATE, 1);
        }
        if (sample)
            report(name, (now() - begin) / waiters);
    }
    is_over = 1;
    for (int waiter = 0; waiter < waiters; waiter++) {
        words[waiter]++;
        futex(&words[waiter], FUTEX_WAKE_PRIVATE, 1);
        pthread_join(threads[waiter], NULL);
    }
}

/* -- two programs that know of their descriptors only */

static void start(int core, int from, int to, const char *role, char **command, int count)
{
    extern char **environ;
    char *words[16] = {0};
    pid_t child = fork();
    must(child >= 0 && count < 15, "fork");
    if (child != 0)
        return;
    memcpy(words, command, count * sizeof *words);
    words[count] = (char *)role;
    pin(core);
    /* Out of the way of 3 and 4 first. */
    from = dup2(from, 20);
    to = dup2(to, 21);
    must(dup2(from, 3) == 3 && dup2(to, 4) == 4, "dup2");
    execve(words[0], words, environ);
    _exit(127);
}

static void pair(char **command, int count)
{
    int there[2], back[2];
    must(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0, "pipe2");
    start(0, back[0], there[1], "ping", command, count);
    start(other_core, there[0], back[1], "pong", command, count);
    for (int end = 0; end < 2; end++) {
        close(there[end]);
        close(back[end]);
    }
    reap(2);
}

int main(int count, char **words)
{
    if (count < 4)
        return 2;
    const char *what = words[1], *where = words[2];
    other_core = !strcmp(where, "across");
    snprintf(name, sizeof name, "%s_%s", what, where);
    if (!strcmp(what, "pair")) {
        pair(words + 3, count - 3);
        return 0;
    }
    if (!strcmp(what, "wake")) {
        samples = number(words[3]);
        strcpy(name, "wake");
        wakes(number(where));
        return 0;
    }
    rounds = number(words[3]);
    samples = number(words[4]);
    if (!strcmp(what, "pipe"))
        pipes();
    else if (!strcmp(what, "yield"))
        yields(!strcmp(where, "threads"));
    else if (!strcmp(what, "futex"))
        futexes();
    else
        return 2;
    return 0;
}
