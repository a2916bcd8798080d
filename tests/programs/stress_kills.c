/* Victims in every state that a process can be in, killed there: each is reaped, its pipe and
 * its channel end, and nothing is left. Each says that it is ready and goes into its state; in
 * every other round the killer waits until the kernel shows it there, else it kills at any
 * moment on the way. A state in which nobody was found is a failure. See stress.h for what it
 * prints.
 *
 * Arguments: seed, kills, and the one state that is meant, where it is not all of them. (`again
 * LIFE` is a victim that executes itself for ever.) */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "stress.h"

enum { KILLERS = 3, AT_A_TIME = 24, PAGE = 4096, MIB = 1 << 20, FUTEX_WAIT = 0 };

/* How it is seen that a victim is where it should be when it is killed. */
enum sight {
    UNREADY,  /* it has not said that it is ready */
    ON_CORE,  /* a core says that it runs it */
    STOLEN,   /* a thief has moved it */
    ASLEEP,   /* its thread sleeps */
    STOPPED,  /* it is stopped */
    BUSY,     /* what it does again and again has been done, and was not ended by itself */
    LEAVING,  /* it was not gone, and ended by itself all the same */
};

/* What a victim has. */
struct victim {
    /* It writes here when it is ready, and its end is seen here. */
    int life;
    /* It could send here. */
    int mouth;
    /* How often it has done what it does; it may leave when it is told so. */
    volatile unsigned *turns, *may_leave;
};

static const struct victim *self;

static void ready(void)
{
    check(write(self->life, "r", 1) == 1, "ready");
}

static void turn(void)
{
    ++*self->turns;
}

static void *never(void *unused)
{
    (void)unused;
    for (;;)
        pause();
    return NULL;
}

/* ---- states: running */

static void starting(void)
{
    ready();
    never(NULL);
}

static void running(void)
{
    for (ready();;)
        __asm__ volatile("pause");
}

static void calling(void)
{
    for (ready();;)
        syscall(SYS_getppid);
}

static void yielding(void)
{
    for (ready();; turn())
        sched_yield();
}

/* ---- waiting */

static void in_pipe_read(void)
{
    int ends[2];
    char byte;
    check(pipe(ends) == 0, "pipe");
    ready();
    (void)!read(ends[0], &byte, 1);
}

static void in_pipe_write(void)
{
    static char bytes[128 << 10];
    int ends[2];
    check(pipe(ends) == 0, "pipe");
    ready();
    (void)!write(ends[1], bytes, sizeof bytes);
}

static void in_channel_receive(void)
{
    char byte;
    int end = channel(1, 0);
    ready();
    receive_bytes(end, &byte, 1, FOREVER);
}

static void in_channel_send(void)
{
    char byte = 0;
    int end = channel(1, 0);
    send_bytes(end, &byte, 1, FOREVER);
    ready();
    send_bytes(end, &byte, 1, FOREVER);
}

