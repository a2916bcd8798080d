/* Channels: what is sent arrives once, in order, as it was; whoever waits is told; the end
 * is seen on all sides; nothing is left behind.
 *
 *   channels [SECTION]     all sections, or one
 *
 * Prints a line for each section, and ends with 0 where all is well. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "roentgen.h"
#include "names.h"

enum { PAGE = 4096, SPAN = 2 << 20 };

static int wrong;

#define CHECK(condition) check(condition, #condition, __LINE__)
/* The call fails with this error. */
#define FAILS(call, error) fails((call), #call, error, __LINE__)

static void check(int is_well, const char *what, int line)
{
    if (!is_well) {
        printf("  line %d: %s\n", line, what);
        wrong++;
    }
}

static void fails(long answer, const char *what, int error, int line)
{
    if (answer != -1 || errno != error) {
        printf("  line %d: %s: %s\n", line, what, answer == -1 ? errno_name(errno) : "done");
        wrong++;
    }
}

/* In a child: what is wrong is told by how it ends. */
static void done(void)
{
    fflush(stdout);
    _exit(wrong != 0);
}

static int reaped(pid_t child)
{
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static int events(int end, int asked)
{
    struct pollfd pollfd = {.fd = end, .events = (short)asked};
    return poll(&pollfd, 1, 0) == 1 ? pollfd.revents : 0;
}

static int is_readable(int end)
{
    return (events(end, POLLIN) & POLLIN) != 0;
}

static void *mapped(size_t size)
{
    void *memory = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        exit(3);
    return memory;
}

/* As `mapped`, at a multiple of 2 MiB, or a page behind one. */
static char *placed(size_t size, int is_aligned)
{
    uintptr_t start = (uintptr_t)mapped(size + 2 * SPAN);
    uintptr_t at = (start + SPAN - 1) / SPAN * SPAN + (is_aligned ? 0 : PAGE);
    munmap((void *)start, at - start);
    munmap((void *)(at + size), start + 2 * SPAN - at);
    return (char *)at;
}

/* The kernel's own numbers: see `MemoryInfo` in python/abi. */
static uint64_t memory_in_use(void)
{
    uint64_t words[7];
    if (syscall(RG_MEMORY, words, sizeof words))
        exit(3);
    /* Page tables, pages, kernel stacks; the heap keeps what it once had. */
    return words[2] + words[3] + words[5];
}

/* Whether the machine uses no more than that; what was just given up may take a moment. */
static int is_back_to(uint64_t before)
{
    for (int tries = 0; tries < 400; tries++) {
        if (memory_in_use() <= before)
            return 1;
        usleep(5000);
    }
    printf("  %lld bytes are not given back\n", (long long)(memory_in_use() - before));
    return 0;
}

static uint64_t counter(const char *name)
{
    static char text[1 << 16];
    syscall(RG_COUNTERS, text, sizeof text - 1);
    size_t length = strlen(name);
    for (char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, name, length) && line[length] == ' ')
            return strtoull(line + length, 0, 10);
    }
    return 0;
}

static int open_descriptors(void)
{
    int count = 0;
    for (int descriptor = 0; descriptor < 1024; descriptor++)
        count += fcntl(descriptor, F_GETFD) >= 0;
    return count;
}

/* ---- bytes of all sizes, in order */

