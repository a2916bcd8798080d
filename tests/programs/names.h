/* Names for what a kernel answers with, so that two outputs can be read side by side. */
#ifndef NAMES_H
#define NAMES_H

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static inline const char *errno_name(int number)
{
    static char other[16];
#define NAME(name) \
    case name:     \
        return #name;
    switch (number) {
        NAME(EPERM) NAME(ENOENT) NAME(ESRCH) NAME(EINTR) NAME(EIO) NAME(ENXIO) NAME(E2BIG)
        NAME(ENOEXEC) NAME(EBADF) NAME(ECHILD) NAME(EAGAIN) NAME(ENOMEM) NAME(EACCES)
        NAME(EFAULT) NAME(ENOTBLK) NAME(EBUSY) NAME(EEXIST) NAME(EXDEV) NAME(ENODEV)
        NAME(ENOTDIR) NAME(EISDIR) NAME(EINVAL) NAME(ENFILE) NAME(EMFILE) NAME(ENOTTY)
        NAME(ETXTBSY) NAME(EFBIG) NAME(ENOSPC) NAME(ESPIPE) NAME(EROFS) NAME(EMLINK)
        NAME(EPIPE) NAME(EDOM) NAME(ERANGE) NAME(EDEADLK) NAME(ENAMETOOLONG) NAME(ENOLCK)
        NAME(ENOSYS) NAME(ENOTEMPTY) NAME(ELOOP) NAME(ENODATA) NAME(EOVERFLOW)
        NAME(EDESTADDRREQ) NAME(EMSGSIZE) NAME(EPROTOTYPE) NAME(ENOPROTOOPT)
        NAME(EPROTONOSUPPORT) NAME(ESOCKTNOSUPPORT) NAME(EOPNOTSUPP) NAME(EAFNOSUPPORT)
        NAME(EADDRINUSE) NAME(EADDRNOTAVAIL) NAME(ECONNRESET) NAME(ENOBUFS) NAME(EISCONN)
        NAME(ENOTCONN) NAME(ETIMEDOUT) NAME(ECONNREFUSED) NAME(EALREADY) NAME(EINPROGRESS)
        NAME(EOWNERDEAD) NAME(ENOTRECOVERABLE) NAME(ENOTSOCK) NAME(ELIBBAD)
    }
#undef NAME
    snprintf(other, sizeof other, "errno %d", number);
    return other;
}

static inline const char *signal_name(int number)
{
    static char other[16];
    switch (number) {
    case SIGILL:
        return "SIGILL";
    case SIGTRAP:
        return "SIGTRAP";
    case SIGABRT:
        return "SIGABRT";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    case SIGKILL:
        return "SIGKILL";
    case SIGSEGV:
        return "SIGSEGV";
    case SIGPIPE:
        return "SIGPIPE";
    case SIGALRM:
        return "SIGALRM";
    case SIGXCPU:
        return "SIGXCPU";
    case SIGXFSZ:
        return "SIGXFSZ";
    case SIGSYS:
        return "SIGSYS";
    }
    snprintf(other, sizeof other, "signal %d", number);
    return other;
}

/* How a child ended, in words. */
static inline const char *ending(int status)
{
    static char text[32];
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "%s", signal_name(WTERMSIG(status)));
    else
        snprintf(text, sizeof text, "exit %d", WEXITSTATUS(status));
    return text;
}

#endif
