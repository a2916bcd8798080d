/* Templates and spawned processes: what a child begins with and what it does not, payloads
 * and answers, endings, and that nothing is left of any of them. Roentgen alone has these
 * calls, so this program looks itself; it prints what it has looked at.
 *
 * Arguments: processes of the last part. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "ours.h"

enum { PAGE = 4096, HEAP = 4 << 20, LIVES = 400 };

static char *heap;
static int *shared;
static char *wiped;
static volatile int handled;
static volatile int changed_since;
static int template = -1;

/* What a template's child is asked to do, as its payload. */
enum job {
    TELL,     /* answers with what it sees */
    STATUS,   /* ends with status 7, by exit */
    FAULT,    /* ends by SIGSEGV */
    SLEEP,    /* until it is killed */
    LARGE,    /* answers with a range */
    SILENT,   /* ends with status 0 and no answer */
    SCATTER,  /* writes here and there; ends with status 0 where that was kept */
};

/* Where a process of that kind writes in the heap, in order. */
static const size_t scattered[] = {100, 5 * PAGE + 8, 5 * PAGE + 2000, HEAP - 8};
enum { SCATTERED = sizeof scattered / sizeof *scattered };

struct told {
    int pid, parent, tid;
    int heap_is_right, changed, shared_value, wiped_is_zero, descriptors, caught, nice, cores;
    char name[16];
};

static void on_signal(int number)
{
    handled = number;
}

static int open_descriptors(void)
{
    int count = 0;
    for (int descriptor = 0; descriptor < 256; descriptor++)
        count += fcntl(descriptor, F_GETFD) >= 0;
    return count;
}

static int heap_is(char value)
{
    for (size_t at = 0; at < HEAP; at += PAGE)
        if (heap[at] != value)
            return 0;
    return 1;
}

/* Bytes that are used more than at `before`. */
struct used {
    int64_t of_processes, heap, stacks;
};

static struct used used_since(const uint64_t before[MEMORY_WORDS])
{
    uint64_t now[MEMORY_WORDS];
    read_memory(now);
    return (struct used){
        .of_processes = now[PAGE_TABLES] + now[USER] - before[PAGE_TABLES] - before[USER],
        .heap = now[KERNEL_HEAP] - before[KERNEL_HEAP],
        .stacks = now[KERNEL_STACKS] - before[KERNEL_STACKS],
    };
}

/* The life of a process that was spawned from the template. */
static void live(void)
{
    enum job job = SILENT;
    struct message payload = {.bytes = (uintptr_t)&job, .length = sizeof job};
    check(rg_payload(&payload) == 0 && payload.length == sizeof job, "payload");
    check(rg_payload(&payload) == -1 && errno == ENODATA, "payload twice");
    switch (job) {
    case TELL: {
        struct told told = {
            .pid = getpid(),
            .parent = getppid(),
            .tid = (int)syscall(SYS_gettid),
            .heap_is_right = heap_is(1),
            .changed = changed_since,
            .shared_value = *shared,
            .wiped_is_zero = wiped[0] == 0,
            .descriptors = open_descriptors(),
            .nice = getpriority(PRIO_PROCESS, 0),
        };
        cpu_set_t cores;
        sched_getaffinity(0, sizeof cores, &cores);
        told.cores = CPU_COUNT(&cores);
        kill(getpid(), SIGUSR1);
        told.caught = handled == SIGUSR1;
        FILE *file = fopen("/proc/self/comm", "r");
        check(file && fgets(told.name, sizeof told.name, file), "comm");
        told.name[strcspn(told.name, "\n")] = 0;
        /* Nobody else sees this. */
        memset(heap, 2, HEAP);
        *shared += 1;
        struct message answer = {.bytes = (uintptr_t)&told, .length = sizeof told};
        rg_finish(3, &answer);
        break;
    }
    case STATUS:
        _exit(7);
    case FAULT:
        *(volatile int *)8 = 1;
        break;
    case SLEEP:
        for (;;)
            pause();
    case LARGE: {
        memset(heap, 3, HEAP);
        struct range range = {(uintptr_t)heap, HEAP - 100};
        struct message answer = {.ranges = (uintptr_t)&range, .range_count = 1};
        rg_finish(0, &answer);
        break;
    }
    case SCATTER: {
        volatile char *bytes = heap;
        int is_kept = 1;
        for (int round = 0; round < 3; round++)
            for (int place = 0; place < SCATTERED; place++)
                bytes[scattered[place]] = (char)(bytes[9 * PAGE] + place + round);
        for (int place = 0; place < SCATTERED; place++)
            is_kept &= bytes[scattered[place]] == bytes[9 * PAGE] + place + 2;
        _exit(is_kept ? 0 : 1);
    }
    case SILENT: {
        struct message none = {0};
        rg_finish(0, &none);
    }
    }
    _exit(99);
}

