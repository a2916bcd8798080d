/* What it costs to start a process and see it end: from a template, as a clone of its
 * maker, and by fork, each with so much memory written in its maker.
 *
 * Arguments: MiB of memory, processes a sample, samples, one of the three (default: all),
 * or `cheapest`: from a template where the kernel has them, else by fork. */
#define _GNU_SOURCE
#include "bench.h"
#include "roentgen.h"

static char *memory;
static size_t size;

/* What a process does that does nothing: it writes to its stack, its data, and a page of
 * what it was given. */
static volatile int data;

static void work(void)
{
    volatile char stack[64];
    stack[0] = 1;
    data = 1;
    if (size > 0)
        memory[size / 2] = stack[0];
}

static void spawn_sample(const char *name, int template, int count)
{
    struct spawn arguments = spawn_of(template);
    double start = now();
    for (int process = 0; process < count; process++) {
        int pidfd;
        struct ending ending;
        struct message none = {0};
        int id = rg_spawn(&arguments, &pidfd);
        must(id >= 0, "spawn");
        if (id == 0) {
            work();
            rg_finish(0, &none);
        }
        must(rg_join(pidfd, &none, &ending, FOREVER) == 0, "join");
        must(ending.status == 0, "status");
        close(pidfd);
    }
    if (name)
        report(name, (now() - start) / count);
}

static void fork_sample(const char *name, int count)
{
    double start = now();
    for (int process = 0; process < count; process++) {
        pid_t child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            work();
            _exit(0);
        }
        reap(1);
    }
    if (name)
        report(name, (now() - start) / count);
}

static int is_wanted(const char *kind, const char *which)
{
    return !*which || strcmp(kind, which) == 0;
}

int main(int argc, char **argv)
{
    int kept[] = {0, 1, 2}, template = SELF;
    size = (argc > 1 ? (size_t)atoi(argv[1]) : 8) << 20;
    int count = argc > 2 ? atoi(argv[2]) : 100, samples = argc > 3 ? atoi(argv[3]) : 1;
    const char *which = argc > 4 ? argv[4] : "";
    int is_roentgen = syscall(RG_VERSION) >= 0;
    char cheapest[32];
    snprintf(cheapest, sizeof cheapest, "cheapest_%zu", size >> 20);
    if (size > 0) {
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        must(memory != MAP_FAILED, "mmap");
        memset(memory, 1, size);
    }
    if (is_roentgen) {
        int is_maker = rg_freeze(kept, 3, &template);
        must(is_maker >= 0, "freeze");
        if (is_maker == 0) {
            struct message none = {0};
            work();
            rg_finish(0, &none);
        }
    }
    for (int sample = 0; sample < samples; sample++) {
        if (is_wanted("fork", which))
            fork_sample("fork", count);
        if (is_roentgen && is_wanted("spawn", which))
            spawn_sample("spawn", template, count);
        if (is_roentgen && is_wanted("clone", which))
            spawn_sample("clone", SELF, count);
        if (!strcmp(which, "cheapest")) {
            /* The first of a machine warms it up. */
            for (int warm = !sample; warm >= 0; warm--) {
                const char *name = warm ? NULL : cheapest;
                is_roentgen ? spawn_sample(name, template, count) : fork_sample(name, count);
            }
        }
    }
    return 0;
}
