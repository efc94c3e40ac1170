/* What a process does to the files of a folder, in the order in which it does it.

   Preloaded into a service (LD_PRELOAD) it writes each change to the file POWER_LOG, as a header
   and the bytes: what was written, cut to a length, made, removed, renamed or synced in POWER_FOLDER.
   The log is in the order of the calls, since one is let through at a time. What is mapped into
   memory is not seen: SQLite maps its shared memory only, and makes that anew after a crash. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct __attribute__((packed)) header {
    char kind;
    uint64_t at, offset; /* nanoseconds of CLOCK_MONOTONIC; bytes */
    uint32_t name, data; /* lengths of what follows */
};

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static int log_fd = -1;

static void __attribute__((constructor)) begin(void) {
    const char *where = getenv("POWER_FOLDER"), *to = getenv("POWER_LOG");
    if (where && to && realpath(where, folder))
        log_fd = syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The name inside the folder, "." for itself; NULL if it is elsewhere. */
static const char *inside(const char *path) {
    size_t length = strlen(folder);
    if (log_fd < 0 || strncmp(path, folder, length)) return NULL;
    return path[length] == '/' ? path + length + 1 : path[length] ? NULL : ".";
}

static const char *called(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = log_fd < 0 ? -1 : readlink(link, path, PATH_MAX - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    return inside(path);
}

static void note(char kind, uint64_t at, const char *name, uint64_t offset, const void *data,
                 size_t size) {
    struct header head = {kind, at, offset, (uint32_t)strlen(name), (uint32_t)size};
    struct iovec parts[] = {
        {&head, sizeof head}, {(void *)name, head.name}, {(void *)data, size}};
    size_t all = sizeof head + head.name + size;
    if ((size_t)syscall(SYS_writev, log_fd, parts, 3) != all) abort(); /* a log with a gap proves nothing */
}

#define LOCKED pthread_mutex_lock(&one)
#define DONE                          \
    do {                              \
        int kept = errno;             \
        pthread_mutex_unlock(&one);   \
        errno = kept;                 \
    } while (0)

static ssize_t written(int fd, const void *data, size_t size, off64_t offset) {
    char path[PATH_MAX];
    const char *name = called(fd, path);
    LOCKED;
    uint64_t at = now(); /* of it a part may be there from now on */
    off64_t where = offset < 0 ? lseek64(fd, 0, SEEK_CUR) : offset;
    if (offset < 0 && (fcntl(fd, F_GETFL) & O_APPEND)) where = lseek64(fd, 0, SEEK_END);
    ssize_t done = offset < 0 ? syscall(SYS_write, fd, data, size)
                              : syscall(SYS_pwrite64, fd, data, size, offset);
    if (name && done > 0 && where >= 0) note('W', at, name, (uint64_t)where, data, (size_t)done);
    DONE;
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return written(fd, data, size, at); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return written(fd, data, size, at); }

ssize_t write(int fd, const void *data, size_t size) {
    char path[PATH_MAX];
    if (!called(fd, path)) return syscall(SYS_write, fd, data, size);
    return written(fd, data, size, -1);
}

static int cut(int fd, off64_t length) {
    char path[PATH_MAX];
    const char *name = called(fd, path);
    LOCKED;
    uint64_t at = now();
    int done = (int)syscall(SYS_ftruncate, fd, length);
    if (name && !done) note('T', at, name, (uint64_t)length, "", 0);
    DONE;
    return done;
}

int ftruncate64(int fd, off64_t length) { return cut(fd, length); }
int ftruncate(int fd, off_t length) { return cut(fd, length); }

static int synced(int fd, long call) {
    char path[PATH_MAX];
    const char *name = called(fd, path);
    LOCKED;
    int done = (int)syscall(call, fd);
    if (name && !done) note('S', now(), name, 0, "", 0); /* it holds from the end on */
    DONE;
    return done;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

static int opened(int at, const char *path, int flags, mode_t mode) {
    LOCKED;
    uint64_t begun = now();
    struct stat found;
    int fresh = (flags & O_CREAT) && fstatat(at, path, &found, 0);
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    char real[PATH_MAX];
    int kept = errno;
    if (fd >= 0 && (flags & (O_CREAT | O_TRUNC)) && (flags & O_TMPFILE) != O_TMPFILE) {
        const char *name = called(fd, real);
        if (name && fresh) note('C', begun, name, 0, "", 0);
        else if (name && (flags & O_TRUNC)) note('T', begun, name, 0, "", 0);
    }
    errno = kept;
    DONE;
    return fd;
}

#define MODE(flags, mode)                                        \
    mode_t mode = 0;                                             \
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) { \
        va_list more;                                            \
        va_start(more, flags);                                   \
        mode = va_arg(more, mode_t);                             \
        va_end(more);                                            \
    }

int open(const char *path, int flags, ...) { MODE(flags, mode) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags, mode) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags, mode) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags, mode) return opened(at, path, flags, mode); }

int unlink(const char *path) {
    char real[PATH_MAX];
    const char *name = log_fd >= 0 && realpath(path, real) ? inside(real) : NULL;
    LOCKED;
    uint64_t at = now();
    int done = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (name && !done) note('U', at, name, 0, "", 0);
    DONE;
    return done;
}

int rename(const char *from, const char *to) {
    char before[PATH_MAX], after[PATH_MAX];
    const char *old = log_fd >= 0 && realpath(from, before) ? inside(before) : NULL;
    LOCKED;
    uint64_t at = now();
    int done = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    const char *name = old && !done && realpath(to, after) ? inside(after) : NULL;
    if (name) note('R', at, old, 0, name, strlen(name));
    DONE;
    return done;
}
