/* What programs expect of a scheduler: affinity that holds, shares that follow nice values
 * and classes, nobody starved, sleepers served soon. Shares are compared between siblings
 * by the CPU time that each has used, with room for a busy host. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "names.h"

enum { MOST = 8 };

static double seconds(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static double now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

static int pin(pid_t thread, int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    return sched_setaffinity(thread, sizeof set, &set);
}

static void say(const char *promise, int is_kept)
{
    printf("%s: %s\n", promise, is_kept ? "yes" : "NO");
}

/* -- affinity */

static void *wander(void *argument)
{
    long wrong = 0;
    for (int turn = 0; turn < 400; turn++) {
        int core = (turn + (int)(intptr_t)argument) % 2;
        if (pin(0, core))
            wrong++;
        for (int step = 0; step < 5; step++) {
            if (sched_getcpu() != core)
                wrong++;
            sched_yield();
        }
    }
    return (void *)wrong;
}

static void affinity(void)
{
    pthread_t threads[4];
    long wrong = 0;
    for (intptr_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, wander, (void *)i);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        wrong += (long)result;
    }
    say("a thread runs where it may, and nowhere else", wrong == 0);
}

static atomic_int busy_thread;
static atomic_int is_over;
static atomic_int seen_on;

static void *stay_busy(void *argument)
{
    (void)argument;
    pin(0, 0);
    atomic_store(&busy_thread, (int)syscall(SYS_gettid));
    while (!atomic_load(&is_over))
        atomic_store(&seen_on, sched_getcpu());
    return NULL;
}

static void move_a_running_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, stay_busy, NULL);
    while (!atomic_load(&busy_thread))
        sched_yield();
    int moved = pin(atomic_load(&busy_thread), 1) == 0;
    double end = now() + 5;
    while (atomic_load(&seen_on) != 1 && now() < end)
        usleep(1000);
    moved &= atomic_load(&seen_on) == 1;
    usleep(20000);
    moved &= atomic_load(&seen_on) == 1;
    atomic_store(&is_over, 1);
    pthread_join(thread, NULL);
    say("a running thread moves when its affinity does", moved);
}

static void wrong_calls(void)
{
    cpu_set_t set;
    unsigned char byte;
    CPU_ZERO(&set);
    printf("no core: %s\n", sched_setaffinity(0, sizeof set, &set) ? errno_name(errno) : "done");
    CPU_SET(1000, &set);
    printf("a core that is not there: %s\n",
           sched_setaffinity(0, sizeof set, &set) ? errno_name(errno) : "done");
    CPU_SET(0, &set);
    printf("a thread that is not there: %s\n",
           sched_setaffinity(4194303, sizeof set, &set) ? errno_name(errno) : "done");
    printf("too small a set: %s\n",
           syscall(SYS_sched_getaffinity, 0, 1, &byte) < 0 ? errno_name(errno) : "done");
    printf("a priority of nobody: %s\n",
           getpriority(PRIO_PROCESS, 4194303) == -1 && errno ? errno_name(errno) : "done");
}

/* -- shares */

struct worker {
    int nice;
    int policy;
    double used;
};

static struct {
    atomic_int ready, started, over;
    double used[MOST];
} *shared;

static double last_share(const struct worker *workers, int count, double time)
{
    pid_t children[MOST];
    atomic_store(&shared->ready, 0);
    atomic_store(&shared->started, 0);
    atomic_store(&shared->over, 0);
    for (int i = 0; i < count; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct sched_param parameter = {0};
            pin(0, 0);
            setpriority(PRIO_PROCESS, 0, workers[i].nice);
            if (workers[i].policy)
                /* musl has no function for it. */
                syscall(SYS_sched_setscheduler, 0, workers[i].policy, &parameter);
            atomic_fetch_add(&shared->ready, 1);
            while (!atomic_load(&shared->started))
                usleep(1000);
            double before = seconds(CLOCK_THREAD_CPUTIME_ID);
            while (!atomic_load(&shared->over))
                ;
            shared->used[i] = seconds(CLOCK_THREAD_CPUTIME_ID) - before;
            _exit(0);
        }
    }
    while (atomic_load(&shared->ready) < count)
        usleep(1000);
    atomic_store(&shared->started, 1);
    usleep((useconds_t)(time * 1e6));
    atomic_store(&shared->over, 1);
    double sum = 0;
    for (int i = 0; i < count; i++) {
        waitpid(children[i], NULL, 0);
        sum += shared->used[i];
    }
    return shared->used[count - 1] / sum;
}

