/* Eats all memory of the machine, in one of several ways, until it is refused or killed: ends
 * with 0 where a call said that there is no more. Its children, if any, stay behind in its
 * process group, to be killed. The names of the ways stand at the end.
 *
 * Arguments: the way; none: prints the names. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "ours.h"

enum { PAGE = 4096, MIB = 1 << 20, SPAN = 2 << 20, LITTLE = 32 << 20 };

/* Far more than a machine of these tests has. */
static const size_t MUCH = 8ull << 30;

/* The end where a call failed as it should at the end of memory. */
static void refused(void)
{
    switch (errno) {
    case ENOMEM: case ENOSPC: case ENFILE: case EAGAIN: case ENOBUFS: case EFAULT:
        _exit(0);
    }
    perror("stress_eat");
    _exit(1);
}

static char *map(size_t size, int flags)
{
    char *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        refused();
    return memory;
}

static void touch(char *memory, size_t size, size_t step)
{
    for (size_t at = 0; at < size; at += step)
        memory[at] = 1;
}

static void stay(void)
{
    for (;;)
        pause();
}

static void pages(void)
{
    touch(map(MUCH, MAP_PRIVATE), MUCH, PAGE);
}

/* A table for each page. */
static void tables(void)
{
    touch(map(MUCH * 16, MAP_PRIVATE), MUCH * 16, SPAN);
}

static void shared_pages(void)
{
    touch(map(MUCH, MAP_SHARED), MUCH, PAGE);
}

/* The kernel itself writes into the pages. */
static void reading(void)
{
    char *memory = map(MUCH, MAP_PRIVATE);
    int zero = open("/dev/zero", O_RDONLY);
    for (size_t at = 0; at < MUCH; at += MIB)
        if (read(zero, memory + at, MIB) < 0)
            refused();
}

/* Four of them at once. */
static void crowd(void)
{
    for (int child = 0; child < 3; child++)
        if (fork() == 0)
            break;
    pages();
}

/* Processes take their time: a child takes all but a little first, and stays. */
static void leave_little(void)
{
    uint64_t words[MEMORY_WORDS];
    int ends[2];
    char byte;
    if (pipe(ends))
        refused();
    pid_t child = fork();
    if (child < 0)
        refused();
    if (child == 0) {
        for (read_memory(words); words[FREE] > LITTLE; read_memory(words))
            touch(map(MIB, MAP_PRIVATE), MIB, PAGE);
        (void)!write(ends[1], "r", 1);
        stay();
    }
    (void)!read(ends[0], &byte, 1);
    close(ends[0]);
    close(ends[1]);
}

static void bomb(void)
{
    leave_little();
    pid_t first = getpid();
    for (;;) {
        if (fork() < 0) {
            if (getpid() == first)
                refused();
            stay();
        }
        touch(map(16 * PAGE, MAP_PRIVATE), 16 * PAGE, PAGE);
    }
}

static void spawns(void)
{
    struct spawn arguments = spawn_of(SELF);
    int pidfd;
    leave_little();
    for (;;) {
        int id = rg_spawn(&arguments, &pidfd);
        if (id < 0)
            refused();
        if (id == 0) {
            touch(map(16 * PAGE, MAP_PRIVATE), 16 * PAGE, PAGE);
            stay();
        }
    }
}

static void *stay_as_thread(void *unused)
{
    (void)unused;
    stay();
    return NULL;
}

static void threads(void)
{
    for (;;) {
        pthread_t thread;
        errno = pthread_create(&thread, NULL, stay_as_thread, NULL);
        if (errno)
            refused();
    }
}

static void pipes(void)
{
    static char bytes[60000];
    for (;;) {
        int ends[2];
        if (pipe2(ends, O_NONBLOCK) || write(ends[1], bytes, sizeof bytes) < 0)
            refused();
    }
}

static void sockets(void)
{
    static char bytes[60000];
    for (;;) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) ||
            write(ends[0], bytes, sizeof bytes) < 0)
            refused();
    }
}

static void messages(void)
{
    static char bytes[MIB];
    int end = channel(1 << 16, 0);
    for (;;)
        if (end < 0 || send_bytes(end, bytes, sizeof bytes, 0))
            refused();
}

/* Memory that no process has any more, but a message. */
static void ranges(void)
{
    int end = channel(1 << 16, 0);
    for (;;) {
        char *memory = map(SPAN, MAP_PRIVATE);
        touch(memory, SPAN, PAGE);
        if (end < 0 || send_range(end, memory, SPAN))
            refused();
        munmap(memory, SPAN);
    }
}

static void file(void)
{
    static char bytes[MIB];
    int file = open("/tmp/eaten", O_RDWR | O_CREAT, 0600);
    unlink("/tmp/eaten");
    for (;;)
        if (write(file, bytes, sizeof bytes) < 0)
            refused();
}

static const struct way {
    const char *name;
    void (*eat)(void);
} WAYS[] = {
    {"pages", pages},       {"tables", tables},     {"shared_pages", shared_pages},
    {"reading", reading},   {"crowd", crowd},       {"bomb", bomb},
    {"spawns", spawns},     {"threads", threads},   {"pipes", pipes},
    {"sockets", sockets},   {"messages", messages}, {"ranges", ranges},
    {"file", file},
};

int main(int argc, char **argv)
{
    struct rlimit many = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_NOFILE, &many);
    for (size_t way = 0; way < sizeof WAYS / sizeof *WAYS; way++) {
        if (argc < 2)
            said(WAYS[way].name);
        else if (strcmp(argv[1], WAYS[way].name) == 0)
            WAYS[way].eat();
    }
    return argc < 2 ? 0 : 2;
}