static void in_futex(void)
{
    static int word;
    ready();
    syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void in_futex_shared(void)
{
    int *word = shared_memory(PAGE);
    ready();
    syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static void in_poll(void)
{
    struct pollfd wanted[2] = {{.events = POLLIN}, {.events = POLLIN}};
    int ends[2];
    check(pipe(ends) == 0, "pipe");
    wanted[0].fd = ends[0];
    wanted[1].fd = channel(1, 0);
    ready();
    poll(wanted, 2, -1);
}

static void in_select(void)
{
    fd_set set;
    int ends[2];
    check(pipe(ends) == 0, "pipe");
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    ready();
    select(ends[0] + 1, &set, NULL, NULL, NULL);
}

static void in_epoll(void)
{
    int queue = epoll_create1(0), ends[2];
    struct epoll_event event = {.events = EPOLLIN};
    check(pipe(ends) == 0 && epoll_ctl(queue, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll");
    ready();
    epoll_wait(queue, &event, 1, -1);
}

static void in_sleep(void)
{
    ready();
    sleep(1000);
}

static void in_pause(void)
{
    ready();
    pause();
}

static void in_sigsuspend(void)
{
    sigset_t all;
    sigfillset(&all);
    ready();
    sigsuspend(&all);
}

static void in_sigwait(void)
{
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    ready();
    sigwaitinfo(&set, &info);
}

/* Ends when whoever made it has ended, without being told. */
static void until_orphaned(const int ends[2])
{
    char byte;
    close(self->life);
    close(self->mouth);
    close(ends[1]);
    (void)!read(ends[0], &byte, 1);
    _exit(0);
}

static void in_wait(void)
{
    int ends[2];
    check(pipe(ends) == 0, "pipe");
    pid_t child = fork();
    check(child >= 0, "fork");
    if (child == 0)
        until_orphaned(ends);
    ready();
    waitpid(child, NULL, 0);
}

static void in_vfork(void)
{
    int ends[2];
    check(pipe(ends) == 0, "pipe");
    ready();
    /* The child has the parent's memory: nothing of that may be changed. */
    if (vfork() == 0)
        until_orphaned(ends);
}

static void in_join(void)
{
    struct spawn arguments = spawn_of(SELF);
    struct message none = {0};
    struct ending ending;
    int ends[2], pidfd;
    check(pipe(ends) == 0, "pipe");
    int id = rg_spawn(&arguments, &pidfd);
    check(id >= 0, "spawn");
    if (id == 0)
        until_orphaned(ends);
    ready();
    rg_join(pidfd, &none, &ending, FOREVER);
}

static int locked_file(void)
{
    int file = open("locked", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    check(file >= 0, "a file");
    return file;
}

/* The whole program holds both of its locks. */
static void in_record_lock(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = locked_file();
    ready();
    fcntl(file, F_SETLKW, &lock);
}

static void in_flock(void)
{
    int file = locked_file();
    ready();
    flock(file, LOCK_EX);
}

static void in_accept(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "victim-%d", getpid());
    check(bind(server, (void *)&address, sizeof address) == 0 && listen(server, 1) == 0, "listen");
    ready();
    accept(server, NULL, NULL);
}

static void in_socket_read(void)
{
    int ends[2];
    char byte;
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    ready();
    recv(ends[0], &byte, 1, 0);
}

static void in_socket_write(void)
{
    static char bytes[MIB];
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    ready();
    send(ends[0], bytes, sizeof bytes, 0);
}

static void in_eventfd(void)
{
    uint64_t word;
    int events = eventfd(0, 0);
    ready();
    (void)!read(events, &word, sizeof word);
}

static void in_timerfd(void)
{
    uint64_t word;
    struct itimerspec late = {.it_value.tv_sec = 1000};
    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    timerfd_settime(timer, 0, &late, NULL);
    ready();
    (void)!read(timer, &word, sizeof word);
}

static void in_signalfd(void)
{
    struct signalfd_siginfo info;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, 0);
    ready();
    (void)!read(signals, &info, sizeof info);
}

/* Nobody else ever opens it. */
static void in_fifo(void)
{
    ready();
    (void)!open("fifo", O_RDONLY);
}

static void in_terminal(void)
{
    char byte;
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    check(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0, "a terminal");
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    check(terminal >= 0, "a terminal's other side");
    ready();
    (void)!read(terminal, &byte, 1);
}

/* ---- faulting */

static void faulting(void)
{
    for (ready();; turn()) {
        char *memory = private_memory(16 * PAGE);
        for (int page = 0; page < 16; page++)
            memory[page * PAGE] = 1;
        munmap(memory, 16 * PAGE);
    }
}

/* The faults happen in the kernel, which writes into this memory. */
static void faulting_inside(void)
{
    int zero = open("/dev/zero", O_RDONLY);
    check(zero >= 0, "/dev/zero");
    for (ready();; turn()) {
        char *memory = private_memory(64 * PAGE);
        (void)!read(zero, memory, 64 * PAGE);
        munmap(memory, 64 * PAGE);
    }
}

/* Pages that its maker has, too. */
static char *inherited;

static void copying(void)
{
    for (ready();; turn()) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        for (int page = 0; page < 32; page++)
            inherited[page * PAGE]++;
        waitpid(child, NULL, 0);
    }
}

static char *closed;

static void open_again(int signal)
{
    (void)signal;
    turn();
    mprotect(closed, PAGE, PROT_READ | PROT_WRITE);
}

static void handling(void)
{
    struct sigaction action = {.sa_handler = open_again};
    closed = private_memory(PAGE);
    sigaction(SIGSEGV, &action, NULL);
    for (ready();;) {
        mprotect(closed, PAGE, PROT_NONE);
        *(volatile char *)closed = 1;
    }
}

/* ---- several threads */

static void *run_for_ever(void *unused)
{
    (void)unused;
    for (;;)
        turn();
    return NULL;
}

static void with_threads(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, run_for_ever, NULL);
    pthread_create(&thread, NULL, never, NULL);
    ready();
    never(NULL);
}

/* Its other thread may run elsewhere, so that each change is told to that core. */
static void shooting(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, never, NULL);
    char *memory = private_memory(8 * PAGE);
    for (ready();; turn()) {
        memset(memory, 1, 8 * PAGE);
        mprotect(memory, 8 * PAGE, PROT_READ);
        mprotect(memory, 8 * PAGE, PROT_READ | PROT_WRITE);
        madvise(memory, 8 * PAGE, MADV_DONTNEED);
    }
}

