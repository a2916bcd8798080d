/* Roentgen's channels, as `python/abi` defines them, for programs in C. */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdint.h>
#include <unistd.h>

enum {
    RG_VERSION = 0x52670000,
    RG_MEMORY,
    RG_COUNTERS,
    RG_CHANNEL = 0x52670005,
    RG_CHANNEL_END,
    RG_CHANNEL_CLOSE,
    RG_SEND,
    RG_RECEIVE,
};

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

#endif
