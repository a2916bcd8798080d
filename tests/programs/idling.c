/* Threads that were bound to one core set themselves free, beside cores that idle, which
 * should take them at once. When they do is the system's affair and not printed, since on
 * a busy host none idles; a kernel that watches itself (check=sched) panics where one that
 * idles is not called. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ATTEMPTS = 25, THREADS = 3, SPIN_MILLISECONDS = 40 };

static cpu_set_t all;
static int first;
static _Atomic int elsewhere, ended;

static void spin(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long end = now.tv_sec * 1000LL + now.tv_nsec / 1000000 + SPIN_MILLISECONDS;
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while (now.tv_sec * 1000LL + now.tv_nsec / 1000000 < end);
}

static void bind_to(const cpu_set_t *cores)
{
    if (sched_setaffinity(0, sizeof *cores, cores)) {
        perror("sched_setaffinity");
        exit(1);
    }
}

static void *is_set_free(void *argument)
{
    if (sched_getcpu() != first)
        atomic_fetch_add(&elsewhere, 1);
    bind_to(&all);
    spin();
    atomic_fetch_add(&ended, 1);
    return argument;
}

int main(void)
{
    cpu_set_t one;
    sched_getaffinity(0, sizeof all, &all);
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        pthread_t threads[THREADS];
        /* They begin as bound as whoever makes them. */
        bind_to(&one);
        for (int i = 0; i < THREADS; i++)
            if (pthread_create(&threads[i], NULL, is_set_free, NULL)) {
                printf("no thread\n");
                return 1;
            }
        spin();
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    }
    printf("%d threads were bound, set free, and ended; %d began elsewhere\n",
           atomic_load(&ended), atomic_load(&elsewhere));
    return 0;
}
