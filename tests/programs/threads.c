/* Threads of the C library: locks, conditions, barriers, thread-local storage, robust
 * mutexes, cancellation, joining, and the time limits of waiting. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "names.h"

enum { THREADS = 8, TURNS = 20000 };

static pthread_t threads[THREADS];

static void start(void *(*body)(void *))
{
    for (uintptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, body, (void *)i))
            exit(1);
}

static long join(void)
{
    long sum = 0;
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (long)(intptr_t)result;
    }
    return sum;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

/* Now, and some milliseconds, by a clock. */
static struct timespec later(clockid_t clock, int milliseconds)
{
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += milliseconds * 1000000L;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

/* -- a mutex and a plain counter */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile long counter;

static void *count_locked(void *argument)
{
    for (int i = 0; i < TURNS; i++) {
        pthread_mutex_lock(&mutex);
        counter = counter + 1;
        pthread_mutex_unlock(&mutex);
    }
    return argument;
}

/* -- a spin lock, which needs preemption to make progress */

static pthread_spinlock_t spin;

static void *count_spinning(void *argument)
{
    for (int i = 0; i < TURNS / 10; i++) {
        pthread_spin_lock(&spin);
        counter = counter + 1;
        pthread_spin_unlock(&spin);
    }
    return argument;
}

/* -- a bounded queue with two conditions */

enum { ROOM = 4 };
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static long queue[ROOM];
static int queued, first;

static void put(long value)
{
    pthread_mutex_lock(&mutex);
    while (queued == ROOM)
        pthread_cond_wait(&not_full, &mutex);
    queue[(first + queued++) % ROOM] = value;
    pthread_cond_signal(&not_empty);
    pthread_mutex_unlock(&mutex);
}

static long take(void)
{
    pthread_mutex_lock(&mutex);
    while (queued == 0)
        pthread_cond_wait(&not_empty, &mutex);
    long value = queue[first];
    first = (first + 1) % ROOM;
    queued--;
    pthread_cond_signal(&not_full);
    pthread_mutex_unlock(&mutex);
    return value;
}

static void *produce_or_consume(void *argument)
{
    uintptr_t me = (uintptr_t)argument;
    long sum = 0;
    for (int i = 0; i < 2000; i++) {
        if (me % 2)
            put((long)me * 10000 + i);
        else
            sum += take();
    }
    return (void *)sum;
}

/* -- a barrier: nobody is a round ahead */

static pthread_barrier_t barrier;
static atomic_int arrived, serial;

static void *meet(void *argument)
{
    long wrong = 0;
    (void)argument;
    for (int round = 1; round <= 200; round++) {
        atomic_fetch_add(&arrived, 1);
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            atomic_fetch_add(&serial, 1);
        wrong += atomic_load(&arrived) != round * THREADS;
        pthread_barrier_wait(&barrier);
    }
    return (void *)wrong;
}

/* -- a lock for readers and writers */

static pthread_rwlock_t shared_lock = PTHREAD_RWLOCK_INITIALIZER;
static volatile long left, right;

static void *read_or_write(void *argument)
{
    long wrong = 0;
    for (int i = 0; i < 2000; i++) {
        if ((uintptr_t)argument < 2) {
            pthread_rwlock_wrlock(&shared_lock);
            left = left + 1;
            right = right + 1;
        } else {
            pthread_rwlock_rdlock(&shared_lock);
            wrong += left != right;
        }
        pthread_rwlock_unlock(&shared_lock);
    }
    return (void *)wrong;
}

/* -- a semaphore lets so many in */

static sem_t places;
static atomic_int inside, most;

static void *enter(void *argument)
{
    for (int i = 0; i < 500; i++) {
        sem_wait(&places);
        int now_inside = atomic_fetch_add(&inside, 1) + 1, seen = atomic_load(&most);
        while (now_inside > seen && !atomic_compare_exchange_weak(&most, &seen, now_inside))
            ;
        if (i % 50 == 0)
            sched_yield();
        atomic_fetch_sub(&inside, 1);
        sem_post(&places);
    }
    return argument;
}

/* -- thread-local storage, of the compiler and of the library */

static _Thread_local long local = 1234;
static _Thread_local char zeroed[3000];
static pthread_key_t key;
static atomic_int destroyed;

static void destroy(void *value)
{
    atomic_fetch_add(&destroyed, *(int *)value == 5);
    free(value);
}

static void *use_locals(void *argument)
{
    long wrong = local != 1234;
    for (size_t i = 0; i < sizeof zeroed; i++)
        wrong += zeroed[i] != 0;
    memset(zeroed, 1, sizeof zeroed);
    int *value = malloc(sizeof *value);
    *value = 5;
    pthread_setspecific(key, value);
    for (int i = 0; i < 1000; i++) {
        local += (long)(uintptr_t)argument;
        if (i % 100 == 0)
            sched_yield();
    }
    wrong += local != 1234 + 1000 * (long)(uintptr_t)argument;
    wrong += pthread_getspecific(key) != value;
    return (void *)wrong;
}

/* -- a robust mutex, whose owner dies */

static void make_robust(pthread_mutex_t *robust, int sharing)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, sharing);
    pthread_mutex_init(robust, &attributes);
}