static void test_bytes(void)
{
    static const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 65537, MOST_BYTES};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    static unsigned char out[MOST_BYTES], in[MOST_BYTES];
    int end = channel(COUNT, O_CLOEXEC);
    CHECK(end >= 0);
    CHECK((fcntl(end, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((fcntl(end, F_GETFL) & O_ACCMODE) == O_RDWR);
    for (int i = 0; i < COUNT; i++) {
        memset(out, i + 1, sizes[i]);
        CHECK(send_bytes(end, out, sizes[i], FOREVER) == 0);
    }
    for (int i = 0; i < COUNT; i++) {
        memset(in, 0, sizeof in);
        memset(out, i + 1, sizes[i]);
        CHECK(receive_bytes(end, in, sizeof in, FOREVER) == (long)sizes[i]);
        CHECK(memcmp(in, out, sizes[i]) == 0);
        CHECK(sizes[i] == sizeof in || in[sizes[i]] == 0);
    }
    close(end);
}

/* ---- wrong arguments */

static void test_errors(void)
{
    static char byte;
    static struct range ranges[MOST_RANGES + 1];
    static int descriptors[MOST_DESCRIPTORS + 1];
    int pipes[2], end = channel(4, 0), sends = channel_end(end, O_WRONLY | O_CLOEXEC);
    int receives = channel_end(end, O_RDONLY);
    int before = open_descriptors();
    CHECK(pipe(pipes) == 0);
    CHECK((fcntl(sends, F_GETFL) & O_ACCMODE) == O_WRONLY);
    CHECK((fcntl(receives, F_GETFL) & O_ACCMODE) == O_RDONLY);
    CHECK(fcntl(sends, F_GETFD) == FD_CLOEXEC && fcntl(receives, F_GETFD) == 0);

    FAILS(channel(0, 0), EINVAL);
    FAILS(channel((1 << 16) + 1, 0), EINVAL);
    FAILS(channel(SIZE_MAX, 0), EINVAL);
    FAILS(channel(1, O_APPEND), EINVAL);
    FAILS(channel(1, 1), EINVAL);
    FAILS(channel_end(-1, O_RDWR), EBADF);
    FAILS(channel_end(pipes[0], O_RDONLY), EBADF);
    FAILS(channel_end(end, 3), EINVAL);
    FAILS(channel_end(end, O_RDWR | O_TRUNC), EINVAL);
    FAILS(channel_end(sends, O_RDWR), EACCES);
    FAILS(channel_end(sends, O_RDONLY), EACCES);
    FAILS(channel_end(receives, O_WRONLY), EACCES);
    FAILS(channel_close(receives), EBADF);
    FAILS(channel_close(pipes[1]), EBADF);
    FAILS(channel_close(-1), EBADF);
    FAILS(send_bytes(-1, &byte, 1, FOREVER), EBADF);
    FAILS(send_bytes(pipes[1], &byte, 1, FOREVER), EBADF);
    FAILS(send_bytes(receives, &byte, 1, FOREVER), EBADF);
    FAILS(receive_bytes(sends, &byte, 1, FOREVER), EBADF);
    FAILS(receive_bytes(pipes[0], &byte, 1, FOREVER), EBADF);
    FAILS(read(end, &byte, 1), EINVAL);
    FAILS(write(end, &byte, 1), EINVAL);
    FAILS(lseek(end, 0, SEEK_SET), ESPIPE);

    static const uintptr_t bad[] = {0, 8, 0x7ffffffff000, 0x800000000000, 0xffff800000000000,
                                    (uintptr_t)-8};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct message message = {.bytes = bad[i], .length = 16};
        FAILS(send_message(end, (void *)bad[i], FOREVER), EFAULT);
        FAILS(receive_message(end, (void *)bad[i], FOREVER), EFAULT);
        FAILS(send_message(end, &message, FOREVER), EFAULT);
        message = (struct message){.ranges = bad[i], .range_count = 2};
        FAILS(send_message(end, &message, FOREVER), EFAULT);
        message = (struct message){.descriptors = bad[i], .descriptor_count = 2};
        FAILS(send_message(end, &message, FOREVER), EFAULT);
    }
    for (uint64_t beyond = 1; beyond; beyond <<= 9) {
        struct message message = {.bytes = (uintptr_t)&byte, .length = MOST_BYTES + beyond};
        FAILS(send_message(end, &message, FOREVER), EMSGSIZE);
        message = (struct message){.ranges = (uintptr_t)ranges,
                                   .range_count = MOST_RANGES + beyond};
        FAILS(send_message(end, &message, FOREVER), EMSGSIZE);
        message = (struct message){.descriptors = (uintptr_t)descriptors,
                                   .descriptor_count = MOST_DESCRIPTORS + beyond};
        FAILS(send_message(end, &message, FOREVER), EMSGSIZE);
    }
    int wrong_one[] = {pipes[0], 999};
    FAILS(send_descriptors(end, wrong_one, 2), EBADF);

    char *memory = placed(3 * SPAN, 1);
    FAILS(send_range(end, memory + 1, LEAST_RANGE), EINVAL);
    FAILS(send_range(end, memory, LEAST_RANGE - 1), EINVAL);
    FAILS(send_range(end, memory, 0), EINVAL);
    FAILS(send_range(end, memory + SPAN, 2 * SPAN + 1), EFAULT);
    FAILS(send_range(end, 0, LEAST_RANGE), EFAULT);
    FAILS(send_range(end, (void *)0x7fffffe00000, 2 * SPAN), EFAULT);
    FAILS(send_range(end, (void *)0xffff800000000000, LEAST_RANGE), EFAULT);
    FAILS(send_range(end, (void *)-(intptr_t)SPAN, LEAST_RANGE), EFAULT);
    CHECK(send_range(end, memory, SIZE_MAX / 2) == -1);
    CHECK(send_range(end, memory, SIZE_MAX) == -1);
    mprotect(memory + SPAN, PAGE, PROT_NONE);
    FAILS(send_range(end, memory, 2 * SPAN), EFAULT);
    munmap(memory + SPAN, PAGE);
    FAILS(send_range(end, memory, 2 * SPAN), EFAULT);
    munmap(memory, 3 * SPAN);

    CHECK(!is_readable(end));
    FAILS(receive_bytes(end, &byte, 1, 0), ETIMEDOUT);
    close(pipes[0]);
    close(pipes[1]);
    CHECK(open_descriptors() == before);
    struct stat stat;
    CHECK(fstat(end, &stat) == 0);
    char link[64] = "";
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", end);
    CHECK(readlink(path, link, sizeof link - 1) > 0 && !strcmp(link, "anon_inode:[channel]"));
    CHECK(open(path, O_RDWR) == -1);
    close(end);
    close(sends);
    close(receives);
}

/* ---- as many as fit, and time */

static void test_capacity(void)
{
    char byte = 'a';
    int end = channel(3, O_NONBLOCK);
    FAILS(receive_bytes(end, &byte, 1, FOREVER), EAGAIN);
    CHECK(events(end, POLLIN | POLLOUT) == POLLOUT);
    for (int round = 0; round < 3; round++) {
        for (int sent = 0; sent < 3; sent++)
            CHECK(send_bytes(end, &byte, 1, FOREVER) == 0);
        FAILS(send_bytes(end, &byte, 1, FOREVER), EAGAIN);
        CHECK(events(end, POLLIN | POLLOUT) == POLLIN);
        CHECK(receive_bytes(end, &byte, 1, FOREVER) == 1);
        CHECK(events(end, POLLIN | POLLOUT) == (POLLIN | POLLOUT));
        CHECK(send_bytes(end, &byte, 1, FOREVER) == 0);
        for (int received = 0; received < 3; received++)
            CHECK(receive_bytes(end, &byte, 1, FOREVER) == 1);
        CHECK(events(end, POLLIN | POLLOUT) == POLLOUT);
    }
    fcntl(end, F_SETFL, 0);
    for (int sent = 0; sent < 3; sent++)
        CHECK(send_bytes(end, &byte, 1, 0) == 0);
    uint64_t begin = now();
    FAILS(send_bytes(end, &byte, 1, MILLISECONDS(30)), ETIMEDOUT);
    CHECK(now() - begin >= MILLISECONDS(30));
    FAILS(send_bytes(end, &byte, 1, 0), ETIMEDOUT);
    for (int received = 0; received < 3; received++)
        CHECK(receive_bytes(end, &byte, 1, 0) == 1);
    begin = now();
    FAILS(receive_bytes(end, &byte, 1, MILLISECONDS(30)), ETIMEDOUT);
    CHECK(now() - begin >= MILLISECONDS(30));
    FAILS(receive_bytes(end, &byte, 1, 0), ETIMEDOUT);
    close(end);

    /* The largest there is, filled and emptied. */
    end = channel(1 << 16, O_NONBLOCK);
    long sent = 0, received = 0, number;
    while (send_bytes(end, &sent, sizeof sent, 0) == 0)
        sent++;
    CHECK(errno == EAGAIN && sent == 1 << 16);
    while (receive_bytes(end, &number, sizeof number, 0) == sizeof number)
        CHECK(number == received++);
    CHECK(errno == EAGAIN && received == sent);
    close(end);
}

/* ---- a receiver with too little room */

static void test_room(void)
{
    static char bytes[100];
    struct range range[2] = {{0}};
    int descriptors[2] = {0, 1};
    int end = channel(1, 0), before = open_descriptors();
    char *memory = placed(LEAST_RANGE, 1);
    memset(memory, 'm', LEAST_RANGE);
    memset(bytes, 'b', sizeof bytes);
    struct range sent_range = {(uintptr_t)memory, LEAST_RANGE};
    struct message sent = {(uintptr_t)bytes, 100, (uintptr_t)&sent_range, 1,
                           (uintptr_t)descriptors, 2};
    CHECK(send_message(end, &sent, FOREVER) == 0);
    memset(bytes, 0, sizeof bytes);
    static const uint64_t rooms[][3] = {{0, 0, 0}, {99, 1, 2}, {100, 0, 2}, {100, 1, 1}};
    for (int i = 0; i < 4; i++) {
        struct message message = {(uintptr_t)bytes, rooms[i][0], (uintptr_t)range, rooms[i][1],
                                  (uintptr_t)descriptors, rooms[i][2]};
        FAILS(receive_message(end, &message, FOREVER), EMSGSIZE);
        CHECK(message.length == 100 && message.range_count == 1);
        CHECK(message.descriptor_count == 2 && message.bytes == (uintptr_t)bytes);
        CHECK(open_descriptors() == before && bytes[0] == 0);
    }
    /* A bad pointer in any place: it is still inside, and nothing is left of it here. */
    uint64_t in_use = memory_in_use();
    void *hole = mapped(PAGE);
    munmap(hole, PAGE);
    for (int i = 0; i < 3; i++) {
        struct message message = {(uintptr_t)(i == 0 ? hole : bytes), 100,
                                  (uintptr_t)(i == 1 ? hole : range), 2,
                                  (uintptr_t)(i == 2 ? hole : descriptors), 2};
        FAILS(receive_message(end, &message, FOREVER), EFAULT);
        CHECK(open_descriptors() == before);
    }
    /* Room that can be read, and not written. */
    struct message *fixed = mapped(PAGE);
    *fixed = (struct message){(uintptr_t)bytes, 100, (uintptr_t)range, 1,
                              (uintptr_t)descriptors, 2};
    mprotect(fixed, PAGE, PROT_READ);
    FAILS(receive_message(end, fixed, FOREVER), EFAULT);
    munmap(fixed, PAGE);
    CHECK(open_descriptors() == before);
    CHECK(memory_in_use() <= in_use + 4 * PAGE);
    /* A descriptor is free, and no two; no address is left. */
    struct rlimit all, few, space, little;
    getrlimit(RLIMIT_NOFILE, &all);
    few = all;
    few.rlim_cur = (rlim_t)before + 1;
    setrlimit(RLIMIT_NOFILE, &few);
    struct message message = {(uintptr_t)bytes, 100, (uintptr_t)range, 1,
                              (uintptr_t)descriptors, 2};
    FAILS(receive_message(end, &message, FOREVER), EMFILE);
    setrlimit(RLIMIT_NOFILE, &all);
    CHECK(open_descriptors() == before);
    getrlimit(RLIMIT_AS, &space);
    little = space;
    little.rlim_cur = LEAST_RANGE / 2;
    setrlimit(RLIMIT_AS, &little);
    FAILS(receive_message(end, &message, FOREVER), ENOMEM);
    setrlimit(RLIMIT_AS, &space);
    CHECK(open_descriptors() == before);

    message = (struct message){(uintptr_t)bytes, 100, (uintptr_t)range, 2,
                               (uintptr_t)descriptors, 2};
    CHECK(receive_message(end, &message, FOREVER) == 0);
    CHECK(message.length == 100 && message.range_count == 1 && message.descriptor_count == 2);
    CHECK(bytes[0] == 'b' && bytes[99] == 'b');
    CHECK(range[0].length == LEAST_RANGE && ((char *)range[0].address)[LEAST_RANGE - 1] == 'm');
    CHECK(fcntl(descriptors[0], F_GETFD) == FD_CLOEXEC);
    munmap((void *)range[0].address, LEAST_RANGE);
    munmap(memory, LEAST_RANGE);
    close(descriptors[0]);
    close(descriptors[1]);
    close(end);
}

/* ---- the end of it */

static void *close_soon(void *end)
{
    usleep(20000);
    channel_close(*(int *)end);
    return 0;
}

static void *drop_soon(void *end)
{
    usleep(20000);
    close(*(int *)end);
    return 0;
}

static void test_closing(void)
{
    char byte = 'c';
    pthread_t thread;
    int end = channel(2, 0);
    CHECK(send_bytes(end, &byte, 1, FOREVER) == 0);
    CHECK(channel_close(end) == 0 && channel_close(end) == 0);
    FAILS(send_bytes(end, &byte, 1, FOREVER), EPIPE);
    CHECK(events(end, POLLIN) == POLLIN);
    CHECK(receive_bytes(end, &byte, 1, FOREVER) == 1);
    FAILS(receive_bytes(end, &byte, 1, FOREVER), EPIPE);
    CHECK((events(end, POLLIN | POLLOUT) & (POLLIN | POLLOUT | POLLHUP)) ==
          (POLLIN | POLLOUT | POLLHUP));
    close(end);

    /* Who waits is told: for a message, for room. */
    for (int is_full = 0; is_full < 2; is_full++) {
        end = channel(1, 0);
        if (is_full)
            CHECK(send_bytes(end, &byte, 1, FOREVER) == 0);
        pthread_create(&thread, 0, close_soon, &end);
        if (is_full)
            FAILS(send_bytes(end, &byte, 1, FOREVER), EPIPE);
        else
            FAILS(receive_bytes(end, &byte, 1, FOREVER), EPIPE);
        pthread_join(thread, 0);
        close(end);
    }
}

static void test_peers(void)
{
    char byte = 'p';
    pthread_t thread;
    /* An end that never had a peer waits for one. */
    int end = channel(1, 0);
    FAILS(receive_bytes(end, &byte, 1, MILLISECONDS(10)), ETIMEDOUT);
    CHECK(send_bytes(end, &byte, 1, FOREVER) == 0);
    FAILS(send_bytes(end, &byte, 1, MILLISECONDS(10)), ETIMEDOUT);
    CHECK(receive_bytes(end, &byte, 1, FOREVER) == 1);
    /* One that had does not. */
    int peer = channel_end(end, O_RDWR);
    CHECK(send_bytes(peer, &byte, 1, FOREVER) == 0);
    close(peer);
    FAILS(send_bytes(end, &byte, 1, FOREVER), ECONNRESET);
    CHECK(receive_bytes(end, &byte, 1, FOREVER) == 1);
    FAILS(receive_bytes(end, &byte, 1, FOREVER), ECONNRESET);
    CHECK((events(end, POLLIN | POLLOUT) & (POLLIN | POLLOUT)) == (POLLIN | POLLOUT));
    /* A new one comes. */
    peer = channel_end(end, O_WRONLY);
    CHECK(events(end, POLLIN) == 0);
    FAILS(receive_bytes(end, &byte, 1, MILLISECONDS(10)), ETIMEDOUT);
    CHECK(send_bytes(peer, &byte, 1, FOREVER) == 0);
    close(end);
    /* Nobody can receive: what was inside is gone. */
    FAILS(send_bytes(peer, &byte, 1, FOREVER), ECONNRESET);
    CHECK((events(peer, POLLOUT) & (POLLOUT | POLLERR)) == (POLLOUT | POLLERR));
    close(peer);

    /* A copy of a descriptor is no further end. */
    end = channel(1, 0);
    peer = channel_end(end, O_RDONLY);
    int copy = dup(peer);
    close(peer);
    CHECK(send_bytes(end, &byte, 1, FOREVER) == 0);
    CHECK(receive_bytes(copy, &byte, 1, FOREVER) == 1);
    close(copy);
    FAILS(send_bytes(end, &byte, 1, FOREVER), ECONNRESET);
    close(end);

    /* Who waits is told that the last one went. */
    for (int is_full = 0; is_full < 2; is_full++) {
        end = channel(1, 0);
        peer = channel_end(end, O_RDWR);
        if (is_full)
            CHECK(send_bytes(end, &byte, 1, FOREVER) == 0);
        pthread_create(&thread, 0, drop_soon, &peer);
        if (is_full)
            FAILS(send_bytes(end, &byte, 1, FOREVER), ECONNRESET);
        else
            FAILS(receive_bytes(end, &byte, 1, FOREVER), ECONNRESET);
        pthread_join(thread, 0);
        close(end);
    }
}

/* Gives `child` what it needs by a message, and answers with its process. */
static pid_t child_with(int end_for_child, void (*body)(int))
{
    int way = channel(1, 0);
    pid_t child = fork();
    if (child == 0) {
        int own;
        struct message message = {.descriptors = (uintptr_t)&own, .descriptor_count = 1};
        close(end_for_child);
        CHECK(receive_message(way, &message, FOREVER) == 0);
        /* What was inherited counts as the parent's: it must not stay open here. */
        for (int descriptor = 3; descriptor < 256; descriptor++)
            if (descriptor != own)
                close(descriptor);
        body(own);
        done();
    }
    CHECK(send_descriptors(way, &end_for_child, 1) == 0);
    close(end_for_child);
    close(way);
    return child;
}

static void wait_for_ever(int end)
{
    char byte;
    receive_bytes(end, &byte, 1, FOREVER);
}

static void say_and_go(int end)
{
    CHECK(send_bytes(end, "!", 1, FOREVER) == 0);
}

static void fill_for_ever(int end)
{
    while (send_bytes(end, "?", 1, FOREVER) == 0)
        ;
}

static void test_dead_processes(void)
{
    char byte;
    uint64_t before = 0;
    for (int round = 0; round < 3; round++) {
        int end = channel(1, 0);
        pid_t child = child_with(channel_end(end, O_RDWR), say_and_go);
        CHECK(receive_bytes(end, &byte, 1, FOREVER) == 1 && byte == '!');
        FAILS(receive_bytes(end, &byte, 1, FOREVER), ECONNRESET);
        CHECK(reaped(child) == 0);
        close(end);

        end = channel(1, 0);
        child = child_with(channel_end(end, O_RDWR), wait_for_ever);
        usleep(10000);
        kill(child, SIGKILL);
        FAILS(receive_bytes(end, &byte, 1, FOREVER), ECONNRESET);
        CHECK(WIFSIGNALED(reaped(child)));
        FAILS(send_bytes(end, &byte, 1, FOREVER), ECONNRESET);
        close(end);

        end = channel(1, 0);
        child = child_with(channel_end(end, O_WRONLY), fill_for_ever);
        for (int received = 0; received < 100; received++)
            CHECK(receive_bytes(end, &byte, 1, FOREVER) == 1);
        kill(child, SIGKILL);
        while (receive_bytes(end, &byte, 1, FOREVER) == 1)
            ;
        CHECK(errno == ECONNRESET);
        reaped(child);
        close(end);

        /* It dies with ours: the sender that waits for room learns of it. */
        end = channel(1, 0);
        child = child_with(channel_end(end, O_WRONLY), fill_for_ever);
        CHECK(receive_bytes(end, &byte, 1, FOREVER) == 1);
        close(end);
        CHECK(reaped(child) == 0);
        if (round == 0)
            before = memory_in_use();
    }
    CHECK(is_back_to(before));
}

/* ---- signals */

static void note(int number)
{
    (void)number;
}

static void test_signals(void)
{
    char byte = 's';
    struct sigaction action = {.sa_handler = note};
    sigaction(SIGUSR1, &action, 0);
    int end = channel(1, 0);
    for (int is_sending = 0; is_sending < 2; is_sending++) {
        pid_t parent = getpid(), child = fork();
        if (child == 0) {
            for (int sent = 0; sent < 40; sent++) {
                usleep(10000);
                kill(parent, SIGUSR1);
            }
            _exit(0);
        }
        if (is_sending) {
            CHECK(send_bytes(end, &byte, 1, FOREVER) == 0);
            FAILS(send_bytes(end, &byte, 1, FOREVER), EINTR);
        } else {
            FAILS(receive_bytes(end, &byte, 1, FOREVER), EINTR);
            FAILS(receive_bytes(end, &byte, 1, MILLISECONDS(5000)), EINTR);
        }
        kill(child, SIGKILL);
        reaped(child);
    }
    CHECK(receive_bytes(end, &byte, 1, FOREVER) == 1);
    close(end);
}

/* ---- poll and epoll */

static void *send_soon(void *end)
{
    usleep(20000);
    send_bytes(*(int *)end, "e", 1, FOREVER);
    return 0;
}

static void *receive_soon(void *end)
{
    char byte;
    usleep(20000);
    receive_bytes(*(int *)end, &byte, 1, FOREVER);
    return 0;
}

static void test_polling(void)
{
    char byte;
    pthread_t thread;
    int ends[3], set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN}, found[4];
    for (int i = 0; i < 3; i++) {
        ends[i] = channel(1, 0);
        event.data.u32 = (uint32_t)i;
        CHECK(epoll_ctl(set, EPOLL_CTL_ADD, ends[i], &event) == 0);
    }
    CHECK(epoll_wait(set, found, 4, 0) == 0);
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread, 0, send_soon, &ends[i]);
        CHECK(epoll_wait(set, found, 4, 10000) == 1 && found[0].data.u32 == (uint32_t)i);
        CHECK(found[0].events == EPOLLIN);
        pthread_join(thread, 0);
        /* A thread that waits is told beside those that poll. */
        CHECK(receive_bytes(ends[i], &byte, 1, FOREVER) == 1);
    }
    CHECK(epoll_wait(set, found, 4, 0) == 0);
    /* At each message, for who asks for edges. */
    event = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.u32 = 7};
    int edge = channel(4, 0);
    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, edge, &event) == 0);
    for (int sent = 0; sent < 3; sent++) {
        CHECK(send_bytes(edge, "e", 1, FOREVER) == 0);
        CHECK(epoll_wait(set, found, 4, 1000) == 1 && found[0].data.u32 == 7);
        CHECK(epoll_wait(set, found, 4, 0) == 0);
    }
    close(edge);
    /* Room. */
    struct pollfd pollfd = {.fd = ends[0], .events = POLLOUT};
    CHECK(send_bytes(ends[0], "e", 1, FOREVER) == 0);
    CHECK(poll(&pollfd, 1, 0) == 0);
    pthread_create(&thread, 0, receive_soon, &ends[0]);
    CHECK(poll(&pollfd, 1, 10000) == 1 && pollfd.revents == POLLOUT);
    pthread_join(thread, 0);
    /* The end of it. */
    int peer = channel_end(ends[1], O_RDWR);
    pthread_create(&thread, 0, drop_soon, &peer);
    CHECK(epoll_wait(set, found, 4, 10000) == 1 && found[0].data.u32 == 1);
    CHECK((found[0].events & EPOLLHUP) != 0);
    pthread_join(thread, 0);
    for (int i = 0; i < 3; i++)
        close(ends[i]);
    close(set);
}

