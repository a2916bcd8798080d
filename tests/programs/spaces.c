/* A thousand processes on one core that take turns, and what the kernel's counters say
 * about its TLB. `spaces PROCESSES ROUNDS DEAD`: after the rounds, DEAD more processes
 * live for a moment, so that there have been more spaces than PCIDs. Counters are there
 * under Roentgen only; what must be the same everywhere is printed everywhere. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* linux/futex.h, which musl does not have. */
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };

enum { RG_COUNTERS = 0x52670002, MOST = 4000, PAGE = 4096, MANY_PAGES = 100 };

/* The number of the turn that each process may take; the last one is main's. */
static _Atomic uint32_t *turns;
static int processes, rounds;

/* Private to each process after its first write: its number. */
static volatile int private[4][PAGE / sizeof(int)] __attribute__((aligned(PAGE)));

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void stay_on(int core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof(cores), &cores))
        fail("sched_setaffinity");
}

static void wait_for(_Atomic uint32_t *word, uint32_t value)
{
    for (uint32_t now; (now = atomic_load(word)) != value;)
        syscall(SYS_futex, word, FUTEX_WAIT, now, NULL, NULL, 0);
}

static void give(_Atomic uint32_t *word, uint32_t value)
{
    atomic_store(word, value);
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* -- counters */

static char text[1 << 16];

static long counter(const char *name)
{
    size_t length = strlen(name);
    for (char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, name, length) && line[length] == ' ')
            return atol(line + length);
    }
    return 0;
}

/* Whether there are counters. */
static int read_counters(void)
{
    memset(text, 0, sizeof(text));
    return syscall(RG_COUNTERS, text, sizeof(text) - 1) > 0;
}

/* -- the ring */

static void child(int number)
{
    int wrong = 0;
    for (int round = 1; round <= rounds; round++) {
        wait_for(&turns[number], round);
        for (int i = 0; i < 4; i++) {
            if (round > 1)
                wrong |= private[i][0] != number * 10 + i;
            private[i][0] = number * 10 + i;
        }
        give(&turns[number + 1], round);
    }
    _exit(wrong);
}

static void go_round(int round)
{
    give(&turns[0], round);
    wait_for(&turns[processes], round);
}

static void ring(void)
{
    for (int i = 0; i < processes; i++) {
        pid_t pid = fork();
        if (pid < 0)
            fail("fork");
        if (pid == 0)
            child(i);
    }
    /* In the first round everybody makes its pages its own, in the second none does. */
    go_round(1);
    go_round(2);
    int has_counters = read_counters();
    long loads = counter("core0_space_loads"), kept = counter("core0_space_loads_kept");
    for (int round = 3; round <= rounds; round++)
        go_round(round);
    if (has_counters && read_counters()) {
        loads = counter("core0_space_loads") - loads;
        kept = counter("core0_space_loads_kept") - kept;
        printf("ring_loads %ld\nring_loads_kept %ld\n", loads, kept);
        printf("ring_switches %d\n", (rounds - 2) * processes);
        printf("ring_pcid_slots %ld\n", counter("core0_pcid_slots"));
    }
    int wrong = 0, status;
    for (int i = 0; i < processes; i++)
        wrong += wait(&status) < 0 || status != 0;
    printf("%d processes, %d rounds, %d wrong\n", processes, rounds, wrong);
}

/* -- a space that is changed while one of its threads runs on another core, or has run */

static _Atomic uint32_t asleep, awake, spinning, stop;
static char *pages;

static void *sleeper(void *argument)
{
    stay_on(1);
    atomic_store(&asleep, 1);
    wait_for(&awake, 1);
    return argument;
}

static void *spinner(void *argument)
{
    stay_on(1);
    atomic_store(&spinning, 1);
    while (!atomic_load(&stop))
        ;
    return argument;
}

static void map_and_touch(void)
{
    pages = mmap(NULL, MANY_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
    for (int i = 0; i < MANY_PAGES; i++)
        pages[i * PAGE] = 1;
}

static void change_while_others(void *(*body)(void *), _Atomic uint32_t *there)
{
    pthread_t thread;
    atomic_store(&stop, 0);
    map_and_touch();
    if (pthread_create(&thread, NULL, body, NULL))
        fail("pthread_create");
    while (!atomic_load(there))
        ;
    usleep(20000);
    munmap(pages, 3 * PAGE);
    munmap(pages + 3 * PAGE, (MANY_PAGES - 3) * PAGE);
    atomic_store(&stop, 1);
    give(&awake, 1);
    pthread_join(thread, NULL);
}

int main(int count, char **arguments)
{
    processes = count > 1 ? atoi(arguments[1]) : 100;
    rounds = count > 2 ? atoi(arguments[2]) : 4;
    int dead = count > 3 ? atoi(arguments[3]) : 50;
    if (processes < 1 || processes >= MOST || rounds < 3)
        return 2;
    turns = mmap(NULL, MOST * sizeof(*turns), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                 -1, 0);
    /* The cores that there are: musl asks for those that the thread may run on. */
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    stay_on(0);
    ring();
    fflush(stdout);
    for (int i = 0; i < dead; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
    if (cores > 1) {
        change_while_others(sleeper, &asleep);
        change_while_others(spinner, &spinning);
    }
    printf("%d more, done\n", dead);
    if (read_counters()) {
        static const char *names[] = {
            "core0_pcid_slots",         "space_loads",           "space_loads_kept",
            "kernel_table_loads",       "tlb_flushes_older",     "tlb_flushes_taken_over",
            "tlb_flushes_untagged",     "tlb_flushes_shootdown", "tlb_flushes_kernel",
            "tlb_pages_flushed",        "tlb_shootdowns_sent",   "tlb_shootdowns_merged",
            "tlb_shootdowns_answered",
        };
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
            printf("%s %ld\n", names[i], counter(names[i]));
    }
    return 0;
}
