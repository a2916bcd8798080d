/* Wake-ups as servers see them.
 *
 *   bench_wake latency WORKERS MESSAGES SAMPLES   in schbench's manner: one thread wakes all
 *       workers at once, again and again; nanoseconds from then until a worker runs: the
 *       median, the 99th of a hundred, the longest
 *   bench_wake groups GROUPS PEERS MESSAGES SAMPLES   in hackbench's manner: in each group
 *       PEERS processes write messages to each of PEERS others; nanoseconds a message */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "bench.h"

enum { MOST_WORKERS = 64, MOST_PEERS = 32, MESSAGE = 100, PAUSE_MICROSECONDS = 1000 };
enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

/* -- latency */

static _Atomic int round_now, done;
static double posted, *latencies;
static int worker_count, message_count;

static void *work(void *argument)
{
    long worker = (long)argument;
    for (int message = 0; message < message_count; message++) {
        while (round_now <= message)
            syscall(SYS_futex, &round_now, FUTEX_WAIT_PRIVATE, message, NULL, NULL, 0);
        latencies[message * worker_count + worker] = now() - posted;
        done++;
    }
    return NULL;
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void latency(void)
{
    pthread_t threads[MOST_WORKERS];
    int count = worker_count * message_count;
    must(worker_count <= MOST_WORKERS, "too many workers");
    latencies = malloc(count * sizeof *latencies);
    must(latencies != NULL, "malloc");
    round_now = done = 0;
    for (long worker = 0; worker < worker_count; worker++)
        must(pthread_create(&threads[worker], NULL, work, (void *)worker) == 0, "pthread_create");
    for (int message = 0; message < message_count; message++) {
        /* All are asleep again when this is over, but for a few on a slow machine. */
        do
            usleep(PAUSE_MICROSECONDS);
        while (done < message * worker_count);
        posted = now();
        round_now = message + 1;
        syscall(SYS_futex, &round_now, FUTEX_WAKE_PRIVATE, worker_count, NULL, NULL, 0);
    }
    for (int worker = 0; worker < worker_count; worker++)
        pthread_join(threads[worker], NULL);
    qsort(latencies, count, sizeof *latencies, ascending);
    report("wake_p50", latencies[count / 2]);
    report("wake_p99", latencies[count * 99 / 100]);
    report("wake_most", latencies[count - 1]);
    free(latencies);
}

/* -- groups */

static void send_all(int gate, int (*pipes)[2], int peers, int messages)
{
    char bytes[MESSAGE] = {0};
    must(read(gate, bytes, 1) == 0, "the gate");
    for (int message = 0; message < messages; message++)
        for (int peer = 0; peer < peers; peer++)
            must(write(pipes[peer][1], bytes, MESSAGE) == MESSAGE, "write");
}

static void receive_all(int from, int count)
{
    char bytes[MESSAGE];
    for (int left = count * MESSAGE; left > 0;) {
        ssize_t got = read(from, bytes, left < MESSAGE ? left : MESSAGE);
        must(got > 0, "read");
        left -= got;
    }
}

static void groups(int group_count, int peers, int messages)
{
    int gate[2], pipes[MOST_PEERS][2];
    must(peers <= MOST_PEERS && pipe(gate) == 0, "pipe");
    for (int group = 0; group < group_count; group++) {
        for (int peer = 0; peer < peers; peer++)
            must(pipe(pipes[peer]) == 0, "pipe");
        for (int child = 0; child < 2 * peers; child++) {
            pid_t id = fork();
            must(id >= 0, "fork");
            if (id != 0)
                continue;
            close(gate[1]);
            if (child < peers)
                receive_all(pipes[child][0], peers * messages);
            else
                send_all(gate[0], pipes, peers, messages);
            _exit(0);
        }
        for (int peer = 0; peer < peers; peer++) {
            close(pipes[peer][0]);
            close(pipes[peer][1]);
        }
    }
    close(gate[0]);
    double begin = now();
    close(gate[1]);
    reap(group_count * 2 * peers);
    report("groups", (now() - begin) / group_count / peers / peers / messages);
}

int main(int count, char **words)
{
    if (count == 5 && !strcmp(words[1], "latency")) {
        worker_count = number(words[2]);
        message_count = number(words[3]);
        for (int sample = number(words[4]); sample > 0; sample--)
            latency();
        return 0;
    }
    if (count == 6 && !strcmp(words[1], "groups")) {
        for (int sample = number(words[5]); sample > 0; sample--)
            groups(number(words[2]), number(words[3]), number(words[4]));
        return 0;
    }
    return 2;
}
