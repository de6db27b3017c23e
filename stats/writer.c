// SPDX-License-Identifier: MIT OR Apache-2.0

#include "writer.h"

#include "core/syscall.h"
#include "stats/table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

// ---- Making it -------------------------------------------------------------------------------

static bool write_zeros(int fd)
{
    static const char zeros[512];
    for (size_t at = 0; at < sizeof(struct zp_live);) {
        size_t rest = sizeof(struct zp_live) - at;
        ssize_t written = pwrite(fd, zeros, rest < sizeof(zeros) ? rest : sizeof(zeros), (off_t)at);
        if (written <= 0)
            return false;
        at += (size_t)written;
    }
    return true;
}

// Not every file system can allocate; what was written then has its blocks.
static int allocate(int fd)
{
    if (fallocate(fd, 0, 0, sizeof(struct zp_live)) == 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return -errno;
    errno = ENOSPC; // if less is written than was asked for
    return write_zeros(fd) ? 0 : -errno;
}

// By number, as in the preloaded library these names are its own.
static void unmap(struct zp_live **live)
{
    zp_syscall(SYS_munmap, *live, sizeof(**live));
    *live = NULL;
}

static int map(int fd, struct zp_live **live)
{
    int error = allocate(fd);
    if (error != 0)
        return error;
    void *mapped = (void *)zp_syscall(SYS_mmap, NULL, sizeof(**live), PROT_READ | PROT_WRITE,
                                      MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        return -errno;
    *live = mapped;
    if (zp_syscall(SYS_madvise, mapped, sizeof(**live), MADV_DONTFORK) == 0)
        return 0;
    error = -errno; // a child would write to it
    unmap(live);
    return error;
}

static int make_in(int folder, struct zp_live **live)
{
    char name[ZP_LIVE_NAME];
    zp_live_name(getpid(), name);
    zp_live_clean(folder);
    unlinkat(folder, name, 0); // of a process that had this number, or of this one before exec
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int error = map(fd, live);
    close(fd);
    if (error != 0)
        unlinkat(folder, name, 0);
    return error;
}

static void copy_text(char *to, size_t room, const char *from)
{
    size_t length = strnlen(from, room - 1);
    memcpy(to, from, length);
    to[length] = '\0';
}

// What was written before is seen by whoever sees what is written after it.
static void fence(void)
{
#ifdef ZP_THREAD_SANITIZER // knows no fences
    static uint32_t word;
    __atomic_fetch_add(&word, 0, __ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static void fill_in(struct zp_live *live, const struct zp_live_origin *origin)
{
    live->version = ZP_LIVE_VERSION;
    live->size = sizeof(*live);
    live->signature = zp_stat_signature();
    live->sequence = 1; // until the first update
    live->pid = (uint32_t)getpid();
    live->started = zp_live_start_of(getpid());
    live->every_ms = origin->every_ms;
    copy_text(live->program, sizeof(live->program), origin->program);
    copy_text(live->library, sizeof(live->library), origin->library);
    fence();
    memcpy(live->magic, ZP_LIVE_MAGIC, sizeof(live->magic));
}

int zp_live_writer_begin(struct zp_live_writer *writer, const struct zp_live_origin *origin)
{
    int error = -ENOENT;
    *writer = (struct zp_live_writer){.runtime = origin->runtime};
    for (unsigned place = 0; place < ZP_LIVE_PLACES && writer->live == NULL; place++) {
        int folder = zp_live_open_folder(place, origin->runtime, true);
        error = folder >= 0 ? make_in(folder, &writer->live) : folder;
        writer->place = place;
        if (folder >= 0)
            close(folder);
    }
    if (writer->live != NULL)
        fill_in(writer->live, origin);
    return error;
}

// ---- Updates ---------------------------------------------------------------------------------

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// Sequence lock: the odd number is seen before any word that is written after it, and the even one
// after all of them.
void zp_live_writer_update(struct zp_live_writer *writer, const struct zp_pool_stats *stats)
{
    struct zp_live *live = writer->live;
    if (live == NULL)
        return;
    uint32_t odd = live->sequence | 1;
    __atomic_store_n(&live->sequence, odd, __ATOMIC_RELAXED);
    fence();
    live->updated_ms = now_ms();
    memcpy(&live->stats, stats, sizeof(*stats));
    __atomic_store_n(&live->sequence, odd + 1, __ATOMIC_RELEASE);
}

void zp_live_writer_end(struct zp_live_writer *writer)
{
    char name[ZP_LIVE_NAME];
    if (writer->live == NULL)
        return;
    bool own = writer->live->pid == (uint32_t)getpid(); // not in a child with its parent's memory
    unmap(&writer->live);
    int folder = zp_live_open_folder(writer->place, writer->runtime, false);
    if (folder < 0)
        return;
    zp_live_name(getpid(), name);
    if (own)
        unlinkat(folder, name, 0);
    close(folder);
}
