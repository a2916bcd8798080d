/* Roentgen's own calls, as python/abi has them. On another kernel each is ENOSYS. */
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
};

#define FOREVER UINT64_MAX
#define UNLIMITED UINT64_MAX
/* struct spawn: template: clone the caller. */
#define SELF (-1)

struct message {
    const void *bytes;
    uint64_t length;
    struct range *ranges;
    uint64_t range_count;
    int *descriptors;
    uint64_t descriptor_count;
};

struct range {
    const void *address;
    uint64_t length;
};

struct placed {
    int from, to;
};

struct spawn {
    int template;
    int nice;
    const void *affinity;
    uint64_t affinity_size;
    uint64_t memory, cpu_time, deadline;
    const char *name;
    uint64_t name_length;
    const struct placed *descriptors;
    uint64_t descriptor_count;
    void *id_address;
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

#endif
