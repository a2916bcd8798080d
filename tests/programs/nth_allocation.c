/* The k-th allocation fails, for every k, in everything that makes something new: the call
 * says so or does without, nothing is left of it, and the same call works afterwards. In the
 * manner of Linux's fail-nth: the thread says which of its allocations fails, and goes on
 * until none was left to fail. Each is tried with one failure, and with many in a row, which
 * the undoing meets as well. Roentgen alone has these calls; this program says itself what
 * must be.
 *
 * Arguments: "executed" where it has executed itself. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "ours.h"

enum { PAGE = 4096, SPAN = 2 << 20, SPANS = 40, RANGE = 2 * SPAN + PAGE + 100, MANY = 200 };
enum { MOST_TRIES = 500, FAR = 200 };

/* How a program that executed itself ends. */
enum { NONE_FAILED = 71, SOME_FAILED, REFUSED };

enum job { ANSWER, WRITE };

/* Between this process and those that it spawns. */
struct shared {
    enum job job;
    unsigned nth, count;
    int payload_was_left, finish_has_failed;
};

struct operation {
    const char *name;
    void (*prepare)(void); /* before each try; may be null, as the last two */
    int (*run)(void);      /* 0, or -1 and errno */
    void (*undo)(void);    /* after one that succeeded */
    void (*clean)(void);   /* after any */
    int errors[4];         /* what it may say */
};

static volatile struct shared *shared;
static char *heap;                /* one page of each span is there when the template is made */
static char *region;              /* what an operation works on */
static char payload[RANGE] __attribute__((aligned(4096)));
static char work[PAGE];
static int template = -1, inner = -1, outer = -1, sink = -1, file = -1, epoll = -1, locked = -1;
static int pair[2], made, child;
static int gate[2];
static pthread_t thread;

/* What must be as it was after each try. */
struct state {
    uint64_t memory;
    long threads;
    int descriptors;
    char areas[16384], ends[512];
};

static struct state before, now;