static int start(struct spawn *arguments, enum job job)
{
    int pidfd;
    arguments->payload = (struct message){.bytes = (uintptr_t)&job, .length = sizeof job};
    int id = rg_spawn(arguments, &pidfd);
    check(id > 0, "spawn");
    return pidfd;
}

static struct ending end_of(int pidfd, struct message *answer)
{
    struct ending ending;
    struct message none = {0};
    check(rg_join(pidfd, answer ? answer : &none, &ending, FOREVER) == 0, "join");
    close(pidfd);
    return ending;
}

static void freeze(void)
{
    int kept[] = {0, 1, 2, 77};
    check(rg_freeze(kept, 4, &template) == -1 && errno == EBADF, "kept and not open");
    int stray = dup(0);
    check(rg_freeze(kept, 3, &template) == -1 && errno == EEXIST, "open and not kept");
    close(stray);
    check(rg_freeze((int *)8, 3, &template) == -1 && errno == EFAULT, "bad list");
    check(rg_freeze(kept, 3, (int *)8) == -1 && errno == EFAULT, "bad place");
    check(open_descriptors() == 3, "descriptors after a failure");
    int is_maker = rg_freeze(kept, 3, &template);
    check(is_maker >= 0, "freeze");
    if (!is_maker)
        live();
}

static void *wait_for_ever(void *unused)
{
    (void)unused;
    pause();
    return NULL;
}

static void refuse_threads(void)
{
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        int kept[] = {0, 1, 2, 3}, other;
        pthread_create(&thread, NULL, wait_for_ever, NULL);
        _exit(rg_freeze(kept, 4, &other) == -1 && errno == EBUSY ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    check(status == 0, "a process with two threads is not frozen");
}

static void tell(void)
{
    struct told told;
    struct message answer = {.bytes = (uintptr_t)&told, .length = sizeof told};
    struct spawn arguments = spawn_of(template);
    struct placed placed[] = {{1, 9}};
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    arguments.descriptors = (uintptr_t)placed;
    arguments.descriptor_count = 1;
    arguments.nice = 4;
    arguments.affinity = (uintptr_t)&one;
    arguments.affinity_size = sizeof one;
    const char *name = "a spawned process";
    arguments.name = (uintptr_t)name;
    arguments.name_length = strlen(name);
    changed_since = 1;
    memset(heap, 9, HEAP);
    int value = *shared;
    int pidfd = start(&arguments, TELL);
    struct ending ending = end_of(pidfd, &answer);
    check(ending.status == 3 << 8 && ending.has_answer && !ending.limit, "ending");
    check(answer.length == sizeof told, "answer");
    check(told.pid == told.tid && told.pid != getpid(), "pid");
    check(told.parent == getpid(), "parent");
    check(told.heap_is_right, "memory is the template's");
    check(told.changed == 0, "memory is not what its maker wrote since");
    check(heap_is(9), "the maker's memory is its own");
    check(told.shared_value == value && *shared == value + 1, "shared memory is shared");
    check(told.wiped_is_zero && wiped[0] == 5, "MADV_WIPEONFORK");
    check(told.descriptors == 4, "descriptors");
    check(told.caught, "signal actions");
    check(told.nice == 4 && told.cores == 1, "nice and affinity");
    check(strcmp(told.name, "a spawned proce") == 0, "name");
    check(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "nobody's child");
}

static void endings(void)
{
    struct spawn arguments = spawn_of(template);
    struct ending ending = end_of(start(&arguments, STATUS), NULL);
    check(ending.status == 7 << 8 && !ending.has_answer, "exit");
    ending = end_of(start(&arguments, FAULT), NULL);
    check((ending.status & 0x7f) == SIGSEGV, "fault");
    int pidfd = start(&arguments, SLEEP);
    struct message none = {0};
    check(rg_join(pidfd, &none, &ending, 20000000) == -1 && errno == ETIMEDOUT, "timeout");
    struct pollfd poller = {.fd = pidfd, .events = POLLIN};
    check(poll(&poller, 1, 0) == 0, "poll of one that lives");
    check(syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) == 0, "kill");
    check(poll(&poller, 1, -1) == 1, "poll");
    check(syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == -1 && errno == ESRCH, "gone");
    ending = end_of(pidfd, NULL);
    check(ending.status == SIGKILL, "killed");
}

