/* Pipes under load: more than fits goes through, in order, whoever waits is told, and the
 * end is seen on both sides. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "names.h"

enum { BYTES = 1 << 20, MOST = 70000 };

static unsigned char buffer[MOST];

static unsigned char byte_at(size_t position)
{
    return (unsigned char)(position ^ (position >> 8) ^ (position >> 16));
}

/* Writes everything in pieces of `piece` bytes, some larger than the pipe. */
static void write_all(int end, size_t piece)
{
    for (size_t done = 0; done < BYTES;) {
        size_t count = piece < BYTES - done ? piece : BYTES - done;
        for (size_t i = 0; i < count; i++)
            buffer[i] = byte_at(done + i);
        for (size_t sent = 0; sent < count;) {
            ssize_t step = write(end, buffer + sent, count - sent);
            if (step <= 0)
                _exit(1);
            sent += (size_t)step;
        }
        done += count;
    }
}

static void through(size_t write_piece, size_t read_piece)
{
    int ends[2], status;
    if (pipe(ends))
        exit(1);
    pid_t writer = fork();
    if (writer == 0) {
        close(ends[0]);
        write_all(ends[1], write_piece);
        _exit(0);
    }
    close(ends[1]);
    size_t done = 0, wrong = 0;
    for (;;) {
        ssize_t count = read(ends[0], buffer, read_piece);
        if (count <= 0)
            break;
        for (ssize_t i = 0; i < count; i++)
            wrong += buffer[i] != byte_at(done + (size_t)i);
        done += (size_t)count;
    }
    close(ends[0]);
    waitpid(writer, &status, 0);
    printf("pieces of %zu, read by %zu: %zu bytes, %zu wrong, writer %d\n", write_piece,
           read_piece, done, wrong, WEXITSTATUS(status));
}

/* A writer that waits for room in poll is told when there is some. */
static void room_is_told(void)
{
    int ends[2];
    if (pipe2(ends, O_NONBLOCK))
        exit(1);
    long filled = 0;
    ssize_t count;
    while ((count = write(ends[1], buffer, 4096)) > 0)
        filled += count;
    printf("a pipe takes %ld bytes, then %s\n", filled, errno_name(errno));
    pid_t reader = fork();
    if (reader == 0) {
        usleep(50000);
        for (long done = 0; done < filled;) {
            ssize_t step = read(ends[0], buffer, 4096);
            if (step <= 0)
                _exit(1);
            done += step;
        }
        _exit(0);
    }
    struct pollfd wanted = {.fd = ends[1], .events = POLLOUT};
    int ready = poll(&wanted, 1, 20000);
    printf("room is told: %d, %s\n", ready, wanted.revents & POLLOUT ? "POLLOUT" : "nothing");
    waitpid(reader, NULL, 0);
    close(ends[0]);
    close(ends[1]);
}

static void the_end_is_seen(void)
{
    int ends[2];
    if (pipe(ends))
        exit(1);
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    printf("nobody reads: %s\n", write(ends[1], "x", 1) < 0 ? errno_name(errno) : "written");
    close(ends[1]);
}

int main(void)
{
    through(64, 4096);
    through(4096, 64);
    through(MOST, 1000);
    through(777, MOST);
    room_is_told();
    the_end_is_seen();
    return 0;
}