static void shares(void)
{
    const struct worker equal[4] = {{0}, {0}, {0}, {0}};
    double share = last_share(equal, 4, 1.2);
    say("four equal ones get a quarter each", share > 0.17 && share < 0.33);
    const struct worker nicer[2] = {{.nice = 0}, {.nice = 5}};
    /* 335 of 1359 */
    share = last_share(nicer, 2, 1.2);
    say("a nicer one gets its part", share > 0.15 && share < 0.36);
    const struct worker nicest[2] = {{0}, {.nice = 19}};
    /* 15 of 1039 */
    share = last_share(nicest, 2, 1.2);
    say("the nicest one gets little", share < 0.08);
    const struct worker idler[2] = {{0}, {.policy = SCHED_IDLE}};
    share = last_share(idler, 2, 1.2);
    say("an idle one gets next to nothing", share < 0.06);
}

/* -- two that wake each other, and a third one */

static void nobody_starves(void)
{
    int there[2], back[2];
    char byte = 0;
    if (pipe(there) || pipe(back))
        exit(1);
    pid_t first = fork();
    if (first == 0) {
        pin(0, 0);
        for (;;)
            if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
                _exit(0);
    }
    pid_t second = fork();
    if (second == 0) {
        pin(0, 0);
        for (;;)
            if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
                _exit(0);
    }
    const struct worker hog[1] = {{0}};
    double before = now();
    last_share(hog, 1, 1.0);
    double share = shared->used[0] / (now() - before);
    kill(first, SIGKILL);
    kill(second, SIGKILL);
    waitpid(first, NULL, 0);
    waitpid(second, NULL, 0);
    say("two that wake each other leave a third one its part", share > 0.15);
}

/* -- a sleeper among those who never sleep */

static void sleepers_are_served(void)
{
    pid_t hogs[3];
    for (int i = 0; i < 3; i++) {
        hogs[i] = fork();
        if (hogs[i] == 0) {
            pin(0, 0);
            for (;;)
                ;
        }
    }
    pin(0, 0);
    int late = 0;
    for (int turn = 0; turn < 60; turn++) {
        double due = now() + 0.005;
        usleep(5000);
        /* A slice of each hog would be 12 ms; a sleeper does not wait for all of them. */
        late += now() - due > 0.050;
    }
    for (int i = 0; i < 3; i++) {
        kill(hogs[i], SIGKILL);
        waitpid(hogs[i], NULL, 0);
    }
    say("a sleeper is served soon", late <= 6);
}

/* -- a short sleep beside a long one, whose timer was set first */

static void *sleep_long(void *argument)
{
    (void)argument;
    pin(0, 0);
    usleep(3000000);
    return NULL;
}

static void short_sleeps_are_short(void)
{
    pthread_t thread;
    pin(0, 0);
    pthread_create(&thread, NULL, sleep_long, NULL);
    usleep(100000);
    double before = now();
    usleep(10000);
    double took = now() - before;
    pthread_join(thread, NULL);
    say("a short sleep ends before a long one", took < 1.0);
}

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    wrong_calls();
    affinity();
    move_a_running_thread();
    shares();
    nobody_starves();
    short_sleeps_are_short();
    sleepers_are_served();
    return 0;
}