static void answers(void)
{
    struct spawn arguments = spawn_of(template);
    int pidfd = start(&arguments, LARGE);
    struct ending ending;
    struct message none = {0};
    check(rg_join(pidfd, &none, &ending, FOREVER) == -1 && errno == EMSGSIZE, "no room");
    check(none.range_count == 1 && ending.has_answer == 1, "needed room");
    struct range range;
    struct message answer = {.ranges = (uintptr_t)&range, .range_count = 1};
    ending = end_of(pidfd, &answer);
    check(ending.status == 0 && range.length == HEAP - 100, "range");
    const char *bytes = (const char *)range.address;
    check(bytes[0] == 3 && bytes[HEAP - 101] == 3 && bytes[HEAP - 100] == 0, "its bytes");
    munmap((void *)range.address, HEAP);
    pidfd = start(&arguments, SILENT);
    struct message room = {.bytes = (uintptr_t)&range, .length = sizeof range};
    ending = end_of(pidfd, &room);
    check(ending.has_answer == 1 && room.length == 0, "an empty answer");
}

static void trace(void)
{
    static uint64_t addresses[4096];
    int kept[] = {0, 1, 2, template}, traced;
    int is_maker = rg_freeze(kept, 4, &traced);
    check(is_maker >= 0, "freeze");
    if (!is_maker)
        live();
    struct spawn arguments = spawn_of(traced);
    check(rg_trace_writes(0, addresses, 1) == -1 && errno == EBADF, "trace of no template");
    check(end_of(start(&arguments, SCATTER), NULL).status == 0, "writes without a trace");
    check(rg_trace_writes(traced, NULL, 0) == 0, "what was before is not traced");
    for (int child = 0; child < 2; child++)
        check(end_of(start(&arguments, SCATTER), NULL).status == 0, "traced writes are kept");
    long count = rg_trace_writes(traced, addresses, 4096);
    check(count >= SCATTERED && count <= 4096, "traced writes");
    check(rg_trace_writes(traced, (uint64_t *)8, 1) == -1 && errno == EFAULT, "bad place");
    int found = 0;
    for (long index = 0; index < count; index++) {
        check(index == 0 || addresses[index - 1] < addresses[index], "their order");
        uint64_t offset = addresses[index] - (uintptr_t)heap;
        if (offset < HEAP)
            check(found < SCATTERED && offset == scattered[found++], "a traced address");
    }
    check(found == SCATTERED, "addresses in the heap");
    close(traced);
}