static void read_text(const char *path, char *text, size_t size)
{
    int text_file = open(path, O_RDONLY);
    check(text_file >= 0, path);
    size_t length = 0;
    long got;
    while ((got = read(text_file, text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    check(got == 0 && length < size - 1, "text");
    text[length] = 0;
    close(text_file);
}

static void look(struct state *state)
{
    char path[64];
    /* All of its pages are there from the first look on. */
    memset(state, 0, sizeof *state);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", inner);
    state->memory = memory_of_processes();
    state->threads = counter("threads");
    state->descriptors = 0;
    for (int descriptor = 0; descriptor < 256; descriptor++)
        state->descriptors += fcntl(descriptor, F_GETFD) >= 0;
    read_text("/proc/self/maps", state->areas, sizeof state->areas);
    read_text(path, state->ends, sizeof state->ends);
}

/* What has ended may still be on its way out. */
static void must_be(const char *name, unsigned nth)
{
    const char *wrong = NULL;
    for (int turn = 0; turn < 400; turn++) {
        look(&now);
        wrong = now.memory != before.memory ? "memory"
            : now.threads != before.threads ? "threads"
            : now.descriptors != before.descriptors ? "descriptors"
            : strcmp(now.areas, before.areas) ? "areas"
            : strcmp(now.ends, before.ends) ? "ends of a channel"
                                              : NULL;
        if (!wrong)
            return;
        usleep(turn < 50 ? 200 : 10000);
    }
    printf("%s, allocation %u: %s is not as it was: memory %ld, threads %ld, descriptors %d\n%s",
           name, nth, wrong, (long)(now.memory - before.memory), now.threads - before.threads,
           now.descriptors - before.descriptors, now.ends);
    check(0, wrong);
}

static void once(const struct operation *operation)
{
    if (operation->prepare)
        operation->prepare();
    errno = 0;
    check(operation->run() == 0, operation->name);
    if (operation->undo)
        operation->undo();
    if (operation->clean)
        operation->clean();
}

static void try_all(const struct operation *operation, unsigned count)
{
    for (int warm = 0; warm < 3; warm++)
        once(operation);
    look(&now);
    look(&before);
    unsigned nth = 1;
    for (long left = 0; left == 0; nth++) {
        check(nth < MOST_TRIES, operation->name);
        if (operation->prepare)
            operation->prepare();
        rg_fail_allocation(nth, count);
        errno = 0;
        int result = operation->run();
        int error = errno;
        left = rg_fail_allocation(0, 0);
        int is_expected = result == 0;
        for (int index = 0; index < 4; index++)
            is_expected |= !left && operation->errors[index] && error == operation->errors[index];
        if (!is_expected)
            printf("%s, allocation %u of %u: %s\n", operation->name, nth, count, strerror(error));
        check(is_expected, operation->name);
        if (result == 0 && operation->undo)
            operation->undo();
        if (operation->clean)
            operation->clean();
        must_be(operation->name, nth);
        once(operation);
        must_be(operation->name, nth);
    }
    check(nth > 2, operation->name);
}

/* Descriptors. */

static int make_pipe(void)
{
    return pipe(pair);
}

static int make_socketpair(void)
{
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static void close_pair(void)
{
    close(pair[0]);
    close(pair[1]);
}

static int open_new(void)
{
    made = open("nth_allocation.made", O_CREAT | O_EXCL | O_RDWR, 0600);
    return made < 0 ? -1 : 0;
}

static void remove_new(void)
{
    close(made);
    unlink("nth_allocation.made");
}

static int open_old(void)
{
    made = open("/proc/self/exe", O_RDONLY);
    return made < 0 ? -1 : 0;
}

static void close_made(void)
{
    close(made);
}

static void make_file(void)
{
    made = memfd_create("written", 0);
    check(made >= 0, "memfd");
}

static int write_file(void)
{
    for (int done = 0; done < 3 * PAGE;) {
        long count = pwrite(made, payload, 3 * PAGE - done, done);
        if (count < 0)
            return -1;
        done += count;
    }
    return 0;
}

static int write_pipe(void)
{
    int result = write(gate[1], payload, 3 * PAGE) == 3 * PAGE ? 0 : -1;
    return result;
}

static void read_pipe(void)
{
    check(read(gate[0], payload, 3 * PAGE) == 3 * PAGE, "read");
}

static void make_pair(void)
{
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
}

static int send_rights(void)
{
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec piece = {payload, 100};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &inner, sizeof inner);
    return sendmsg(pair[0], &message, 0) == 100 ? 0 : -1;
}

static int add_to_epoll(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, gate[0], &event);
}

static void remove_from_epoll(void)
{
    check(epoll_ctl(epoll, EPOLL_CTL_DEL, gate[0], NULL) == 0, "epoll_ctl");
}

static int poll_some(void)
{
    struct pollfd polls[] = {{.fd = gate[1], .events = POLLOUT}, {.fd = gate[0], .events = POLLIN}};
    return poll(polls, 2, 0) == 1 ? 0 : -1;
}

/* Mappings. */

static int map(size_t length, int flags, int from)
{
    region = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, from, 0);
    return region == MAP_FAILED ? -1 : 0;
}

static int map_anonymous(void)
{
    return map(PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static int map_shared(void)
{
    return map(PAGE, MAP_SHARED | MAP_ANONYMOUS, -1);
}

static int map_file(void)
{
    return map(PAGE, MAP_SHARED, file);
}

static int map_file_copy(void)
{
    return map(PAGE, MAP_PRIVATE, file);
}

static void unmap_page(void)
{
    munmap(region, PAGE);
}

static void need(int result)
{
    check(result == 0, "mmap");
}

static void have_anonymous(void)
{
    need(map(3 * SPAN, MAP_PRIVATE | MAP_ANONYMOUS, -1));
}

static void have_shared(void)
{
    need(map(3 * SPAN, MAP_SHARED | MAP_ANONYMOUS, -1));
}

static void have_file(void)
{
    made = memfd_create("sparse", 0);
    check(made >= 0 && ftruncate(made, 3 * SPAN) == 0, "memfd");
    need(map(3 * SPAN, MAP_SHARED, made));
}

static void have_file_copy(void)
{
    need(map_file_copy());
}

/* Faults in user code that find nothing are tried again. */
static int touch_spans(void)
{
    for (int span = 0; span < 3; span++) {
        if (region[span * SPAN] != 0)
            return -1;
        region[span * SPAN] = 1;
    }
    return 0;
}

static int write_page(void)
{
    int is_right = region[0] == 'f';
    region[1] = 'w';
    return is_right && region[0] == 'f' && region[1] == 'w' ? 0 : -1;
}

static int read_into_spans(void)
{
    for (int span = 0; span < 3; span++)
        if (pread(file, region + span * SPAN, 10, 0) != 10)
            return -1;
    return 0;
}

static void unmap_spans(void)
{
    munmap(region, 3 * SPAN);
}

static void unmap_and_close(void)
{
    unmap_spans();
    close(made);
}

/* Pages in three spans, whose tables are shared with a child. */
static void have_shared_tables(void)
{
    have_anonymous();
    for (int span = 0; span < 3; span++)
        memset(region + span * SPAN, 'a' + span, 2 * PAGE);
    child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
        char byte;
        (void)!read(gate[0], &byte, 1);
        _exit(0);
    }
    /* What this process needs in order to go on. */
    memset(work, 1, sizeof work);
    *(volatile int *)&made = made;
}

static void end_shared_tables(void)
{
    check(write(gate[1], "x", 1) == 1, "write");
    check(waitpid(child, NULL, 0) == child, "waitpid");
    unmap_spans();
}

static void pages_are_there(const char *at, const char *what)
{
    for (int span = 0; span < 3; span++)
        check(at[span * SPAN] == 'a' + span && at[span * SPAN + PAGE] == 'a' + span, what);
}

static int write_spans(void)
{
    for (int span = 0; span < 3; span++)
        region[span * SPAN] = (char)('a' + span);
    pages_are_there(region, "what is written");
    return 0;
}

static int protect(void)
{
    if (mprotect(region, 2 * SPAN + PAGE, PROT_READ) == 0)
        return 0;
    int error = errno;
    /* It can be written still. */
    region[0] = 'a';
    region[SPAN] = 'b';
    region[2 * SPAN] = 'c';
    pages_are_there(region, "what is not protected");
    errno = error;
    return -1;
}

static int unmap_middle(void)
{
    if (munmap(region + PAGE, 2 * SPAN) == 0) {
        check(region[0] == 'a' && region[2 * SPAN + PAGE] == 'c', "what is left");
        return 0;
    }
    int error = errno;
    pages_are_there(region, "what is not unmapped");
    errno = error;
    return -1;
}

static char *moved;

static int move(void)
{
    moved = mremap(region, 3 * SPAN, 6 * SPAN, MREMAP_MAYMOVE);
    if (moved != MAP_FAILED) {
        pages_are_there(moved, "what moved");
        return 0;
    }
    int error = errno;
    pages_are_there(region, "what did not move");
    errno = error;
    return -1;
}

static void unmap_moved(void)
{
    munmap(moved, 6 * SPAN);
}

/* Channels. */

static int make_channel(void)
{
    made = channel(4, 0);
    return made < 0 ? -1 : 0;
}

static int make_end(void)
{
    made = channel_end(inner, O_WRONLY);
    return made < 0 ? -1 : 0;
}

static struct range got_range;
static char got_bytes[64];
static int got_end, has_got;

static struct message room_for_it(void)
{
    return (struct message){.bytes = (uintptr_t)got_bytes, .length = sizeof got_bytes,
                            .ranges = (uintptr_t)&got_range, .range_count = 1,
                            .descriptors = (uintptr_t)&got_end, .descriptor_count = 1};
}

static struct range sent_range = {.length = RANGE};

static struct message all_of_it(void)
{
    sent_range.address = (uintptr_t)payload;
    return (struct message){.bytes = (uintptr_t) "bytes", .length = 5,
                            .ranges = (uintptr_t)&sent_range, .range_count = 1,
                            .descriptors = (uintptr_t)&inner, .descriptor_count = 1};
}

static void take_it(const struct message *message)
{
    check(message->length == 5 && message->range_count == 1 && message->descriptor_count == 1,
          "all of a message");
    check(memcmp(got_bytes, "bytes", 5) == 0 && got_range.length == RANGE, "its parts");
    check(memcmp((void *)got_range.address, payload, RANGE) == 0, "its range");
    munmap((void *)got_range.address, RANGE);
    close(got_end);
}

static int send_small(void)
{
    return send_bytes(outer, "bytes", 5, 0);
}

static void receive_small(void)
{
    check(receive_bytes(outer, got_bytes, sizeof got_bytes, 0) == 5, "receive");
}

static int send_large(void)
{
    struct message message = all_of_it();
    return send_message(outer, &message, 0);
}

static void receive_large(void)
{
    struct message room = room_for_it();
    check(receive_message(outer, &room, 0) == 0, "receive");
    take_it(&room);
}

static void have_message(void)
{
    has_got = 0;
    check(send_large() == 0, "send");
}

static int receive(void)
{
    static struct message room;
    room = room_for_it();
    if (receive_message(outer, &room, 0))
        return -1;
    has_got = 1;
    rg_fail_allocation(rg_fail_allocation(0, 0), 1);
    take_it(&room);
    return 0;
}

static void receive_what_stayed(void)
{
    if (!has_got)
        receive_large();
}

/* Processes. */

static int fork_child(void)
{
    child = fork();
    if (child == 0)
        _exit(0);
    return child < 0 ? -1 : 0;
}

/* One that has the same table of descriptors. */
static int clone_child(void)
{
    child = (int)syscall(SYS_clone, CLONE_FILES | CLONE_PIDFD | SIGCHLD, 0, &made, 0, 0);
    if (child == 0)
        syscall(SYS_exit, 0);
    return child < 0 ? -1 : 0;
}

static void wait_for_child(void)
{
    check(waitpid(child, NULL, 0) == child, "waitpid");
}

static void wait_and_close(void)
{
    wait_for_child();
    close(made);
}

static void *nothing(void *argument)
{
    return argument;
}

static int start_thread(void)
{
    errno = pthread_create(&thread, NULL, nothing, NULL);
    return errno ? -1 : 0;
}

static void join_thread(void)
{
    pthread_join(thread, NULL);
}

static int all_descriptors[64];

static int freeze(void)
{
    size_t count = 0;
    for (int descriptor = 0; descriptor < 64; descriptor++)
        if (fcntl(descriptor, F_GETFD) >= 0)
            all_descriptors[count++] = descriptor;
    return rg_freeze(all_descriptors, count, &made) < 0 ? -1 : 0;
}

static int spawn(int from)
{
    struct spawn arguments = spawn_of(from);
    struct placed placed[] = {{1, FAR}, {inner, 5}};
    cpu_set_t cores;
    sched_getaffinity(0, sizeof cores, &cores);
    arguments.descriptors = (uintptr_t)placed;
    arguments.descriptor_count = from == SELF ? 0 : 2;
    arguments.memory = 1 << 30;
    arguments.cpu_time = arguments.deadline = FOREVER / 4;
    arguments.name = (uintptr_t) "spawned";
    arguments.name_length = 7;
    arguments.affinity = (uintptr_t)&cores;
    arguments.affinity_size = sizeof cores;
    arguments.payload = all_of_it();
    return rg_spawn(&arguments, &made);
}

/* Memory of its own, most of it never touched: a template's would be copied. */
static void have_answer(void)
{
    need(map(RANGE, MAP_PRIVATE | MAP_ANONYMOUS, -1));
    region[0] = region[RANGE - 1] = 'p';
}

static void answer(void)
{
    struct message message = all_of_it();
    sent_range.address = (uintptr_t)region;
    message.descriptor_count = 0;
    rg_finish(0, &message);
}

static int spawn_from_template(void)
{
    return spawn(template) < 0 ? -1 : 0;
}

static int spawn_clone(void)
{
    int id = spawn(SELF);
    if (id == 0) {
        struct message room = room_for_it();
        check(rg_payload(&room) == 0, "payload");
        have_answer();
        answer();
    }
    return id < 0 ? -1 : 0;
}

static int join_it(void)
{
    static struct message room;
    static struct ending ending;
    room = room_for_it();
    if (rg_join(made, &room, &ending, FOREVER))
        return -1;
    has_got = 1;
    rg_fail_allocation(rg_fail_allocation(0, 0), 1);
    check(ending.status == 0 && ending.has_answer && room.length == 5, "answer");
    const char *bytes = (const char *)got_range.address;
    check(got_range.length == RANGE && bytes[0] == 'p' && bytes[RANGE - 1] == 'p' && !bytes[PAGE],
          "its range");
    munmap((void *)got_range.address, RANGE);
    return 0;
}

static void join_spawned(void)
{
    check(join_it() == 0, "join");
    close(made);
}

static void have_ended(void)
{
    has_got = 0;
    check(spawn_from_template() == 0, "spawn");
    struct pollfd end = {.fd = made, .events = POLLIN};
    check(poll(&end, 1, -1) == 1, "poll");
}

static void join_what_stayed(void)
{
    if (!has_got)
        check(join_it() == 0, "the answer is still there");
    close(made);
}

/* The life of a process from the template. */
static void live(void)
{
    if (shared->job == WRITE) {
        /* A span for each try: the first write copies its table and its page. */
        long left = 0;
        int span = 0;
        for (unsigned nth = 1; left == 0; nth++) {
            for (unsigned count = 1; count <= 3; count += 2, span++) {
                check(span < SPANS, "spans");
                volatile char *page = heap + span * SPAN;
                rg_fail_allocation(nth, count);
                page[1] = 'n';
                left = rg_fail_allocation(0, 0);
                check(page[0] == (char)('A' + span) && page[1] == 'n', "a template's page");
            }
        }
        shared->payload_was_left = span;
        _exit(0);
    }
    struct message room = room_for_it();
    rg_fail_allocation(shared->nth, shared->count);
    int result = rg_payload(&room), error = errno;
    long left = rg_fail_allocation(0, 0);
    if (result) {
        errno = error;
        check(!left && (error == ENOMEM || error == ENFILE || error == ENOBUFS), "payload");
        room = room_for_it();
        check(rg_payload(&room) == 0, "a payload that stayed");
    }
    take_it(&room);
    struct message none = {0};
    check(rg_payload(&none) == -1 && errno == ENODATA, "a payload is there once");
    shared->payload_was_left = left != 0;
    have_answer();
    rg_fail_allocation(shared->nth, shared->count);
    shared->finish_has_failed = 0;
    answer();
    error = errno;
    left = rg_fail_allocation(0, 0);
    errno = error;
    check(!left && (error == ENOMEM || error == ENOBUFS), "finish");
    shared->finish_has_failed = 1;
    answer();
}

static void run_job(enum job job)
{
    shared->job = job;
    check(spawn_from_template() == 0, "spawn");
    if (job == ANSWER) {
        join_spawned();
        return;
    }
    struct message none = {0};
    struct ending ending;
    check(rg_join(made, &none, &ending, FOREVER) == 0 && ending.status == 0, "a job");
    close(made);
}

static void in_the_child(unsigned count)
{
    run_job(ANSWER);
    run_job(WRITE);
    look(&now);
    look(&before);
    int is_over = 0;
    for (unsigned nth = 1; !is_over; nth++) {
        check(nth < MOST_TRIES, "payload and answer end");
        shared->nth = nth;
        shared->count = count;
        run_job(ANSWER);
        is_over = shared->payload_was_left && !shared->finish_has_failed;
        must_be("payload and answer", nth);
    }
    shared->nth = shared->count = 0;
    run_job(WRITE);
    check(shared->payload_was_left > 3, "writes were made to fail");
    must_be("writes to a template", 0);
    shared->job = ANSWER;
}

/* A program that executes this one, and says what became of it. */
static int execute(unsigned nth, unsigned count)
{
    child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
        char *const arguments[] = {"nth_allocation", "executed", NULL};
        rg_fail_allocation(nth, count);
        execve("/proc/self/exe", arguments, arguments + 2);
        int error = errno;
        int has_failed = rg_fail_allocation(0, 0) == 0;
        _exit(has_failed && (error == ENOMEM || error == ENFILE) ? REFUSED : 1);
    }
    int status;
    check(waitpid(child, &status, 0) == child && WIFEXITED(status), "how execve ended");
    return WEXITSTATUS(status);
}

static void executions(unsigned count)
{
    int refused = 0;
    for (int warm = 0; warm < 2; warm++)
        check(execute(0, 0) == SOME_FAILED, "execve");
    look(&now);
    look(&before);
    int status = 0;
    for (unsigned nth = 1; status != NONE_FAILED; nth++) {
        check(nth < MOST_TRIES, "execve ends");
        status = execute(nth, count);
        check(status >= NONE_FAILED && status <= REFUSED, "execve with a failure");
        refused += status == REFUSED;
        must_be("execve", nth);
    }
    check(refused > 0, "executions were made to fail");
}

/* The lock that this process took on a file at first is still its own. */
static void lock_is_held(void)
{
    child = fork();
    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        _exit(fcntl(locked, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK ? 0 : 1);
    }
    int status;
    check(waitpid(child, &status, 0) == child && status == 0, "a lock is still held");
}

static const struct operation operations[] = {
    {"pipe", NULL, make_pipe, close_pair, NULL, {ENFILE, ENOMEM}},
    {"socketpair", NULL, make_socketpair, close_pair, NULL, {ENFILE, ENOMEM}},
    {"open of a new file", NULL, open_new, remove_new, NULL, {ENFILE, ENOMEM, ENOSPC}},
    {"open", NULL, open_old, close_made, NULL, {ENFILE, ENOMEM}},
    {"write to a file", make_file, write_file, NULL, close_made, {ENOSPC, ENOMEM}},
    {"write to a pipe", NULL, write_pipe, read_pipe, NULL, {ENOMEM}},
    {"sendmsg of a descriptor", make_pair, send_rights, NULL, close_pair, {ENOMEM, ENOBUFS}},
    {"epoll_ctl", NULL, add_to_epoll, remove_from_epoll, NULL, {ENOMEM}},
    {"poll", NULL, poll_some, NULL, NULL, {ENOMEM}},
    {"mmap", NULL, map_anonymous, unmap_page, NULL, {ENOMEM}},
    {"mmap of shared memory", NULL, map_shared, unmap_page, NULL, {ENOMEM}},
    {"mmap of a file", NULL, map_file, unmap_page, NULL, {ENOMEM}},
    {"mmap of a file's copy", NULL, map_file_copy, unmap_page, NULL, {ENOMEM}},
    {"fault", have_anonymous, touch_spans, NULL, unmap_spans, {0}},
    {"fault in shared memory", have_shared, touch_spans, NULL, unmap_spans, {0}},
    {"fault in a file", have_file, touch_spans, NULL, unmap_and_close, {0}},
    {"fault in a file's copy", have_file_copy, write_page, NULL, unmap_page, {0}},
    {"fault in a call", have_anonymous, read_into_spans, NULL, unmap_spans, {EFAULT}},
    {"fault in a fork's memory", have_shared_tables, write_spans, NULL, end_shared_tables, {0}},
    {"mprotect", have_shared_tables, protect, NULL, end_shared_tables, {ENOMEM}},
    {"munmap", have_shared_tables, unmap_middle, NULL, end_shared_tables, {ENOMEM}},
    {"mremap", have_shared_tables, move, unmap_moved, end_shared_tables, {ENOMEM}},
    {"channel", NULL, make_channel, close_made, NULL, {ENFILE, ENOMEM}},
    {"a channel's end", NULL, make_end, close_made, NULL, {ENFILE, ENOMEM}},
    {"send", NULL, send_small, receive_small, NULL, {ENOBUFS, ENOMEM}},
    {"send of pages and an end", NULL, send_large, receive_large, NULL, {ENOBUFS, ENOMEM}},
    {"receive", have_message, receive, NULL, receive_what_stayed, {ENOMEM, ENFILE}},
    {"fork", NULL, fork_child, wait_for_child, NULL, {ENOMEM, EAGAIN}},
    {"clone", NULL, clone_child, wait_and_close, NULL, {ENOMEM, ENFILE, EFAULT}},
    {"thread", NULL, start_thread, join_thread, NULL, {EAGAIN}},
    {"freeze", NULL, freeze, close_made, NULL, {ENOMEM, ENFILE, EFAULT}},
    {"spawn", NULL, spawn_from_template, join_spawned, NULL, {ENOMEM, ENOBUFS, ENFILE}},
    {"spawn of a clone", NULL, spawn_clone, join_spawned, NULL, {ENOMEM, ENOBUFS, ENFILE, EFAULT}},
    {"join", have_ended, join_it, NULL, join_what_stayed, {ENOMEM, ENFILE}},
};

static void all(unsigned count)
{
    for (size_t index = 0; index < sizeof operations / sizeof *operations; index++) {
        try_all(&operations[index], count);
        lock_is_held();
    }
    in_the_child(count);
    executions(count);
    lock_is_held();
}

static void prepare(void)
{
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    heap = mmap(NULL, SPANS * SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(shared != MAP_FAILED && heap != MAP_FAILED, "mmap");
    for (int span = 0; span < SPANS; span++)
        heap[span * SPAN] = (char)('A' + span);
    memset(payload, 'p', sizeof payload);
    int kept[] = {0, 1, 2};
    int is_maker = rg_freeze(kept, 3, &template);
    check(is_maker >= 0, "freeze");
    if (!is_maker) {
        inner = 5;
        live();
    }
    inner = channel(2, 0);
    outer = channel(2, 0);
    epoll = epoll_create1(0);
    file = memfd_create("mapped", 0);
    locked = memfd_create("locked", 0);
    sink = open("/dev/null", O_WRONLY);
    check(inner >= 0 && outer >= 0 && epoll >= 0 && file >= 0 && locked >= 0 && sink >= 0, "open");
    check(pipe(gate) == 0, "pipe");
    memset(work, 'f', sizeof work);
    check(write(file, work, sizeof work) == sizeof work, "write");
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    check(fcntl(locked, F_SETLK, &lock) == 0, "lock");
}

static uint64_t memory_free(void)
{
    uint64_t words[MEMORY_WORDS];
    read_memory(words);
    return words[FREE];
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "executed") == 0)
        return rg_fail_allocation(0, 0) ? NONE_FAILED : SOME_FAILED;
    prepare();
    all(1);
    said("each allocation may fail, and nothing is left of what failed");
    /* What the kernel's heap and stacks keep for themselves is there now. */
    uint64_t before_many = memory_free();
    all(MANY);
    said("so may all that follow it");
    int64_t lost = (int64_t)(before_many - memory_free());
    if (lost > 512 << 10)
        printf("%ld bytes\n", (long)lost);
    check(lost <= 512 << 10, "the kernel's own memory is gone");
    said("nor in the kernel's own memory");
    return 0;
}
