// Threads that compute for ever: spin THREADS. Prints a line once all of them run.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_int running;

static void compute(void)
{
    volatile unsigned long sum = 0;
    for (unsigned long n = 0; atomic_load(&running) > 0; n++)
        sum += n * n;
}

static void *spin(void *unused)
{
    (void)unused;
    atomic_fetch_add(&running, 1);
    compute();
    return NULL;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 2;
    atomic_fetch_add(&running, 1);
    for (int n = 1; n < threads; n++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, spin, NULL) != 0)
            return 1;
    }
    while (atomic_load(&running) < threads)
        sched_yield();
    printf("ready\n");
    fflush(stdout);
    compute();
    return 0;
}
