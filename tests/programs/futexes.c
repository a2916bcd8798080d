/* The futex calls themselves: how many are woken and moved, what a comparison guards, and
 * that waiting ends where a waiter was moved.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "names.h"

/* <linux/futex.h> */
enum {
    FUTEX_WAIT,
    FUTEX_WAKE,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET,
    FUTEX_PRIVATE_FLAG = 128
};
enum { WAITERS = 4, PATIENCE_SECONDS = 20, RACES = 500, PARKED = 32, WORDS = 3, MOVES = 3000 };

static int flags;

static long futex(atomic_int *word, int operation, int value, long fourth, atomic_int *second,
                  int third)
{
    return syscall(SYS_futex, word, operation | flags, value, fourth, second, third);
}

static long wake(atomic_int *word, int count)
{
    return futex(word, FUTEX_WAKE, count, 0, NULL, 0);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

/* The waiters of a futex: moved from it to itself, they are counted. */
static long waiting(atomic_int *word)
{
    return futex(word, FUTEX_REQUEUE, 0, INT_MAX, word, 0);
}

/* Waits until a futex has so many waiters. */
static void settle(atomic_int *word, long count)
{
    double end = now() + PATIENCE_SECONDS;
    while (waiting(word) != count)
        if (now() > end) {
            printf("%ld wait instead of %ld\n", waiting(word), count);
            exit(1);
        }
}

static void *waiter(void *word)
{
    return (void *)futex(word, FUTEX_WAIT, 0, 0, NULL, 0);
}

static pthread_t threads[WAITERS];

static void start(void *(*body)(void *), void *argument)
{
    for (int i = 0; i < WAITERS; i++)
        if (pthread_create(&threads[i], NULL, body, argument))
            exit(1);
}

static void join(void)
{
    for (int i = 0; i < WAITERS; i++)
        pthread_join(threads[i], NULL);
}

static void say(const char *what, long result)
{
    if (result < 0)
        printf("  %s: %s\n", what, errno_name(errno));
    else
        printf("  %s: %ld\n", what, result);
}

static void counts(atomic_int *word, atomic_int *other)
{
    start(waiter, word);
    settle(word, WAITERS);
    say("another value", futex(word, FUTEX_CMP_REQUEUE, 1, INT_MAX, other, 1));
    say("no more than none", futex(word, FUTEX_CMP_REQUEUE, 0, 0, other, 0));
    say("one woken, one moved", futex(word, FUTEX_CMP_REQUEUE, 1, 1, other, 0));
    printf("  left %ld and %ld\n", waiting(word), waiting(other));
    say("one moved", futex(word, FUTEX_REQUEUE, 0, 1, other, 0));
    say("wake 0", wake(other, 0));
    say("wake -1", wake(other, -1));
    say("wake all there", wake(other, INT_MAX));
    say("wake all here", wake(word, INT_MAX));
    join();
}

static void mistakes(atomic_int *word, atomic_int *other)
{
    say("negative to wake", futex(word, FUTEX_REQUEUE, -1, 1, other, 0));
    say("negative to move", futex(word, FUTEX_REQUEUE, 1, -1, other, 0));
    say("crooked", futex((void *)((char *)word + 2), FUTEX_REQUEUE, 1, 1, other, 0));
    say("crooked target", futex(word, FUTEX_REQUEUE, 1, 1, (void *)((char *)other + 1), 0));
    say("nowhere", futex((void *)64, FUTEX_CMP_REQUEUE, 1, 1, other, 0));
    atomic_int *fresh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("a page that is not there yet", futex(fresh, FUTEX_CMP_REQUEUE, 1, 1, other, 0));
    munmap(fresh, 4096);
}

/* -- who waits after the word has changed is not moved, with many others to move */

enum { PARKER = 1, LATE = 2 };

static atomic_int word, other, turn;

static void *parker(void *unused)
{
    (void)unused;
    futex(&word, FUTEX_WAIT_BITSET, 0, 0, NULL, PARKER);
    return NULL;
}

static void *latecomer(void *unused)
{
    (void)unused;
    for (int race = 1; race <= RACES; race++) {
        while (atomic_load(&turn) < race)
            ;
        /* A moment that differs from race to race. */
        for (volatile int i = 0; i < race % 200 * 5; i++)
            ;
        atomic_store(&word, 1);
        futex(&word, FUTEX_WAIT_BITSET, 1, 0, NULL, LATE);
    }
    return NULL;
}

static void races(void)
{
    pthread_t parked[PARKED], late;
    for (int i = 0; i < PARKED; i++)
        if (pthread_create(&parked[i], NULL, parker, NULL))
            exit(1);
    settle(&word, PARKED);
    if (pthread_create(&late, NULL, latecomer, NULL))
        exit(1);
    long moved = 0;
    for (int race = 1; race <= RACES; race++) {
        atomic_store(&word, 0);
        atomic_store(&turn, race);
        futex(&word, FUTEX_CMP_REQUEUE, 0, INT_MAX, &other, 0);
        for (;;) {
            if (futex(&word, FUTEX_WAKE_BITSET, 1, 0, NULL, LATE))
                break;
            if (futex(&other, FUTEX_WAKE_BITSET, 1, 0, NULL, LATE)) {
                moved++;
                break;
            }
        }
        futex(&other, FUTEX_REQUEUE, 0, INT_MAX, &word, 0);
    }
    wake(&word, INT_MAX);
    for (int i = 0; i < PARKED; i++)
        pthread_join(parked[i], NULL);
    pthread_join(late, NULL);
    printf("races: %ld moved that came too late\n", moved);
}

/* -- a waiter whose time is up leaves the futex that it was moved to */

static atomic_int words[WORDS], ended;

static void *impatient(void *unused)
{
    (void)unused;
    unsigned expired = 0;
    for (int i = 0; expired < 40; i++) {
        struct timespec brief = { .tv_nsec = 200000 };
        expired += futex(&words[i % WORDS], FUTEX_WAIT, 0, (long)&brief, NULL, 0) < 0;
    }
    atomic_fetch_add(&ended, 1);
    return NULL;
}

static void moves(void)
{
    start(impatient, NULL);
    for (int i = 0; i < MOVES || atomic_load(&ended) < WAITERS; i++)
        futex(&words[i % WORDS], FUTEX_REQUEUE, 0, INT_MAX, &words[(i + 1) % WORDS], 0);
    join();
    long left = 0;
    for (int i = 0; i < WORDS; i++)
        left += waiting(&words[i]);
    printf("moves: %ld left\n", left);
}

int main(void)
{
    atomic_int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static atomic_int here, there;
    printf("shared\n");
    counts(&shared[0], &shared[1]);
    mistakes(&shared[0], &shared[1]);
    flags = FUTEX_PRIVATE_FLAG;
    printf("private\n");
    counts(&here, &there);
    mistakes(&here, &there);
    races();
    moves();
    return 0;
}