static void *end_at_once(void *unused)
{
    return unused;
}

static void making_threads(void)
{
    for (ready();; turn()) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, end_at_once, NULL) == 0)
            pthread_join(thread, NULL);
    }
}

/* ---- making others, becoming another */

static void forking(void)
{
    for (ready();; turn()) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
    }
}

static void spawning(void)
{
    for (ready();; turn()) {
        struct spawn arguments = spawn_of(SELF);
        struct message none = {0};
        int pidfd;
        int id = rg_spawn(&arguments, &pidfd);
        if (id == 0)
            rg_finish(0, &none);
        close(pidfd);
    }
}

static char *own_path;

/* The program begins again; what counts the turns is lost, and the life tells instead. */
static void executing(void)
{
    char life[16];
    snprintf(life, sizeof life, "%d", self->life);
    execl(own_path, own_path, "again", life, NULL);
    check(0, "exec");
}

static int execute_again(const char *life)
{
    (void)!write(atoi(life), "r", 1);
    execl(own_path, own_path, "again", life, NULL);
    return 1;
}

/* ---- holding something */

/* Messages lie in channels: bytes, memory, descriptors, and the ends of another channel that
 * has messages itself. */
static void holding(void)
{
    int outer = channel(8, 0), inner = channel(8, 0), ends[2];
    char *memory = private_memory(MIB);
    check(pipe(ends) == 0, "pipe");
    memset(memory, 1, MIB);
    send_range(inner, memory, MIB);
    send_bytes(inner, memory, 1000, FOREVER);
    int carried[] = {ends[0], ends[1], inner};
    check(send_descriptors(outer, carried, 3) == 0, "a message of ends");
    send_range(outer, memory, MIB);
    check(send_bytes(self->mouth, memory, 100, FOREVER) == 0, "a message to the killer");
    close(inner);
    ready();
    never(NULL);
}

/* ---- stopped, leaving */

static void stopped(void)
{
    ready();
    raise(SIGSTOP);
    never(NULL);
}

/* It has something to put away, and its life is the last of its files. */
static void leaving(void)
{
    memset(private_memory(2 * MIB), 1, 2 * MIB);
    for (int number = 0; number < 100; number++)
        (void)!open("/dev/null", O_RDONLY);
    check(dup2(self->life, 200) == 200, "dup2");
    ready();
    while (!*self->may_leave)
        sched_yield();
    turn();
    _exit(3);
}

static const struct state {
    const char *name;
    void (*enter)(void);
    enum sight sight;
} STATES[] = {
    {"starting", starting, UNREADY},
    {"running", running, ON_CORE},
    {"calling", calling, ON_CORE},
    {"stolen", running, STOLEN},
    {"yielding", yielding, BUSY},
    {"in_pipe_read", in_pipe_read, ASLEEP},
    {"in_pipe_write", in_pipe_write, ASLEEP},
    {"in_channel_receive", in_channel_receive, ASLEEP},
    {"in_channel_send", in_channel_send, ASLEEP},
    {"in_futex", in_futex, ASLEEP},
    {"in_futex_shared", in_futex_shared, ASLEEP},
    {"in_poll", in_poll, ASLEEP},
    {"in_select", in_select, ASLEEP},
    {"in_epoll", in_epoll, ASLEEP},
    {"in_sleep", in_sleep, ASLEEP},
    {"in_pause", in_pause, ASLEEP},
    {"in_sigsuspend", in_sigsuspend, ASLEEP},
    {"in_sigwait", in_sigwait, ASLEEP},
    {"in_wait", in_wait, ASLEEP},
    {"in_vfork", in_vfork, ASLEEP},
    {"in_join", in_join, ASLEEP},
    {"in_record_lock", in_record_lock, ASLEEP},
    {"in_flock", in_flock, ASLEEP},
    {"in_accept", in_accept, ASLEEP},
    {"in_socket_read", in_socket_read, ASLEEP},
    {"in_socket_write", in_socket_write, ASLEEP},
    {"in_eventfd", in_eventfd, ASLEEP},
    {"in_timerfd", in_timerfd, ASLEEP},
    {"in_signalfd", in_signalfd, ASLEEP},
    {"in_fifo", in_fifo, ASLEEP},
    {"in_terminal", in_terminal, ASLEEP},
    {"faulting", faulting, BUSY},
    {"faulting_inside", faulting_inside, BUSY},
    {"copying", copying, BUSY},
    {"handling", handling, BUSY},
    {"with_threads", with_threads, BUSY},
    {"shooting", shooting, BUSY},
    {"making_threads", making_threads, BUSY},
    {"forking", forking, BUSY},
    {"spawning", spawning, BUSY},
    {"executing", executing, BUSY},
    {"holding", holding, ASLEEP},
    {"stopped", stopped, STOPPED},
    {"leaving", leaving, LEAVING},
};
enum { STATE_COUNT = sizeof STATES / sizeof *STATES };

