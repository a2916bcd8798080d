// Threads that compute for ever: spin THREADS. Prints a line once all of them run.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_int running;

static void *spin(void *unused)
{
    (void)unused;
    atomic_fetch_add(&running, 1);
    volatile unsigned long sum = 0;
    for (unsigned long n = 0;; n++)
        sum += n * n;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 2;
    for (int n = 1; n < threads; n++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, spin, NULL) != 0)
            return 1;
    }
    while (atomic_load(&running) < threads - 1)
        usleep(1000);
    printf("ready\n");
    fflush(stdout);
    spin(NULL);
    return 0;
}
