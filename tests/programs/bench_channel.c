/* What channels cost.
 *
 *   bench_channel round one|across BYTES ROUNDS SAMPLES   a message there and another one
 *       back, between two processes on one core or on two: nanoseconds for both
 *   bench_channel range BYTES ROUNDS SAMPLES   a message of one range to another process on
 *       another core, which looks at its first and last byte, unmaps it and answers:
 *       nanoseconds from the send until the answer. Filling it is not part of it.
 *   bench_channel many SENDERS RECEIVERS CAPACITY COUNT SAMPLES   COUNT messages of 64 bytes
 *       from each of several processes to several others: nanoseconds for each message
 *
 * A kernel without channels has no figures, and prints none. */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>

#include "roentgen.h"

enum { MOST_MESSAGE = 65536, MOST_PEERS = 64 };

static char buffer[MOST_MESSAGE], name[64];

/* A child on that core gets an end of `there` to receive and one of `back` to send. */
static void child_on(int core, int there, int back, void (*body)(int, int, int), int turns)
{
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        pin(core);
        body(there, back, turns);
        exit(0);
    }
}

static size_t size;

static void answer(int there, int back, int turns)
{
    for (int turn = 0; turn < turns; turn++) {
        must(receive_bytes(there, buffer, size, FOREVER) == (long)size, "receive");
        must(send_bytes(back, buffer, size, FOREVER) == 0, "send");
    }
}

static void rounds_of(int core, int rounds, int samples)
{
    int there = channel(1, 0), back = channel(1, 0);
    must(there >= 0 && back >= 0, "channel");
    /* A sample more: the first one warms up. */
    child_on(core, there, back, answer, (samples + 1) * rounds);
    pin(0);
    for (int sample = 0; sample <= samples; sample++) {
        double begin = now();
        for (int round = 0; round < rounds; round++) {
            must(send_bytes(there, buffer, size, FOREVER) == 0, "send");
            must(receive_bytes(back, buffer, size, FOREVER) == (long)size, "receive");
        }
        if (sample)
            report(name, (now() - begin) / rounds);
    }
    reap(1);
}

static void take(int there, int back, int turns)
{
    for (int turn = 0; turn < turns; turn++) {
        struct range range;
        struct message message = {.ranges = (uintptr_t)&range, .range_count = 1};
        must(receive_message(there, &message, FOREVER) == 0, "receive");
        char *bytes = (char *)range.address;
        must(range.length == size && bytes[0] == 'f' && bytes[size - 1] == 'l', "the range");
        must(munmap(bytes, size) == 0, "munmap");
        must(send_bytes(back, buffer, 1, FOREVER) == 0, "send");
    }
}

static void ranges_of(int rounds, int samples)
{
    enum { SPAN = 2 << 20 };
    int there = channel(1, 0), back = channel(1, 0);
    must(there >= 0 && back >= 0, "channel");
    child_on(1, there, back, take, (samples + 1) * rounds);
    pin(0);
    char *memory = mmap(NULL, size + SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                        -1, 0);
    must(memory != MAP_FAILED, "mmap");
    memory = (char *)(((uintptr_t)memory + SPAN - 1) / SPAN * SPAN);
    for (int sample = 0; sample <= samples; sample++) {
        double spent = 0;
        for (int round = 0; round < rounds; round++) {
            memset(memory, sample + round, size);
            memory[0] = 'f';
            memory[size - 1] = 'l';
            double begin = now();
            must(send_range(there, memory, size) == 0, "send");
            must(receive_bytes(back, buffer, 1, FOREVER) == 1, "receive");
            spent += now() - begin;
        }
        if (sample)
            report(name, spent / rounds);
    }
    reap(1);
}

static void many(int senders, int receivers, int capacity, int count, int samples)
{
    must(senders <= MOST_PEERS && receivers <= MOST_PEERS, "too many");
    for (int sample = 0; sample <= samples; sample++) {
        int end = channel((size_t)capacity, 0), sending[MOST_PEERS], receiving[MOST_PEERS];
        must(end >= 0, "channel");
        for (int i = 0; i < senders; i++)
            sending[i] = channel_end(end, O_WRONLY);
        for (int i = 0; i < receivers; i++)
            receiving[i] = channel_end(end, O_RDONLY);
        close(end);
        double begin = now();
        for (int child = 0; child < senders + receivers; child++) {
            if (fork() != 0)
                continue;
            /* The end of all senders is what ends the receivers. */
            for (int i = 0; i < senders; i++)
                if (i != child)
                    close(sending[i]);
            if (child < senders)
                for (int sent = 0; sent < count; sent++)
                    must(send_bytes(sending[child], buffer, 64, FOREVER) == 0, "send");
            else
                while (receive_bytes(receiving[child - senders], buffer, 64, FOREVER) == 64)
                    ;
            _exit(0);
        }
        for (int i = 0; i < senders; i++)
            close(sending[i]);
        for (int i = 0; i < receivers; i++)
            close(receiving[i]);
        reap(senders + receivers);
        if (sample)
            report(name, (now() - begin) / count / senders);
    }
}

int main(int count, char **words)
{
    if (syscall(RG_VERSION) < 0)
        return 0;
    if (count == 6 && !strcmp(words[1], "round")) {
        size = (size_t)number(words[3]);
        must(size <= MOST_MESSAGE, "too large");
        snprintf(name, sizeof name, "channel_%zu_%s", size, words[2]);
        rounds_of(!strcmp(words[2], "across"), number(words[4]), number(words[5]));
    } else if (count == 5 && !strcmp(words[1], "range")) {
        size = (size_t)number(words[2]);
        snprintf(name, sizeof name, "channel_range_%zu", size);
        ranges_of(number(words[3]), number(words[4]));
    } else if (count == 7 && !strcmp(words[1], "many")) {
        snprintf(name, sizeof name, "channel_%s_to_%s_by_%s", words[2], words[3], words[4]);
        many(number(words[2]), number(words[3]), number(words[4]), number(words[5]),
             number(words[6]));
    } else {
        return 2;
    }
    return 0;
}
