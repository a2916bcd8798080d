/* Limits of spawned processes, and of all that they start: memory, CPU time, deadlines, one
 * within another, and what they do to a process that forks without end. Roentgen alone has
 * these calls, so this program looks itself; it prints what it has looked at. */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "ours.h"

enum { PAGE = 4096, MIB = 1 << 20 };

static const uint64_t MILLISECOND = 1000000, SECOND = 1000000000;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

/* Spawns a clone of this process that does `work` under these limits; how it ended. */
static struct ending limited(void (*work)(void), struct spawn arguments)
{
    int pidfd;
    int id = rg_spawn(&arguments, &pidfd);
    check(id >= 0, "spawn");
    if (id == 0) {
        struct message none = {0};
        work();
        rg_finish(0, &none);
    }
    struct ending ending;
    struct message none = {0};
    check(rg_join(pidfd, &none, &ending, 60 * SECOND) == 0, "join");
    close(pidfd);
    return ending;
}

static void use(size_t bytes)
{
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "mmap");
    for (size_t at = 0; at < bytes; at += PAGE)
        memory[at] = 1;
    munmap(memory, bytes);
}

static void use_little(void)
{
    for (int turn = 0; turn < 20; turn++)
        use(6 * MIB);
}

static void use_much(void)
{
    use(64 * MIB);
}

/* Each child stays far below what all of them pass. */
static void use_much_together(void)
{
    for (int child = 0; child < 8; child++) {
        if (fork() == 0) {
            char *memory =
                mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            memset(memory, 1, 2 * MIB);
            for (;;)
                pause();
        }
    }
    for (;;)
        pause();
}

static void read_into_much(void)
{
    /* The page faults happen in the kernel. */
    FILE *file = fopen("/dev/zero", "r");
    check(file != NULL, "fopen");
    char *memory = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "mmap");
    for (int turn = 0; turn < 64; turn++)
        (void)!read(fileno(file), memory + turn * MIB, MIB);
    for (;;)
        pause();
}

static void memory_limits(void)
{
    struct spawn arguments = spawn_of(SELF);
    arguments.memory = 8 * MIB;
    struct ending ending = limited(use_little, arguments);
    check(ending.status == 0 && !ending.limit, "what is given back counts no more");
    ending = limited(use_much, arguments);
    check(ending.status == SIGKILL && ending.limit == LIMIT_MEMORY, "memory");
    ending = limited(use_much_together, arguments);
    check(ending.status == SIGKILL && ending.limit == LIMIT_MEMORY, "memory of several");
    ending = limited(read_into_much, arguments);
    check(ending.status == SIGKILL && ending.limit == LIMIT_MEMORY, "memory that the kernel fills");
    arguments.memory = 0;
    ending = limited(use_much, arguments);
    check(ending.status == SIGKILL && ending.limit == LIMIT_MEMORY, "no memory at all");
}

static void burn(void)
{
    for (volatile uint64_t turn = 0;; turn++)
        ;
}

static void burn_together(void)
{
    for (int child = 0; child < 3; child++)
        if (fork() == 0)
            burn();
    burn();
}

static void rest(void)
{
    usleep(300000);
}

static void cpu_limits(void)
{
    struct spawn arguments = spawn_of(SELF);
    arguments.cpu_time = 100 * MILLISECOND;
    struct ending ending = limited(rest, arguments);
    check(ending.status == 0 && !ending.limit, "sleeping costs nothing");
    uint64_t start = now();
    ending = limited(burn, arguments);
    check(ending.status == SIGKILL && ending.limit == LIMIT_CPU_TIME, "CPU time");
    check(now() - start >= 100 * MILLISECOND, "not before its time");
    ending = limited(burn_together, arguments);
    check(ending.status == SIGKILL && ending.limit == LIMIT_CPU_TIME, "CPU time of several");
}

/* The first one ends at once; its child stays. */
static void leave_an_orphan(void)
{
    if (fork() == 0)
        for (;;)
            pause();
}

static void deadlines(void)
{
    struct spawn arguments = spawn_of(SELF);
    arguments.deadline = 20 * SECOND;
    struct ending ending = limited(use_little, arguments);
    check(ending.status == 0 && !ending.limit, "in time");
    arguments.deadline = 200 * MILLISECOND;
    uint64_t start = now();
    ending = limited(burn, arguments);
    check(ending.status == SIGKILL && ending.limit == LIMIT_DEADLINE, "a deadline");
    check(now() - start >= 200 * MILLISECOND, "not before it");
    ending = limited((void (*)(void))pause, arguments);
    check(ending.status == SIGKILL && ending.limit == LIMIT_DEADLINE, "one that sleeps");
    long threads = counter("threads");
    ending = limited(leave_an_orphan, arguments);
    check(ending.status == 0, "it ended by itself");
    for (int look = 0; look < 500 && counter("threads") > threads; look++)
        usleep(10000);
    check(counter("threads") == threads, "what it started ends too");
}

static void spend_within(void)
{
    struct spawn arguments = spawn_of(SELF);
    arguments.memory = 64 * MIB;
    struct ending ending = limited(use_much, arguments);
    _exit(ending.limit == LIMIT_MEMORY ? 1 : 2);
}

static void within(void)
{
    struct spawn arguments = spawn_of(SELF);
    arguments.memory = 16 * MIB;
    /* The inner one asks for more than the outer has: the outer ends, and takes it along. */
    struct ending ending = limited(spend_within, arguments);
    check(ending.status == SIGKILL && ending.limit == LIMIT_MEMORY, "the outer limit");
    arguments.memory = 256 * MIB;
    ending = limited(spend_within, arguments);
    check(ending.status == 1 << 8 && !ending.limit, "the inner limit");
}

static void bomb(void)
{
    for (;;)
        fork();
}

static void bombs(void)
{
    struct spawn arguments = spawn_of(SELF);
    arguments.memory = 16 * MIB;
    arguments.deadline = 2 * SECOND;
    long threads = counter("threads");
    struct ending ending = limited(bomb, arguments);
    check(ending.status == SIGKILL && ending.limit, "a process that forks without end");
    for (int look = 0; look < 3000 && counter("threads") > threads; look++)
        usleep(10000);
    check(counter("threads") == threads, "all of it ends");
}

int main(void)
{
    memory_limits();
    /* What the heap and its stacks keep for the next processes depends on how far a bomb came. */
    uint64_t before = memory_of_processes();
    memory_limits();
    said("memory is limited, of one and of all that it starts");
    cpu_limits();
    said("so is CPU time");
    deadlines();
    said("and the time until it is over");
    within();
    said("a limit holds within another");
    bombs();
    said("who forks without end meets its limit");
    int64_t lost = INT64_MAX;
    for (int look = 0; look < 300 && lost > 64 << 10; look++) {
        usleep(10000);
        lost = (int64_t)(memory_of_processes() - before);
    }
    check(lost <= 64 << 10, "memory is gone");
    said("nothing is left of them");
    return 0;
}
