/* The first process of the control: runs what /etc/roentgen/init says, under Linux,
 * and speaks Roentgen's frames on the first serial port, so that the same host program
 * drives both kernels. Pipes only; the control has no terminal.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { STDOUT = 0x01, STDERR = 0x02, EXIT = 0x03, CREDIT = 0x05, STDIN = 0x81, STDIN_END = 0x82, SIGNAL = 0x85 };
enum { PAYLOAD = 4096, WINDOW = 64 * 1024, WORDS = 1024 };

static int line;
static char *arguments[WORDS], *variables[WORDS], *directory = "/";

static void write_all(int to, const void *from, size_t count)
{
    const char *bytes = from;
    while (count > 0) {
        ssize_t written = write(to, bytes, count);
        if (written > 0) {
            bytes += written;
            count -= written;
        } else if (errno != EINTR && errno != EAGAIN) {
            return;
        }
    }
}

static void frame(unsigned char kind, const void *payload, size_t length)
{
    unsigned char bytes[3 + PAYLOAD] = {kind, length & 0xff, length >> 8};
    memcpy(bytes + 3, payload, length);
    write_all(line, bytes, 3 + length);
}

static void word(unsigned char kind, int value)
{
    frame(kind, &value, sizeof value);
}

static void read_records(void)
{
    static char records[1 << 20];
    int file = open("/etc/roentgen/init", O_RDONLY), argument = 0, variable = 0;
    ssize_t size = read(file, records, sizeof records - 1);
    for (char *at = records; at < records + size; at += strlen(at) + 1) {
        if (!strncmp(at, "arg=", 4) && argument < WORDS - 1)
            arguments[argument++] = at + 4;
        else if (!strncmp(at, "env=", 4) && variable < WORDS - 1)
            variables[variable++] = at + 4;
        else if (!strncmp(at, "cwd=", 4))
            directory = at + 4;
    }
    close(file);
}

static void finish(int status)
{
    word(EXIT, WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
    tcdrain(line);
    if (ioperm(0xf4, 4, 1) == 0)
        outl(0, 0xf4);
    reboot(RB_AUTOBOOT);
}

/* Standard input that the child has not taken yet; never more than the credit. */
static char held[WINDOW];
static size_t held_count;
static int is_ended;
static pid_t child;

static void receive(void)
{
    static unsigned char buffer[3 + PAYLOAD];
    static size_t count;
    ssize_t got = read(line, buffer + count, sizeof buffer - count);
    if (got > 0)
        count += got;
    for (;;) {
        size_t length = buffer[1] | buffer[2] << 8;
        if (count < 3 || length > PAYLOAD || count < 3 + length)
            return;
        if (buffer[0] == STDIN && held_count + length <= sizeof held) {
            memcpy(held + held_count, buffer + 3, length);
            held_count += length;
        } else if (buffer[0] == STDIN_END) {
            is_ended = 1;
        } else if (buffer[0] == SIGNAL) {
            kill(child, buffer[3]);
        }
        count -= 3 + length;
        memmove(buffer, buffer + 3 + length, count);
    }
}

static int forward(int from, unsigned char kind)
{
    char buffer[PAYLOAD];
    ssize_t got = read(from, buffer, sizeof buffer);
    if (got > 0)
        frame(kind, buffer, got);
    return got > 0 || (got < 0 && errno == EINTR);
}

static void feed(int *to)
{
    ssize_t written = held_count ? write(*to, held, held_count) : 0;
    if (written > 0) {
        held_count -= written;
        memmove(held, held + written, held_count);
        word(CREDIT, written);
    } else if (written < 0 && errno == EPIPE) {
        word(CREDIT, held_count);
        held_count = 0;
    }
    if (is_ended && held_count == 0) {
        close(*to);
        *to = -1;
    }
}

/* The loopback device is there and up on the other kernel. */
static void have_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ioctl(any, SIOCSIFFLAGS, &request);
    close(any);
}

int main(void)
{
    int in[2], out[2], err[2], status = 0;
    struct termios raw;

    mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
    mount("proc", "/proc", "proc", 0, 0);
    mount("sysfs", "/sys", "sysfs", 0, 0);
    have_loopback();
    signal(SIGPIPE, SIG_IGN);
    line = open("/dev/ttyS0", O_RDWR | O_NOCTTY | O_CLOEXEC);
    tcgetattr(line, &raw);
    cfmakeraw(&raw);
    cfsetspeed(&raw, B115200);
    tcsetattr(line, TCSANOW, &raw);
    write_all(line, "\x00\x0eRGfrm1", 8);
    read_records();

    pipe2(in, O_CLOEXEC);
    pipe2(out, O_CLOEXEC);
    pipe2(err, O_CLOEXEC);
    child = fork();
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(err[1], 2);
        if (chdir(directory) == 0)
            execve(arguments[0], arguments, variables);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    fcntl(in[1], F_SETFL, O_NONBLOCK);
    word(CREDIT, WINDOW);
    while (out[0] >= 0 || err[0] >= 0) {
        struct pollfd set[] = {
            {line, POLLIN, 0},
            {out[0], POLLIN, 0},
            {err[0], POLLIN, 0},
            {in[1], held_count || is_ended ? POLLOUT : 0, 0},
        };
        poll(set, 4, -1);
        if (set[0].revents)
            receive();
        if (set[1].revents && !forward(out[0], STDOUT))
            out[0] = -1;
        if (set[2].revents && !forward(err[0], STDERR))
            err[0] = -1;
        if (in[1] >= 0 && (held_count || is_ended))
            feed(&in[1]);
    }
    waitpid(child, &status, 0);
    finish(status);
}