static void clone_self(void)
{
    struct spawn arguments = spawn_of(SELF);
    int pidfd, local = 42;
    memset(heap, 4, HEAP);
    int id = rg_spawn(&arguments, &pidfd);
    check(id >= 0, "spawn self");
    if (id == 0) {
        int is_right = local == 42 && heap_is(4) && getppid() > 1;
        memset(heap, 5, HEAP);
        struct message answer = {.bytes = (uintptr_t)&is_right, .length = sizeof is_right};
        rg_finish(0, &answer);
    }
    int is_right = 0;
    struct message answer = {.bytes = (uintptr_t)&is_right, .length = sizeof is_right};
    struct ending ending = end_of(pidfd, &answer);
    check(ending.status == 0 && is_right && heap_is(4), "a clone of its maker");
}

static void hostile(void)
{
    struct spawn arguments = spawn_of(template);
    int pidfd;
    check(syscall(RG_SPAWN, &arguments, 8, &pidfd) == -1 && errno == EINVAL, "size");
    check(rg_spawn((void *)8, &pidfd) == -1 && errno == EFAULT, "arguments");
    check(rg_spawn(&arguments, (void *)8) == -1 && errno == EFAULT, "place");
    arguments.template = 1;
    check(rg_spawn(&arguments, &pidfd) == -1 && errno == EBADF, "no template");
    arguments = spawn_of(template);
    arguments.nice = 1000;
    check(rg_spawn(&arguments, &pidfd) == -1 && errno == EINVAL, "nice");
    arguments = spawn_of(template);
    cpu_set_t none;
    CPU_ZERO(&none);
    arguments.affinity = (uintptr_t)&none;
    arguments.affinity_size = sizeof none;
    check(rg_spawn(&arguments, &pidfd) == -1 && errno == EINVAL, "affinity");
    arguments = spawn_of(template);
    struct placed placed[] = {{55, 9}};
    arguments.descriptors = (uintptr_t)placed;
    arguments.descriptor_count = 1;
    check(rg_spawn(&arguments, &pidfd) == -1 && errno == EBADF, "descriptor");
    placed[0] = (struct placed){0, -1};
    check(rg_spawn(&arguments, &pidfd) == -1 && errno == EBADF, "its place");
    arguments.descriptor_count = 1UL << 40;
    check(rg_spawn(&arguments, &pidfd) == -1 && errno == EINVAL, "descriptors");
    struct message message = {0};
    check(rg_payload(&message) == -1 && errno == ENODATA, "no payload");
    struct ending ending;
    check(rg_join(0, &message, &ending, 0) == -1 && errno == EBADF, "no process");
}

/* A template of a template's child; and each outlives its maker. */
static void generations(void)
{
    struct spawn arguments = spawn_of(SELF);
    int pidfd, pipes[2];
    memset(heap, 6, HEAP);
    check(pipe(pipes) == 0, "pipe");
    int id = rg_spawn(&arguments, &pidfd);
    check(id >= 0, "spawn");
    if (id == 0) {
        int kept[] = {0, 1, 2}, younger;
        for (int stray = 3; stray < 100; stray++)
            close(stray);
        memset(heap, 7, HEAP / 2);
        int is_maker = rg_freeze(kept, 3, &younger);
        if (is_maker == 0) {
            int is_right = heap[0] == 7 && heap[HEAP - PAGE] == 6;
            memset(heap, 8, HEAP);
            struct message answer = {.bytes = (uintptr_t)&is_right, .length = sizeof is_right};
            rg_finish(0, &answer);
        }
        struct message answer = {.descriptors = (uintptr_t)&younger, .descriptor_count = 1};
        memset(heap, 0, HEAP);
        rg_finish(is_maker == 1 ? 0 : 1, &answer);
    }
    int younger = -1;
    struct message answer = {.descriptors = (uintptr_t)&younger, .descriptor_count = 1};
    struct ending ending = end_of(pidfd, &answer);
    check(ending.status == 0 && answer.descriptor_count == 1, "a template as an answer");
    close(pipes[0]);
    close(pipes[1]);
    for (int life = 0; life < 3; life++) {
        arguments = spawn_of(younger);
        int is_right = 0;
        check(rg_spawn(&arguments, &pidfd) > 0, "spawn from it");
        answer = (struct message){.bytes = (uintptr_t)&is_right, .length = sizeof is_right};
        ending = end_of(pidfd, &answer);
        check(ending.status == 0 && is_right, "its memory");
    }
    close(younger);
}

