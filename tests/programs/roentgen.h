/* Roentgen's own calls, as `python/abi` defines them, for programs in C. On another kernel
 * each is ENOSYS. */
#ifndef ROENTGEN_H
#define ROENTGEN_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    RG_VERSION = 0x52670000,
    RG_MEMORY,
    RG_COUNTERS,
    RG_CORES,
    RG_THREADS,
    RG_CHANNEL,
    RG_CHANNEL_END,
    RG_CHANNEL_CLOSE,
    RG_SEND,
    RG_RECEIVE,
    RG_FREEZE,
    RG_SPAWN,
    RG_PAYLOAD,
    RG_FINISH,
    RG_JOIN,
    RG_PROCESS,
    RG_FAIL_ALLOCATION,
    RG_TEMPLATE,
    RG_TRACE_WRITES,
    RG_GRANT = RG_VERSION + 44,
};

enum { GRANT_DEVICES = 1, GRANT_INHERIT = 2 };

#define FOREVER UINT64_MAX
#define MILLISECONDS(count) ((uint64_t)(count) * 1000000)

enum { MOST_BYTES = 1 << 20, MOST_RANGES = 64, MOST_DESCRIPTORS = 253, LEAST_RANGE = 1 << 20 };

struct range {
    uint64_t address, length;
};

struct message {
    uint64_t bytes, length;
    uint64_t ranges, range_count;
    uint64_t descriptors, descriptor_count;
};

static inline int channel(size_t capacity, unsigned flags)
{
    return (int)syscall(RG_CHANNEL, capacity, flags);
}

static inline int channel_end(int end, unsigned mode)
{
    return (int)syscall(RG_CHANNEL_END, end, mode);
}

static inline int channel_close(int end)
{
    return (int)syscall(RG_CHANNEL_CLOSE, end);
}

static inline int send_message(int end, const struct message *message, uint64_t timeout)
{
    return (int)syscall(RG_SEND, end, message, timeout);
}

static inline int receive_message(int end, struct message *message, uint64_t timeout)
{
    return (int)syscall(RG_RECEIVE, end, message, timeout);
}

/* Messages of bytes only. A receive answers with their number, or -1. */
static inline int send_bytes(int end, const void *bytes, size_t length, uint64_t timeout)
{
    struct message message = {.bytes = (uintptr_t)bytes, .length = length};
    return send_message(end, &message, timeout);
}

static inline long receive_bytes(int end, void *bytes, size_t length, uint64_t timeout)
{
    struct message message = {.bytes = (uintptr_t)bytes, .length = length};
    return receive_message(end, &message, timeout) ? -1 : (long)message.length;
}

/* A message of one range, or of descriptors. */
static inline int send_range(int end, const void *address, size_t length)
{
    struct range range = {(uintptr_t)address, length};
    struct message message = {.ranges = (uintptr_t)&range, .range_count = 1};
    return send_message(end, &message, FOREVER);
}

static inline int send_descriptors(int end, const int *descriptors, size_t count)
{
    struct message message = {.descriptors = (uintptr_t)descriptors, .descriptor_count = count};
    return send_message(end, &message, FOREVER);
}

#define UNLIMITED UINT64_MAX
/* struct spawn: template: clone the caller. */
#define SELF (-1)

struct placed {
    int from, to;
};

struct spawn {
    int template;
    int nice;
    uint64_t affinity, affinity_size;
    uint64_t memory, cpu_time, deadline;
    uint64_t name, name_length;
    uint64_t descriptors, descriptor_count;
    uint64_t id_address;
    struct message payload;
};

struct ending {
    uint32_t status, limit, has_answer, reserved;
};

enum { LIMIT_MEMORY = 1, LIMIT_CPU_TIME, LIMIT_DEADLINE, LIMIT_MACHINE };

/* A spawn without limits. */
static inline struct spawn spawn_of(int template)
{
    return (struct spawn){
        .template = template, .memory = UNLIMITED, .cpu_time = UNLIMITED, .deadline = UNLIMITED};
}

static inline int rg_freeze(const int *kept, size_t count, int *template)
{
    return (int)syscall(RG_FREEZE, kept, count, template, 0);
}

static inline int rg_spawn(const struct spawn *arguments, int *pidfd)
{
    return (int)syscall(RG_SPAWN, arguments, sizeof *arguments, pidfd);
}

static inline int rg_payload(struct message *message)
{
    return (int)syscall(RG_PAYLOAD, message);
}

static inline int rg_finish(unsigned status, const struct message *answer)
{
    return (int)syscall(RG_FINISH, status, answer);
}

static inline int rg_join(int pidfd, struct message *answer, struct ending *ending, uint64_t nanos)
{
    return (int)syscall(RG_JOIN, pidfd, answer, ending, nanos);
}

/* Has `count` allocations fail, the nth from now on the first; how many were to come up to
 * the first that was asked for before. */
static inline long rg_trace_writes(int template, uint64_t *addresses, size_t count)
{
    return syscall(RG_TRACE_WRITES, template, addresses, count);
}

static inline long rg_fail_allocation(unsigned nth, unsigned count)
{
    return syscall(RG_FAIL_ALLOCATION, nth, count);
}

#endif