/* ---- descriptors in messages */

static int received_descriptor(int end)
{
    int descriptor = -1;
    struct message message = {.descriptors = (uintptr_t)&descriptor, .descriptor_count = 1};
    CHECK(receive_message(end, &message, FOREVER) == 0 && message.descriptor_count == 1);
    return descriptor;
}

static void test_descriptors(void)
{
    char byte;
    int before = open_descriptors();
    int end = channel(2, 0), pipes[2];
    CHECK(pipe(pipes) == 0);
    /* A pipe's writing end lives as long as the message does. */
    CHECK(send_descriptors(end, &pipes[1], 1) == 0);
    close(pipes[1]);
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    FAILS(read(pipes[0], &byte, 1), EAGAIN);
    int writing = received_descriptor(end);
    CHECK(fcntl(writing, F_GETFD) == FD_CLOEXEC);
    CHECK(write(writing, "w", 1) == 1 && read(pipes[0], &byte, 1) == 1 && byte == 'w');
    CHECK(send_descriptors(end, &writing, 1) == 0);
    close(writing);
    FAILS(read(pipes[0], &byte, 1), EAGAIN);
    close(end);
    CHECK(read(pipes[0], &byte, 1) == 0);
    close(pipes[0]);

    /* A channel's end arrives as a further end, which counts on its way. */
    end = channel(2, 0);
    int other = channel(1, 0), sends = channel_end(other, O_WRONLY | O_NONBLOCK);
    CHECK(send_descriptors(end, &sends, 1) == 0);
    close(sends);
    FAILS(receive_bytes(other, &byte, 1, MILLISECONDS(5)), ETIMEDOUT);
    sends = received_descriptor(end);
    CHECK((fcntl(sends, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == (O_WRONLY | O_NONBLOCK));
    CHECK(send_bytes(sends, "x", 1, FOREVER) == 0);
    FAILS(send_bytes(sends, "x", 1, FOREVER), EAGAIN);
    FAILS(receive_bytes(sends, &byte, 1, FOREVER), EBADF);
    close(sends);
    CHECK(receive_bytes(other, &byte, 1, FOREVER) == 1);
    FAILS(receive_bytes(other, &byte, 1, FOREVER), ECONNRESET);
    close(other);

    /* One that was never sent never was. */
    other = channel(1, 0);
    CHECK(channel_close(end) == 0);
    FAILS(send_descriptors(end, &other, 1), EPIPE);
    FAILS(receive_bytes(other, &byte, 1, MILLISECONDS(5)), ETIMEDOUT);
    close(end);

    /* One in a message that nobody takes is gone with it. */
    end = channel(1, 0);
    CHECK(send_descriptors(end, &other, 1) == 0);
    FAILS(receive_bytes(other, &byte, 1, MILLISECONDS(5)), ETIMEDOUT);
    close(end);
    FAILS(receive_bytes(other, &byte, 1, FOREVER), ECONNRESET);
    close(other);

    /* As many as a message can hold. */
    end = channel(1, 0);
    int many[MOST_DESCRIPTORS];
    for (int i = 0; i < MOST_DESCRIPTORS; i++)
        many[i] = 1;
    CHECK(send_descriptors(end, many, MOST_DESCRIPTORS) == 0);
    struct message message = {.descriptors = (uintptr_t)many,
                              .descriptor_count = MOST_DESCRIPTORS};
    CHECK(receive_message(end, &message, FOREVER) == 0);
    CHECK(message.descriptor_count == MOST_DESCRIPTORS);
    for (int i = 0; i < MOST_DESCRIPTORS; i++)
        close(many[i]);
    close(end);
    CHECK(open_descriptors() == before);
}

static void test_circles(void)
{
    char byte;
    int a = channel(4, 0), b = channel(4, 0), c = channel(4, 0);
    FAILS(send_descriptors(a, &a, 1), ELOOP);
    int sends = channel_end(a, O_WRONLY);
    FAILS(send_descriptors(a, &sends, 1), ELOOP);
    close(sends);
    /* It made no peer. */
    FAILS(receive_bytes(b, &byte, 1, MILLISECONDS(5)), ETIMEDOUT);
    CHECK(send_descriptors(a, &b, 1) == 0);
    FAILS(send_descriptors(b, &a, 1), ELOOP);
    CHECK(send_descriptors(b, &c, 1) == 0);
    FAILS(send_descriptors(c, &a, 1), ELOOP);
    int both[] = {1, a};
    FAILS(send_descriptors(c, both, 2), ELOOP);
    FAILS(send_descriptors(c, &b, 1), ELOOP);
    /* Twice the same is no circle. */
    CHECK(send_descriptors(a, &c, 1) == 0);
    CHECK(send_descriptors(a, &b, 1) == 0);
    /* It opens when the message is taken. */
    close(received_descriptor(a));
    close(received_descriptor(a));
    close(received_descriptor(a));
    CHECK(send_descriptors(c, &a, 1) == 0);
    FAILS(send_descriptors(a, &b, 1), ELOOP);
    close(a);
    close(b);
    close(c);

    /* However deep they lie, and wherever one is left: nothing stays. */
    uint64_t before = 0;
    for (int round = 0; round < 3; round++) {
        int head = channel(1, 0), last = head;
        for (int depth = 0; depth < 2000; depth++) {
            int next = channel(1, 0);
            CHECK(send_descriptors(last, &next, 1) == 0);
            if (last != head)
                close(last);
            last = next;
        }
        FAILS(send_descriptors(last, &head, 1), ELOOP);
        char *memory = placed(SPAN, round & 1);
        memset(memory, 1, SPAN);
        CHECK(send_range(last, memory, SPAN) == 0);
        munmap(memory, SPAN);
        close(last);
        close(head);
        if (round == 0)
            before = memory_in_use();
    }
    CHECK(is_back_to(before));
}

/* ---- ranges */

static uint64_t value(size_t at, uint64_t seed)
{
    return seed ^ at * 0x9e3779b97f4a7c15;
}

static void pattern(char *memory, size_t size, uint64_t seed)
{
    for (size_t at = 0; at + 8 <= size; at += 512)
        *(uint64_t *)(memory + at) = value(at, seed);
}

static size_t differing(const char *memory, size_t size, uint64_t seed)
{
    size_t count = 0;
    for (size_t at = 0; at + 8 <= size; at += 512)
        count += *(const uint64_t *)(memory + at) != value(at, seed);
    return count;
}

static char *received_range(int end, size_t *length)
{
    struct range range = {0};
    struct message message = {.ranges = (uintptr_t)&range, .range_count = 1};
    CHECK(receive_message(end, &message, FOREVER) == 0 && message.range_count == 1);
    CHECK(range.address % PAGE == 0);
    *length = range.length;
    return (char *)range.address;
}

static int is_filled(const char *memory, size_t size, char byte)
{
    for (size_t at = 0; at < size; at++)
        if (memory[at] != byte)
            return 0;
    return 1;
}

/* One range there and back to ourselves: what each side writes stays its own. */
static void move_range(int end, size_t size, int is_aligned)
{
    size_t whole = (size + PAGE - 1) / PAGE * PAGE, length;
    char *sent = placed(whole, is_aligned);
    memset(sent + size, 'Z', whole - size);
    pattern(sent, size, size);
    CHECK(send_range(end, sent, size) == 0);
    /* The sender writes on before it is received. */
    pattern(sent, size / 2, 1);
    char *got = received_range(end, &length);
    CHECK(length == size && got != sent);
    CHECK(differing(got, size, size) == 0);
    CHECK(is_filled(got + size, whole - size, 0));
    pattern(got, size, 2);
    CHECK(differing(sent, size / 2, 1) == 0);
    pattern(sent, size, 3);
    CHECK(differing(got, size, 2) == 0);
    CHECK(is_filled(sent + size, whole - size, 'Z'));
    /* On it goes. */
    CHECK(send_range(end, got, length) == 0);
    CHECK(munmap(got, whole) == 0);
    got = received_range(end, &length);
    CHECK(length == size && differing(got, size, 2) == 0);
    CHECK(munmap(got, whole) == 0);
    CHECK(munmap(sent, whole) == 0);
}

static void test_ranges(void)
{
    int end = channel(2, 0);
    /* What they are read into takes pages as well. */
    uint64_t before = 0, copied = counter("none"), moved;
    for (int round = 0; round < 2; round++) {
        for (int is_aligned = 0; is_aligned < 2; is_aligned++) {
            move_range(end, LEAST_RANGE, is_aligned);
            move_range(end, LEAST_RANGE + 1, is_aligned);
            move_range(end, SPAN, is_aligned);
            move_range(end, 3 * SPAN + 5 * PAGE + 77, is_aligned);
        }
        if (round == 0)
            before = memory_in_use();
    }
    CHECK(is_back_to(before));

    /* Nothing of it is copied. */
    size_t length, size = 32 * SPAN;
    for (int is_aligned = 0; is_aligned < 2; is_aligned++) {
        char *large = placed(size, is_aligned);
        pattern(large, size, 5);
        copied = counter("message_bytes_copied");
        moved = counter("message_pages_moved");
        uint64_t pages = memory_in_use();
        CHECK(send_range(end, large, size) == 0);
        char *got = received_range(end, &length);
        CHECK(memory_in_use() < pages + SPAN);
        CHECK(counter("message_bytes_copied") - copied < 4 * PAGE);
        CHECK(counter("message_pages_moved") - moved == size / PAGE);
        CHECK(length == size && differing(got, size, 5) == 0);
        munmap(large, size);
        CHECK(differing(got, size, 5) == 0);
        munmap(got, size);
    }

    /* What was never touched arrives as zeros, and takes nothing. */
    for (int is_aligned = 0; is_aligned < 2; is_aligned++) {
        uint64_t pages = memory_in_use();
        char *empty = placed(8 * SPAN, is_aligned);
        empty[3 * SPAN + 5] = 'x';
        CHECK(send_range(end, empty, 8 * SPAN) == 0);
        char *got = received_range(end, &length);
        CHECK(memory_in_use() < pages + 32 * PAGE);
        CHECK(is_filled(got, 3 * SPAN + 5, 0) && got[3 * SPAN + 5] == 'x');
        CHECK(is_filled(got + 3 * SPAN + 6, 5 * SPAN - 6, 0));
        munmap(got, 8 * SPAN);
        munmap(empty, 8 * SPAN);
    }

    /* After a fork, both can send what they share. */
    char *shared = placed(2 * SPAN, 1);
    pattern(shared, 2 * SPAN, 6);
    pid_t child = fork();
    if (child == 0) {
        CHECK(send_range(end, shared, 2 * SPAN) == 0);
        pattern(shared, 2 * SPAN, 7);
        CHECK(differing(shared, 2 * SPAN, 7) == 0);
        done();
    }
    CHECK(send_range(end, shared, 2 * SPAN) == 0);
    CHECK(reaped(child) == 0);
    pattern(shared, 2 * SPAN, 8);
    for (int i = 0; i < 2; i++) {
        char *got = received_range(end, &length);
        CHECK(differing(got, length, 6) == 0);
        munmap(got, length);
    }
    munmap(shared, 2 * SPAN);

    /* Pages that others write in place are copied: it is what it was when it was sent. */
    char *common = mmap(0, SPAN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pattern(common, SPAN / 2, 9);
    CHECK(send_range(end, common, SPAN) == 0);
    pattern(common, SPAN / 2, 10);
    char *got = received_range(end, &length);
    CHECK(differing(got, SPAN / 2, 9) == 0 && got[SPAN - 8] == 0);
    pattern(got, SPAN, 11);
    CHECK(differing(common, SPAN / 2, 10) == 0);
    munmap(got, length);
    munmap(common, SPAN);
    int file = memfd_create("sent", 0);
    CHECK(ftruncate(file, SPAN) == 0);
    char *view = mmap(0, SPAN, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *own = mmap(0, SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    pattern(view, SPAN, 12);
    own[PAGE] = 'o';
    CHECK(send_range(end, own, SPAN) == 0);
    pattern(view, SPAN, 13);
    got = received_range(end, &length);
    CHECK(differing(got, PAGE, 12) == 0 && got[PAGE] == 'o');
    CHECK(*(uint64_t *)(got + 2 * PAGE) == value(2 * PAGE, 12));
    munmap(got, length);
    CHECK(ftruncate(file, SPAN / 2) == 0);
    FAILS(send_range(end, view, SPAN), EFAULT);
    FAILS(send_range(end, own, SPAN), EFAULT);
    munmap(view, SPAN);
    munmap(own, SPAN);
    close(file);

    /* A mapping that can be read only; several ranges, some of them twice. */
    char *fixed = placed(SPAN, 1);
    pattern(fixed, SPAN, 14);
    mprotect(fixed, SPAN, PROT_READ);
    struct range ranges[4] = {{(uintptr_t)fixed, SPAN},
                              {(uintptr_t)fixed + PAGE, LEAST_RANGE},
                              {(uintptr_t)fixed, LEAST_RANGE},
                              {(uintptr_t)fixed, SPAN}};
    struct message message = {.ranges = (uintptr_t)ranges, .range_count = 4};
    CHECK(send_message(end, &message, FOREVER) == 0);
    munmap(fixed, SPAN);
    memset(ranges, 0, sizeof ranges);
    CHECK(receive_message(end, &message, FOREVER) == 0);
    for (int i = 0; i < 4; i += 1 + (i == 0)) {
        char *at = (char *)ranges[i].address;
        CHECK(differing(at, ranges[i].length, 14) == 0);
        pattern(at, ranges[i].length, 15 + (uint64_t)i);
    }
    CHECK(differing((char *)ranges[0].address, SPAN, 15) == 0);
    CHECK(differing((char *)ranges[3].address, SPAN, 18) == 0);
    for (int i = 0; i < 4; i++)
        munmap((void *)ranges[i].address, ranges[i].length);
    close(end);
    CHECK(is_back_to(before));
}

/* Threads write what is being sent: what has arrived no longer changes. */

static char *written;
static volatile int is_over;

static void *write_on(void *nothing)
{
    for (unsigned round = 1; !is_over; round++)
        for (size_t at = 0; at < 2 * SPAN; at += PAGE)
            *(volatile unsigned *)(written + at) = round;
    return nothing;
}

static void test_snapshots(void)
{
    pthread_t threads[2];
    static unsigned first[2 * SPAN / PAGE];
    int end = channel(1, 0);
    size_t length, changed = 0;
    for (int is_aligned = 0; is_aligned < 2; is_aligned++) {
        written = placed(2 * SPAN, is_aligned);
        is_over = 0;
        for (int i = 0; i < 2; i++)
            pthread_create(&threads[i], 0, write_on, 0);
        for (int round = 0; round < 40; round++) {
            CHECK(send_range(end, written, 2 * SPAN) == 0);
            char *got = received_range(end, &length);
            for (size_t at = 0; at < length; at += PAGE)
                first[at / PAGE] = *(volatile unsigned *)(got + at);
            usleep(1000);
            for (size_t at = 0; at < length; at += PAGE)
                changed += first[at / PAGE] != *(volatile unsigned *)(got + at);
            munmap(got, length);
        }
        is_over = 1;
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], 0);
        munmap(written, 2 * SPAN);
    }
    CHECK(changed == 0);
    close(end);
}

/* ---- many senders and many receivers */

enum { PEERS = 4, EACH = 1000 };

struct item {
    uint32_t sender, number;
    uint64_t filler[6];
};

struct sums {
    uint64_t count[PEERS], total[PEERS];
    uint64_t out_of_order;
};

static void send_items(int end, uint32_t sender)
{
    struct item item = {.sender = sender};
    for (item.number = 0; item.number < EACH; item.number++)
        CHECK(send_bytes(end, &item, sizeof item, FOREVER) == 0);
}

static void receive_items(int end, struct sums *sums)
{
    uint32_t next[PEERS] = {0};
    struct item item;
    while (receive_bytes(end, &item, sizeof item, FOREVER) == sizeof item) {
        sums->out_of_order += item.number < next[item.sender];
        next[item.sender] = item.number + 1;
        sums->count[item.sender]++;
        sums->total[item.sender] += item.number;
    }
    CHECK(errno == ECONNRESET);
}

static void judge(const struct sums *sums, int count)
{
    for (int sender = 0; sender < PEERS; sender++) {
        uint64_t number = 0, total = 0;
        for (int i = 0; i < count; i++) {
            number += sums[i].count[sender];
            total += sums[i].total[sender];
            CHECK(sums[i].out_of_order == 0);
        }
        CHECK(number == EACH && total == (uint64_t)EACH * (EACH - 1) / 2);
    }
}

static void between_processes(size_t capacity)
{
    pid_t children[2 * PEERS];
    int end = channel(capacity, 0), sending[PEERS], receiving[PEERS];
    int results = channel(PEERS, 0);
    for (int i = 0; i < PEERS; i++) {
        sending[i] = channel_end(end, O_WRONLY);
        receiving[i] = channel_end(end, O_RDONLY);
    }
    close(end);
    for (int i = 0; i < 2 * PEERS; i++) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        /* Ends are shared over a fork: only one process of each may keep it. */
        for (int other = 0; other < PEERS; other++) {
            if (other != i)
                close(sending[other]);
            if (other + PEERS != i)
                close(receiving[other]);
        }
        if (i < PEERS) {
            send_items(sending[i], (uint32_t)i);
        } else {
            struct sums sums = {0};
            receive_items(receiving[i - PEERS], &sums);
            CHECK(send_bytes(results, &sums, sizeof sums, FOREVER) == 0);
        }
        done();
    }
    for (int i = 0; i < PEERS; i++) {
        close(sending[i]);
        close(receiving[i]);
    }
    struct sums sums[PEERS] = {0};
    for (int i = 0; i < PEERS; i++)
        CHECK(receive_bytes(results, &sums[i], sizeof *sums, FOREVER) == sizeof *sums);
    for (int i = 0; i < 2 * PEERS; i++)
        CHECK(reaped(children[i]) == 0);
    judge(sums, PEERS);
    close(results);
}

struct job {
    int end;
    uint32_t sender;
    struct sums *sums;
};

static void *work(void *place)
{
    struct job *job = place;
    if (job->sums) {
        receive_items(job->end, job->sums);
    } else {
        send_items(job->end, job->sender);
        close(job->end);
    }
    return 0;
}

/* Each sender has an end of its own, the receivers share one. */
static void between_threads(size_t capacity)
{
    pthread_t threads[2 * PEERS];
    struct job jobs[2 * PEERS];
    struct sums sums[PEERS] = {0};
    int end = channel(capacity, 0), receiving = channel_end(end, O_RDONLY);
    for (int i = 0; i < PEERS; i++) {
        jobs[i] = (struct job){channel_end(end, O_WRONLY), (uint32_t)i, 0};
        jobs[PEERS + i] = (struct job){receiving, 0, &sums[i]};
    }
    close(end);
    for (int i = 0; i < 2 * PEERS; i++)
        pthread_create(&threads[i], 0, work, &jobs[i]);
    for (int i = 0; i < 2 * PEERS; i++)
        pthread_join(threads[i], 0);
    judge(sums, PEERS);
    close(receiving);
}

static void test_many(void)
{
    between_processes(1);
    between_processes(16);
    between_threads(1);
    between_threads(64);
}

/* ---- killed at any moment */

static uint64_t drawn(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void send_all_kinds(int end)
{
    char *memory = placed(SPAN, getpid() & 1);
    memset(memory, 'k', SPAN);
    struct range range = {(uintptr_t)memory, SPAN};
    for (;;) {
        int pipes[2], other = channel(1, 0);
        if (pipe(pipes))
            break;
        int descriptors[] = {pipes[0], pipes[1], other};
        struct message message = {(uintptr_t)memory, 5000,          (uintptr_t)&range, 1,
                                  (uintptr_t)descriptors, 3};
        int answer = send_message(end, &message, FOREVER);
        close(pipes[0]);
        close(pipes[1]);
        close(other);
        if (answer)
            break;
    }
    CHECK(errno == ECONNRESET);
}

static void receive_all_kinds(int end)
{
    static char bytes[5000];
    for (;;) {
        struct range range;
        int descriptors[3];
        struct message message = {(uintptr_t)bytes, sizeof bytes, (uintptr_t)&range, 1,
                                  (uintptr_t)descriptors, 3};
        if (receive_message(end, &message, FOREVER))
            break;
        CHECK(message.length == sizeof bytes && ((char *)range.address)[SPAN - 1] == 'k');
        munmap((void *)range.address, range.length);
        for (int i = 0; i < 3; i++)
            close(descriptors[i]);
    }
    CHECK(errno == ECONNRESET);
}

static void test_killed(void)
{
    uint64_t state = 88172645463325252, before = 0;
    for (int round = 0; round < 30; round++) {
        pid_t children[6];
        int end = channel(1 + drawn(&state) % 3, 0);
        for (int i = 0; i < 6; i++) {
            int is_sender = i % 2;
            children[i] = child_with(channel_end(end, is_sender ? O_WRONLY : O_RDONLY),
                                     is_sender ? send_all_kinds : receive_all_kinds);
        }
        close(end);
        for (int left = 6; left > 0; left--) {
            usleep(drawn(&state) % 3000);
            int victim = (int)(drawn(&state) % 6);
            while (children[victim] < 0)
                victim = (victim + 1) % 6;
            kill(children[victim], SIGKILL);
            int status = reaped(children[victim]);
            CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
            children[victim] = -1;
        }
        if (round == 4)
            before = memory_in_use();
    }
    CHECK(is_back_to(before));
}

static const struct {
    const char *name;
    void (*test)(void);
} sections[] = {
    {"bytes", test_bytes},
    {"errors", test_errors},
    {"capacity", test_capacity},
    {"room", test_room},
    {"closing", test_closing},
    {"peers", test_peers},
    {"dead processes", test_dead_processes},
    {"signals", test_signals},
    {"polling", test_polling},
    {"descriptors", test_descriptors},
    {"circles", test_circles},
    {"ranges", test_ranges},
    {"snapshots", test_snapshots},
    {"many", test_many},
    {"killed", test_killed},
};

int main(int count, char **words)
{
    int all = 0;
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (count > 1 && strcmp(words[1], sections[i].name))
            continue;
        wrong = 0;
        uint64_t begin = now();
        sections[i].test();
        printf("%s: %s\n", sections[i].name, wrong ? "wrong" : "well");
        fprintf(stderr, "  %llu ms\n", (unsigned long long)((now() - begin) / 1000000));
        fflush(stdout);
        all += wrong;
    }
    return all != 0;
}