/* Many, a few at a time, ended in every way: no page is missing afterwards. */
static void lives(int count)
{
    enum { AT_A_TIME = 8 };
    int alive[AT_A_TIME];
    static const enum job jobs[] = {TELL, STATUS, FAULT, SLEEP, LARGE, SILENT};
    for (int slot = 0; slot < AT_A_TIME; slot++)
        alive[slot] = -1;
    unsigned random = 1;
    for (int life = 0; life < count; life++) {
        int slot = life % AT_A_TIME;
        random = random * 1103515245 + 12345;
        if (alive[slot] >= 0) {
            if ((random >> 16) % 2)
                syscall(SYS_pidfd_send_signal, alive[slot], SIGKILL, NULL, 0);
            else
                syscall(SYS_pidfd_send_signal, alive[slot], SIGTERM, NULL, 0);
            if ((random >> 20) % 4) {
                char room[256];
                struct range range;
                struct ending ending;
                struct message answer = {
                    .bytes = (uintptr_t)room, .length = sizeof room, .ranges = (uintptr_t)&range, .range_count = 1};
                check(rg_join(alive[slot], &answer, &ending, FOREVER) == 0, "join");
                if (answer.range_count)
                    munmap((void *)range.address, HEAP);
            }
            close(alive[slot]);
        }
        struct spawn arguments = spawn_of(template);
        alive[slot] = start(&arguments, jobs[(random >> 8) % 6]);
    }
    for (int slot = 0; slot < AT_A_TIME; slot++) {
        if (alive[slot] < 0)
            continue;
        syscall(SYS_pidfd_send_signal, alive[slot], SIGKILL, NULL, 0);
        struct pollfd poller = {.fd = alive[slot], .events = POLLIN};
        poll(&poller, 1, -1);
        close(alive[slot]);
    }
}

/* Bytes of pages and tables that this process may have more, and of heap and stacks that the
 * cores may keep for the next ones. */
enum { MOST_MORE = 16 << 10, MOST_KEPT = 512 << 10 };

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : LIVES;
    heap = mmap(NULL, HEAP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    wiped = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(heap != MAP_FAILED && shared != MAP_FAILED && wiped != MAP_FAILED, "mmap");
    check(madvise(wiped, PAGE, MADV_WIPEONFORK) == 0, "madvise");
    memset(heap, 1, HEAP);
    wiped[0] = 5;
    *shared = 11;
    signal(SIGUSR1, on_signal);
    freeze();
    said("a template is made; what cannot be frozen is refused");
    refuse_threads();
    said("nor is a process with threads");
    tell();
    said("a spawned process has what it should, and nothing else");
    endings();
    said("endings are told");
    answers();
    said("answers arrive whole");
    trace();
    said("what processes of a template write is traced, and written");
    clone_self();
    said("a process clones itself");
    hostile();
    said("wrong arguments are refused");
    generations();
    said("a template outlives its maker, and its maker's template");
    lives(count / 4);
    uint64_t before[MEMORY_WORDS];
    read_memory(before);
    long threads = counter("threads");
    lives(count);
    /* The last ones may still be on their way out; and what each core keeps for itself of the
     * heap and of stacks is not lost. */
    struct used used;
    int look = 0;
    do {
        usleep(10000);
        used = used_since(before);
    } while ((used.of_processes > MOST_MORE || used.heap + used.stacks > MOST_KEPT) &&
             ++look < 200);
    if (look == 200)
        printf("%ld bytes of processes, %ld of the heap, %ld of stacks\n", (long)used.of_processes,
               (long)used.heap, (long)used.stacks);
    check(look < 200, "memory is gone");
    check(counter("threads") == threads, "threads are left");
    said("nothing is left of them");
    return 0;
}
