// SPDX-License-Identifier: MIT OR Apache-2.0

#include "reads.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

// ---- Files -----------------------------------------------------------------------------------

const char *path_of(int fd)
{
    static _Thread_local char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return path;
}

static int open_new(const char *where)
{
    char name[64];
    if (strcmp(where, "memory") == 0) {
        // Opened once more, because what memfd_create gives does not keep threads that share its
        // offset apart as other files do.
        int made = memfd_create("reads", MFD_CLOEXEC);
        int fd = open(path_of(made), O_RDWR | O_CLOEXEC);
        close(made);
        return fd;
    }
    snprintf(name, sizeof(name), "%sreads-XXXXXX",
             strcmp(where, "shared-memory") == 0 ? "/dev/shm/" : "");
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

int make_file(const char *where, unsigned id, size_t size)
{
    int fd = open_new(where);
    if (fd < 0 && strcmp(where, "shared-memory") == 0)
        check_skip("no files in /dev/shm");
    CHECK(fd >= 0);
    write_content(fd, id, 0, size);
    return fd;
}

// Outside of malloc's memory, and one for each thread.
static char *piece(void)
{
    static _Thread_local char bytes[MIB];
    return bytes;
}

void write_content(int fd, unsigned id, uint64_t from, uint64_t to)
{
    for (uint64_t at = from; at < to;) {
        size_t part = to - at < MIB ? to - at : MIB;
        content_make(piece(), id, at, part);
        CHECK(pwrite(fd, piece(), part, (off_t)at) == (ssize_t)part);
        at += part;
    }
}

bool holds(const char *bytes, unsigned id, uint64_t offset, size_t size)
{
    enum { PART = 64 * 1024 };
    for (size_t done = 0; done < size;) {
        size_t part = size - done < PART ? size - done : PART;
        content_make(piece(), id, offset + done, part);
        if (memcmp(bytes + done, piece(), part) != 0)
            return false;
        done += part;
    }
    return true;
}

static uint64_t word_at(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

unsigned id_at(const char *bytes)
{
    return (unsigned)(word_at(bytes) >> 48);
}

uint64_t offset_at(const char *bytes)
{
    return (word_at(bytes) & (((uint64_t)1 << 48) - 1)) * 8;
}

char *new_buffer(size_t size)
{
    char *buffer = opaque(malloc(size));
    CHECK(buffer != NULL);
    return memset(buffer, UNREAD, size);
}

char *new_aligned_buffer(size_t size)
{
    char *buffer = opaque(aligned_alloc(4 * KIB, (size + 4 * KIB - 1) & ~(4 * KIB - 1)));
    CHECK(buffer != NULL);
    return memset(buffer, UNREAD, size);
}

// ---- Sharing ---------------------------------------------------------------------------------

static size_t number_behind(const char *text, const char *words)
{
    const char *line = strstr(text, words);
    return line != NULL ? strtoull(line + strlen(words), NULL, 10) : 0;
}

size_t shared_reads(void)
{
    char text[8192];
    int to = memfd_create("report", MFD_CLOEXEC), saved = fcntl(2, F_DUPFD_CLOEXEC, 10);
    CHECK(to >= 0 && saved >= 0 && dup2(to, 2) == 2);
    malloc_stats();
    CHECK(dup2(saved, 2) == 2);
    ssize_t got = pread(to, text, sizeof(text) - 1, 0);
    CHECK(got >= 0);
    text[got] = '\0';
    close(to);
    close(saved);
    return number_behind(text, "shared reads");
}

// CPUs that a memory group of version 2 grants; many if it does not say.
static size_t cpus_granted(void)
{
    char text[64] = "max";
    unsigned long quota, period;
    int fd = open("/sys/fs/cgroup/cpu.max", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 1024;
    ssize_t got = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return sscanf(text, "%lu %lu", &quota, &period) == 2 && period > 0 ? quota / period : 1024;
}

bool is_sharing(void)
{
    cpu_set_t mask;
    const char *option = getenv("ZEROPOOL_READ");
    return library_is_loaded() && option != NULL && strcmp(option, "parallel") == 0 &&
           sched_getaffinity(0, sizeof(mask), &mask) == 0 && CPU_COUNT(&mask) >= 2 &&
           cpus_granted() >= 2;
}

void expect_shared(size_t before, size_t at_least)
{
    if (!is_sharing())
        return;
    size_t shared = shared_reads() - before;
    if (shared < at_least)
        dprintf(STDERR_FILENO, "%zu reads were shared, %zu should be\n", shared, at_least);
    CHECK(shared >= at_least);
}

// ---- Asking ----------------------------------------------------------------------------------

static const char *const names[WAYS] = {
    [READ] = "read",
    [READ_CHK] = "__read_chk",
    [READV] = "readv",
    [PREAD] = "pread",
    [PREAD64] = "pread64",
    [PREAD_CHK] = "__pread_chk",
    [PREAD64_CHK] = "__pread64_chk",
    [PREADV] = "preadv",
    [PREADV64] = "preadv64",
    [PREADV2] = "preadv2",
    [PREADV64V2] = "preadv64v2",
};

// By name, because the compiler's header makes some of them other names of others.
union function {
    void *symbol;
    ssize_t (*plain)(int, void *, size_t);
    ssize_t (*plain_chk)(int, void *, size_t, size_t);
    ssize_t (*at)(int, void *, size_t, off_t);
    ssize_t (*at_chk)(int, void *, size_t, off_t, size_t);
    ssize_t (*vector)(int, const struct iovec *, int);
    ssize_t (*vector_at)(int, const struct iovec *, int, off_t);
    ssize_t (*vector_with)(int, const struct iovec *, int, off_t, int);
};

const char *name_of(enum way way)
{
    return names[way];
}

bool is_vector(enum way way)
{
    return strchr(names[way], 'v') != NULL;
}

static struct answer answer(ssize_t result)
{
    return (struct answer){result, result < 0 ? errno : 0};
}

struct answer ask(enum way way, int fd, const struct iovec *pieces, int count, off_t offset)
{
    union function call = {dlsym(RTLD_DEFAULT, names[way])};
    void *to = is_vector(way) ? NULL : pieces->iov_base;
    size_t size = is_vector(way) ? 0 : pieces->iov_len;
    CHECK(call.symbol != NULL);
    switch (way) {
    case READ:
        return answer(call.plain(fd, to, size));
    case READ_CHK:
        return answer(call.plain_chk(fd, to, size, size));
    case READV:
        return answer(call.vector(fd, pieces, count));
    case PREAD:
    case PREAD64:
        return answer(call.at(fd, to, size, offset));
    case PREAD_CHK:
    case PREAD64_CHK:
        return answer(call.at_chk(fd, to, size, offset, size));
    case PREADV:
    case PREADV64:
        return answer(call.vector_at(fd, pieces, count, offset));
    default:
        return answer(call.vector_with(fd, pieces, count, offset, 0));
    }
}

struct answer ask_kernel(enum way way, int fd, const struct iovec *pieces, int count, off_t offset)
{
    switch (way) {
    case READ:
    case READ_CHK:
        return answer(syscall(SYS_read, fd, pieces->iov_base, pieces->iov_len));
    case READV:
        return answer(syscall(SYS_readv, fd, pieces, count));
    case PREAD:
    case PREAD64:
    case PREAD_CHK:
    case PREAD64_CHK:
        return answer(syscall(SYS_pread64, fd, pieces->iov_base, pieces->iov_len, offset));
    case PREADV:
    case PREADV64:
        return answer(syscall(SYS_preadv, fd, pieces, count, offset, 0));
    default:
        return answer(syscall(SYS_preadv2, fd, pieces, count, offset, 0, 0));
    }
}

// ---- The process -----------------------------------------------------------------------------

unsigned entries(const char *path)
{
    unsigned count = 0;
    DIR *folder = opendir(path);
    CHECK(folder != NULL);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

unsigned descriptors(void)
{
    return entries("/proc/self/fd") - 1; // without the folder's
}
