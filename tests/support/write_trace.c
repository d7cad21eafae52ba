/* Records what a process writes below $WRITE_TRACE_ROOT, and when it asks for durability, into $WRITE_TRACE.
 *
 * Preloaded (LD_PRELOAD). Each entry: op (1 byte), offset (8), path length (2), data length (4), path, data; host order.
 * Ops: O create, W write, T truncate, S sync, U unlink, R rename (data = new path).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define MAX_FILES 1024
static char *paths[MAX_FILES];
static char root[PATH_MAX];
static int trace = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ssize_t (*real_write)(int, const void *, size_t);

static void emit(char op, const char *path, int64_t offset, const void *data, uint32_t size) {
    uint16_t length = (uint16_t)strlen(path);
    pthread_mutex_lock(&lock);
    real_write(trace, &op, 1);
    real_write(trace, &offset, 8);
    real_write(trace, &length, 2);
    real_write(trace, &size, 4);
    real_write(trace, path, length);
    if (size) real_write(trace, data, size);
    pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    const char *where = getenv("WRITE_TRACE"), *below = getenv("WRITE_TRACE_ROOT");
    if (!where || !below || !realpath(below, root)) return;
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    trace = real_open(where, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static const char *known(int fd) { return trace >= 0 && fd >= 0 && fd < MAX_FILES ? paths[fd] : NULL; }

static int opened(int fd, int flags, int existed) {
    char link[64], path[PATH_MAX];
    if (trace < 0 || fd < 0 || fd >= MAX_FILES) return fd;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    free(paths[fd]);
    paths[fd] = NULL;
    if (size <= 0) return fd;
    path[size] = 0;
    if (strncmp(path, root, strlen(root))) return fd;
    paths[fd] = strdup(path);
    if ((flags & O_CREAT) && !existed) emit('O', path, 0, NULL, 0);
    if ((flags & O_TRUNC) && existed) emit('T', path, 0, NULL, 0);
    return fd;
}

#define OPENER(name)                                                          \
    int name(const char *path, int flags, ...) {                              \
        static int (*real)(const char *, int, ...);                           \
        if (!real) real = dlsym(RTLD_NEXT, #name);                            \
        va_list list;                                                         \
        va_start(list, flags);                                                \
        mode_t mode = (flags & O_CREAT) ? va_arg(list, mode_t) : 0;           \
        va_end(list);                                                         \
        int existed = access(path, F_OK) == 0;                                \
        return opened(real(path, flags, mode), flags, existed);               \
    }
OPENER(open)
OPENER(open64)

int openat(int folder, const char *path, int flags, ...) {
    static int (*real)(int, const char *, int, ...);
    if (!real) real = dlsym(RTLD_NEXT, "openat");
    va_list list;
    va_start(list, flags);
    mode_t mode = (flags & O_CREAT) ? va_arg(list, mode_t) : 0;
    va_end(list);
    int existed = faccessat(folder, path, F_OK, 0) == 0;
    return opened(real(folder, path, flags, mode), flags, existed);
}

int close(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "close");
    if (fd >= 0 && fd < MAX_FILES && fd != trace) {
        free(paths[fd]);
        paths[fd] = NULL;
    }
    return real(fd);
}

ssize_t write(int fd, const void *data, size_t size) {
    const char *path = known(fd);
    off_t at = path ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = real_write(fd, data, size);
    if (path && done > 0) emit('W', path, at, data, (uint32_t)done);
    return done;
}

#define PWRITER(name)                                                         \
    ssize_t name(int fd, const void *data, size_t size, off_t offset) {       \
        static ssize_t (*real)(int, const void *, size_t, off_t);             \
        if (!real) real = dlsym(RTLD_NEXT, #name);                            \
        ssize_t done = real(fd, data, size, offset);                          \
        const char *path = known(fd);                                         \
        if (path && done > 0) emit('W', path, offset, data, (uint32_t)done);  \
        return done;                                                          \
    }
PWRITER(pwrite)
PWRITER(pwrite64)

#define TRUNCATER(name)                                                       \
    int name(int fd, off_t size) {                                            \
        static int (*real)(int, off_t);                                       \
        if (!real) real = dlsym(RTLD_NEXT, #name);                            \
        int done = real(fd, size);                                            \
        const char *path = known(fd);                                         \
        if (path && done == 0) emit('T', path, size, NULL, 0);                \
        return done;                                                          \
    }
TRUNCATER(ftruncate)
TRUNCATER(ftruncate64)

#define SYNCER(name)                                                          \
    int name(int fd) {                                                        \
        static int (*real)(int);                                              \
        if (!real) real = dlsym(RTLD_NEXT, #name);                            \
        const char *path = known(fd);                                         \
        int done = real(fd);                                                  \
        if (path && done == 0) emit('S', path, 0, NULL, 0);                   \
        return done;                                                          \
    }
SYNCER(fsync)
SYNCER(fdatasync)

int unlink(const char *path) {
    static int (*real)(const char *);
    if (!real) real = dlsym(RTLD_NEXT, "unlink");
    char whole[PATH_MAX];
    int ours = trace >= 0 && realpath(path, whole) && !strncmp(whole, root, strlen(root));
    int done = real(path);
    if (ours && done == 0) emit('U', whole, 0, NULL, 0);
    return done;
}

int rename(const char *from, const char *to) {
    static int (*real)(const char *, const char *);
    if (!real) real = dlsym(RTLD_NEXT, "rename");
    char before[PATH_MAX], after[PATH_MAX];
    int ours = trace >= 0 && realpath(from, before) && !strncmp(before, root, strlen(root));
    int done = real(from, to);
    if (ours && done == 0 && realpath(to, after)) emit('R', before, 0, after, (uint32_t)strlen(after));
    return done;
}