/* The states that are meant: all, or one. */
static int first_state, state_count = STATE_COUNT;

/* ---- the killers */

/* What all killers count, by state. */
struct counts {
    unsigned long done, killed[STATE_COUNT], seen[STATE_COUNT];
    unsigned long messages;
};

static struct counts *counts;
/* Two words for each victim of each killer. */
static volatile unsigned *words;

static void add(unsigned long *counter, unsigned long amount)
{
    __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

struct killed {
    int state;
    pid_t id;
    /* The killer's sides. */
    int life, ear;
    volatile unsigned *turns, *may_leave;
    int is_ready, is_seen;
};

static struct killed begin(int killer, int place, int state)
{
    int ends[2], end = channel(4, 0);
    struct killed killed = {.state = state};
    killed.turns = words + (killer * AT_A_TIME + place) * 2;
    killed.may_leave = killed.turns + 1;
    *killed.turns = *killed.may_leave = 0;
    check(pipe(ends) == 0 && end >= 0, "a pipe and a channel");
    struct victim victim = {.life = ends[1],
                            .mouth = channel_end(end, O_WRONLY),
                            .turns = killed.turns,
                            .may_leave = killed.may_leave};
    killed.ear = channel_end(end, O_RDONLY);
    check(victim.mouth >= 0 && killed.ear >= 0, "a channel's ends");
    killed.life = ends[0];
    close(end);
    killed.id = fork();
    check(killed.id >= 0, "fork");
    if (killed.id == 0) {
        self = &victim;
        setpgid(0, 0);
        STATES[state].enter();
        /* Whoever waits does it for ever. */
        _exit(90);
    }
    setpgid(killed.id, killed.id);
    close(victim.life);
    close(victim.mouth);
    return killed;
}

/* A row of RG_THREADS, as far as it is asked for. */
struct row {
    int id, process, core;
    char state;
    long stolen;
};

static int find_row(const char *table, pid_t id, struct row *row)
{
    char start[16];
    snprintf(start, sizeof start, "\n%d ", id);
    const char *line = strstr(table, start);
    /* tid pid parent core state class nice weight affinity virtual_time run_time switches
     * migrations stolen */
    return line && sscanf(line, "%d %d %*d %d %c %*d %*d %*d %*s %*u %*u %*u %*u %ld", &row->id,
                          &row->process, &row->core, &row->state, &row->stolen) == 5;
}

/* Whether a core says that it runs this thread: the fourth column of RG_CORES. */
static int is_on_core(const char *table, pid_t id)
{
    for (const char *line = strchr(table, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        int thread;
        if (sscanf(line, "%*u %*u %*u %d", &thread) == 1 && thread == id)
            return 1;
    }
    return 0;
}

static void read_table(long call, char *text, size_t size)
{
    long length = syscall(call, text, size - 1);
    check(length > 0 && (size_t)length < size, "a table");
    text[length] = 0;
}

/* Looks at all that can be seen before the kill; how many are not yet where they should be. */
static int look_at(struct killed *victims, int count)
{
    static char threads[256 << 10], cores[32 << 10];
    int missing = 0;
    read_table(RG_THREADS, threads, sizeof threads);
    read_table(RG_CORES, cores, sizeof cores);
    for (int number = 0; number < count; number++) {
        struct killed *victim = &victims[number];
        struct row row;
        int is_there = find_row(threads, victim->id, &row);
        enum sight sight = STATES[victim->state].sight;
        victim->is_seen = is_there && victim->is_ready &&
                          ((sight == ON_CORE && is_on_core(cores, victim->id)) ||
                           (sight == STOLEN && row.stolen > 0) ||
                           (sight == ASLEEP && row.state == 'S') ||
                           (sight == STOPPED && row.state == 'T') ||
                           (sight == BUSY && *victim->turns > 0));
        missing += (sight == ASLEEP || sight == STOPPED || sight == BUSY) && !victim->is_seen;
    }
    return missing;
}

static int is_hung_up(int life)
{
    struct pollfd wanted = {.fd = life, .events = POLLIN};
    return poll(&wanted, 1, 0) == 1 && !(wanted.revents & POLLIN) && (wanted.revents & POLLHUP);
}

static void wait_until_ready(struct killed *victim)
{
    struct pollfd wanted = {.fd = victim->life, .events = POLLIN};
    char bytes[64];
    check(poll(&wanted, 1, 60000) == 1, "a victim does not become ready");
    check(read(victim->life, bytes, 1) == 1, "a victim died of itself");
    victim->is_ready = 1;
    /* One that executes itself has no memory to count in. */
    if (STATES[victim->state].enter == executing) {
        check(poll(&wanted, 1, 60000) == 1, "a victim does not execute itself");
        ++*victim->turns;
    }
}

/* Whether it depends on others whether it is ever there: then it is looked at alone, when the
 * others of its batch are dead. */
static int is_shy(enum sight sight)
{
    return sight == ON_CORE || sight == STOLEN;
}

static void kill_one(struct killed *victim)
{
    enum sight sight = STATES[victim->state].sight;
    int answer = -1;
    if (sight == LEAVING) {
        *victim->may_leave = 1;
        for (int tries = 0; tries < 200 && !*victim->turns; tries++)
            sched_yield();
        spin(below(4) * 10000);
    }
    /* It shares a core with others, or waits for a thief. */
    for (int tries = 0; tries < 30 && is_shy(sight) && victim->is_ready; tries++) {
        look_at(victim, 1);
        if (victim->is_seen)
            break;
        usleep(below(1000));
    }
    switch (below(3)) {
    case 0:
        answer = kill(victim->id, SIGKILL);
        break;
    case 1:
        answer = kill(-victim->id, SIGKILL);
        break;
    case 2: {
        int pidfd = (int)syscall(SYS_pidfd_open, victim->id, 0);
        answer = (int)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        close(pidfd);
    }
    }
    /* One whose end had begun when the signal came has all its files still. */
    int is_there = sight == LEAVING && !is_hung_up(victim->life);
    check(answer == 0, "a kill");
    victim->is_seen |= is_there;
}

/* Whether it is dead, and both of its peers know; and whether it was where it should be. */
static void bury(struct killed *victim)
{
    enum sight sight = STATES[victim->state].sight;
    int status;
    check(waitpid(victim->id, &status, 0) == victim->id, "a victim is not reaped");
    int has_left = sight == LEAVING && status == 3 << 8;
    check(status == SIGKILL || has_left, "a victim's status");
    if (sight == LEAVING)
        victim->is_seen &= has_left;
    char bytes[4096];
    long length, all = 0;
    /* Whatever it had said before, and then the end. */
    for (;;) {
        struct pollfd wanted = {.fd = victim->life, .events = POLLIN};
        check(poll(&wanted, 1, 20000) == 1, "a pipe does not end");
        length = read(victim->life, bytes, sizeof bytes);
        check(length >= 0, "a pipe");
        if (length == 0)
            break;
        all += length;
    }
    if (sight == UNREADY)
        victim->is_seen = all == 0;
    while (receive_bytes(victim->ear, bytes, sizeof bytes, MILLISECONDS(20000)) >= 0)
        add(&counts->messages, 1);
    check(errno == ECONNRESET, "a channel does not end");
    close(victim->life);
    close(victim->ear);
    add(&counts->killed[victim->state], 1);
    add(&counts->seen[victim->state], victim->is_seen);
    add(&counts->done, 1);
}

/* So many victims, of all states in turn, in batches. */
static void work(int killer, uint64_t seed, unsigned long count)
{
    struct killed victims[AT_A_TIME];
    int turn = killer * state_count / KILLERS;
    seed_with(seed);
    for (unsigned long done = 0; done < count;) {
        int batch = count - done < AT_A_TIME ? (int)(count - done) : AT_A_TIME;
        for (int place = 0; place < batch; place++) {
            victims[place] = begin(killer, place, first_state + turn);
            turn = (turn + 1) % state_count;
            if (STATES[victims[place].state].sight == UNREADY) {
                spin(below(100000));
                kill_one(&victims[place]);
            }
        }
        if (one_in(2)) {
            for (int place = 0; place < batch; place++)
                if (STATES[victims[place].state].sight != UNREADY)
                    wait_until_ready(&victims[place]);
            for (int tries = 0; tries < 60 && look_at(victims, batch) > 0; tries++)
                usleep(1000);
        } else {
            /* Somewhere on their way; whoever is there by accident does not count. */
            usleep(below(3000));
        }
        /* In any order. */
        for (int place = batch - 1; place > 0; place--) {
            int other = (int)below(place + 1);
            struct killed victim = victims[place];
            victims[place] = victims[other];
            victims[other] = victim;
        }
        for (int pass = 0; pass < 2; pass++) {
            for (int place = 0; place < batch; place++) {
                enum sight sight = STATES[victims[place].state].sight;
                int is_late = is_shy(sight) || sight == LEAVING;
                if (sight != UNREADY && is_late == pass)
                    kill_one(&victims[place]);
            }
        }
        for (int place = 0; place < batch; place++)
            bury(&victims[place]);
        done += batch;
    }
}

static void run(uint64_t seed, unsigned long count, const char *what)
{
    unsigned long said = 0;
    int left = KILLERS;
    memset(counts, 0, sizeof *counts);
    for (int killer = 0; killer < KILLERS; killer++) {
        pid_t id = fork();
        check(id >= 0, "a killer");
        if (id == 0) {
            work(killer, seed * KILLERS + killer,
                 count / KILLERS + (killer < (int)(count % KILLERS)));
            exit(0);
        }
    }
    while (left > 0) {
        int status;
        while (left > 0 && waitpid(-1, &status, WNOHANG) > 0) {
            check(status == 0, "a killer failed");
            left--;
        }
        progress(what, counts->done, count, &said);
        usleep(20000);
    }
}

int main(int argc, char **argv)
{
    own_path = argv[0];
    if (argc == 3 && strcmp(argv[1], "again") == 0)
        return execute_again(argv[2]);
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : 1000, seen = 0;
    char name[64];
    for (int state = 0; argc > 3 && state < STATE_COUNT; state++)
        if (strcmp(argv[3], STATES[state].name) == 0)
            first_state = state, state_count = 1;
    counts = shared_memory(sizeof *counts);
    words = shared_memory(KILLERS * AT_A_TIME * 2 * sizeof *words);
    inherited = private_memory(32 * PAGE);
    memset(inherited, 1, 32 * PAGE);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char place[] = "/tmp/killsXXXXXX";
    check(mkdtemp(place) && chdir(place) == 0, place);
    int file = locked_file(), other = locked_file();
    check(fcntl(file, F_SETLK, &lock) == 0 && flock(other, LOCK_EX) == 0, "locks");
    check(mkfifo("fifo", 0600) == 0, "mkfifo");
    run(seed + 1, count / 20 + 300, "kills, before");
    struct standing before = look();
    uint64_t start = now();
    run(seed, count, "kills");
    figure("seconds", (now() - start) / 1000000000);
    figure("kills", counts->done);
    for (int state = first_state; state < first_state + state_count; state++) {
        snprintf(name, sizeof name, "killed_%s", STATES[state].name);
        figure(name, counts->killed[state]);
        snprintf(name, sizeof name, "seen_%s", STATES[state].name);
        figure(name, counts->seen[state]);
        seen += counts->seen[state];
    }
    figure("seen", seen);
    figure("states", state_count);
    figure("messages_received", counts->messages);
    check(counts->done == count, "all of them");
    for (int state = first_state; state < first_state + state_count; state++)
        check(counts->seen[state] > 0, STATES[state].name);
    must_be_back(&before);
    unlink("locked");
    unlink("fifo");
    return chdir("/") || rmdir(place);
}