static void *lock_and_end(void *robust)
{
    pthread_mutex_lock(robust);
    return NULL;
}

static void owner_deaths(void)
{
    static pthread_mutex_t robust;
    pthread_t thread;
    make_robust(&robust, PTHREAD_PROCESS_PRIVATE);
    pthread_create(&thread, NULL, lock_and_end, &robust);
    pthread_join(thread, NULL);
    int error = pthread_mutex_lock(&robust);
    printf("the owner ended: %s\n", errno_name(error));
    pthread_mutex_consistent(&robust);
    pthread_mutex_unlock(&robust);
    printf("made consistent: %s\n", pthread_mutex_lock(&robust) ? "error" : "locked");
    pthread_mutex_unlock(&robust);

    pthread_mutex_t *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ends[2];
    char byte;
    make_robust(shared, PTHREAD_PROCESS_SHARED);
    if (pipe(ends))
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(shared);
        if (write(ends[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    if (read(ends[0], &byte, 1) != 1)
        exit(1);
    printf("held by another process: %s\n", errno_name(pthread_mutex_trylock(shared)));
    kill(child, SIGKILL);
    error = pthread_mutex_lock(shared);
    printf("the other process was killed: %s\n", errno_name(error));
    waitpid(child, NULL, 0);
    pthread_mutex_unlock(shared);
    printf("unlocked without making it consistent: %s\n",
           errno_name(pthread_mutex_lock(shared)));
}

/* -- time limits */

static void limits(void)
{
    static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    static sem_t none;
    static int word;
    double begin, spent;
/* The span begins before the limit is taken: a thread that stands still between the two waits less. */
#define BOUNDED(what, clock, call)                                                     \
    do {                                                                               \
        begin = now();                                                                 \
        limit = later(clock, 50);                                                      \
        int error_ = (call);                                                           \
        spent = now() - begin;                                                         \
        if (error_ == -1)                                                              \
            error_ = errno;                                                            \
        printf("%s: %s, %s\n", what, errno_name(error_),                               \
               spent < 0.05 ? "too early" : spent > 5 ? "too late" : "in time");       \
    } while (0)
    struct timespec limit, span = {0, 50000000};
    pthread_mutex_lock(&held);
    BOUNDED("mutex", CLOCK_REALTIME, pthread_mutex_timedlock(&held, &limit));
    BOUNDED("condition", CLOCK_REALTIME, pthread_cond_timedwait(&never, &held, &limit));
    BOUNDED("semaphore", CLOCK_REALTIME, sem_timedwait(&none, &limit));
    BOUNDED("futex, a span", CLOCK_MONOTONIC,
            (int)syscall(SYS_futex, &word, 0, 0, &span, NULL, 0));
    BOUNDED("futex, a time", CLOCK_MONOTONIC,
            (int)syscall(SYS_futex, &word, 9 /* WAIT_BITSET */, 0, &limit, NULL, -1));
    BOUNDED("futex, a time of day", CLOCK_REALTIME,
            (int)syscall(SYS_futex, &word, 9 | 256, 0, &limit, NULL, -1));
    begin = now();
    limit = (struct timespec){1, 0};
    int error = pthread_mutex_timedlock(&held, &limit);
    printf("a time that is over: %s, %s\n", errno_name(error),
           now() - begin < 1 ? "at once" : "late");
}

/* -- cancellation */

static int cleaned;

static void clean(void *argument)
{
    (void)argument;
    cleaned++;
}

static void unlock(void *argument)
{
    pthread_mutex_unlock(argument);
}

static void *wait_for_ever(void *argument)
{
    pthread_cleanup_push(clean, NULL);
    if (argument)
        for (;;)
            sleep(1000);
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(unlock, &mutex);
    for (;;)
        pthread_cond_wait(&not_empty, &mutex);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *spin_for_ever(void *argument)
{
    (void)argument;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    for (;;)
        ;
    return NULL;
}

static void cancel(const char *what, void *(*body)(void *), void *argument)
{
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, body, argument);
    usleep(5000);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    printf("%s: %s, cleaned %d\n", what, result == PTHREAD_CANCELED ? "cancelled" : "ended",
           cleaned);
}

/* -- many, one after the other and at once */

static void *add_one(void *argument)
{
    atomic_fetch_add((atomic_int *)argument, 1);
    return NULL;
}

static void crowds(void)
{
    atomic_int sum = 0;
    pthread_t crowd[200];
    for (int i = 0; i < 1000; i++) {
        pthread_t one;
        if (pthread_create(&one, NULL, add_one, &sum) || pthread_join(one, NULL))
            exit(1);
    }
    for (int i = 0; i < 200; i++)
        if (pthread_create(&crowd[i], NULL, add_one, &sum))
            exit(1);
    for (int i = 0; i < 200; i++)
        pthread_join(crowd[i], NULL);
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < 200; i++) {
        pthread_t one;
        while (pthread_create(&one, &detached, add_one, &sum) == EAGAIN)
            usleep(1000);
    }
    while (atomic_load(&sum) < 1400)
        usleep(1000);
    printf("%d threads came and went\n", atomic_load(&sum));
}

/* -- the process ends with all of its threads, whichever ends it */

static void *end_all(void *argument)
{
    (void)argument;
    usleep(1000);
    _exit(7);
}

static void endings(void)
{
    int status;
    fflush(stdout);
    if (fork() == 0) {
        pthread_t other;
        start(spin_for_ever);
        pthread_create(&other, NULL, end_all, NULL);
        pthread_join(other, NULL);
    }
    wait(&status);
    printf("a thread ends its process: %s\n", ending(status));
    if (fork() == 0) {
        start(spin_for_ever);
        *(volatile int *)0 = 0;
    }
    wait(&status);
    printf("a thread faults: %s\n", ending(status));
    if (fork() == 0) {
        pthread_t other;
        pthread_create(&other, NULL, end_all, NULL);
        pthread_exit(NULL);
    }
    wait(&status);
    printf("the first thread ends first: %s\n", ending(status));
    if (fork() == 0) {
        start(spin_for_ever);
        execl("/proc/self/exe", "threads", "again", NULL);
        _exit(1);
    }
    wait(&status);
    printf("a process with threads executes another program: %s\n", ending(status));
}

int main(int count, char **arguments)
{
    (void)arguments;
    if (count > 1)
        return 9;
    setvbuf(stdout, NULL, _IOLBF, 0);
    start(count_locked);
    join();
    printf("mutex: %ld\n", counter);
    counter = 0;
    pthread_spin_init(&spin, 0);
    start(count_spinning);
    join();
    printf("spin lock: %ld\n", counter);
    start(produce_or_consume);
    printf("queue: %ld\n", join());
    pthread_barrier_init(&barrier, NULL, THREADS);
    start(meet);
    printf("barrier: %ld wrong,", join());
    printf(" %d rounds\n", atomic_load(&serial));
    start(read_or_write);
    printf("readers and writers: %ld wrong,", join());
    printf(" %ld writes\n", left);
    sem_init(&places, 0, 3);
    start(enter);
    join();
    printf("semaphore: at most %s at once\n", atomic_load(&most) <= 3 ? "three" : "too many");
    pthread_key_create(&key, destroy);
    start(use_locals);
    printf("thread-local storage: %ld wrong,", join());
    printf(" %d destroyed\n", atomic_load(&destroyed));
    owner_deaths();
    limits();
    cancel("asleep", wait_for_ever, (void *)1);
    cancel("waiting", wait_for_ever, NULL);
    cancel("spinning", spin_for_ever, NULL);
    crowds();
    endings();
    return 0;
}
