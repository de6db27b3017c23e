// SPDX-License-Identifier: MIT OR Apache-2.0

#include "parts.h"

#include "fill.h"
#include "os.h"

#include <errno.h>

#define CACHED_PART ZP_MIB
#define COLD_PART (256 * ZP_KIB)
#define ALL_OF_IT ((size_t)1 << 62)

enum { COPIERS_MOST = ZP_TEAM_MOST + 1 };

static ZP_FROZEN unsigned usable_cpus = 0;

void zp_parts_init(unsigned cpus)
{
    usable_cpus = cpus;
}

// ---- Parts -----------------------------------------------------------------------------------

static size_t get(const size_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

// Claims the next part; false if there is none, or if the read ends before it.
static bool claim(struct zp_parts *parts, size_t *from, size_t *to)
{
    *from = get(&parts->next);
    do {
        if (*from >= parts->size || get(&parts->ends) != SIZE_MAX)
            return false;
        size_t part = get(&parts->part);
        *to = zp_round_up(*from + parts->skew + 1, part) - parts->skew;
        if (*to + part / 4 > parts->size) // a short rest belongs to the last part
            *to = parts->size;
    } while (!__atomic_compare_exchange_n(&parts->next, from, *to, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return true;
}

static void lower_to(size_t *word, size_t at)
{
    size_t now = get(word);
    while (at < now &&
           !__atomic_compare_exchange_n(word, &now, at, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

// Where bytes from `from` on go: elements, or parts of them. Returns how many.
static unsigned vector_from(const struct zp_parts *parts, size_t from, size_t to, struct iovec *out)
{
    unsigned count = 0;
    size_t at = 0;
    for (unsigned i = 0; i < parts->count && at < to; i++) {
        size_t length = parts->to[i].iov_len, skip = from > at ? from - at : 0;
        size_t wanted = to - at < length ? to - at : length;
        if (skip < wanted)
            out[count++] = (struct iovec){(char *)parts->to[i].iov_base + skip, wanted - skip};
        at += length;
    }
    return count;
}

// Reads without waiting for a device, which succeeds if the page cache has it all, and is short if
// that has a part. A file system that has no such call is asked what is there.
static ssize_t read_cached(struct zp_parts *parts, const struct iovec *to, unsigned count, off_t at,
                           bool *waits)
{
    int flags = __atomic_load_n(&parts->flags, __ATOMIC_RELAXED);
    ssize_t got = zp_os_file_read(parts->fd, to, count, at, flags | RWF_NOWAIT);
    if (got != -EOPNOTSUPP && got != -EINVAL && got != -ENOSYS)
        return got;
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += to[i].iov_len;
    if (!zp_os_file_is_cached(parts->fd, at, bytes))
        return -EAGAIN;
    *waits = true;
    return zp_os_file_read(parts->fd, to, count, at, 0);
}

static ssize_t read_cold(struct zp_parts *parts, const struct iovec *to, unsigned count, off_t at)
{
    int flags = __atomic_load_n(&parts->flags, __ATOMIC_RELAXED);
    ssize_t got = zp_os_file_read(parts->fd, to, count, at, flags);
    if (flags == 0 || (got != -EOPNOTSUPP && got != -EINVAL && got != -ENOSYS))
        return got;
    __atomic_store_n(&parts->flags, 0, __ATOMIC_RELAXED); // the file system has no such flag
    return zp_os_file_read(parts->fd, to, count, at, 0);
}

// `*waits`: it was a read like any program's.
static ssize_t read_once(struct zp_parts *parts, const struct iovec *to, unsigned count, off_t at,
                         bool *waits)
{
    *waits = false;
    if (!__atomic_load_n(&parts->cold, __ATOMIC_RELAXED)) {
        ssize_t got = read_cached(parts, to, count, at, waits);
        if (got != -EAGAIN)
            return got;
        __atomic_store_n(&parts->cold, 1, __ATOMIC_RELAXED);
    }
    *waits = true;
    return read_cold(parts, to, count, at);
}

// Reads a range. Returns where it ended: at `to`, or earlier. A program's read that is short ends
// the whole there, as it would have ended if the program had asked for all of it: at the end of the
// file, or where a file system gives so much at a time (sysfs).
static size_t read_range(struct zp_parts *parts, size_t from, size_t to)
{
    bool waits;
    while (from < to) {
        struct iovec vector[ZP_PARTS_ELEMENTS];
        unsigned count = vector_from(parts, from, to, vector);
        ssize_t got = read_once(parts, vector, count, parts->offset + (off_t)from, &waits);
        if (got <= 0)
            break;
        from += (size_t)got;
        if (waits && from < to) {
            lower_to(&parts->stops, from);
            break;
        }
    }
    return from;
}

static bool read_part(struct zp_team_work *work)
{
    struct zp_parts *parts = (struct zp_parts *)work;
    size_t from, to;
    if (!claim(parts, &from, &to))
        return false;
    if (from < parts->fetch) {
        size_t end = to < parts->fetch ? to : parts->fetch;
        zp_fill_fetch((char *)parts->to->iov_base + from, end - from);
    }
    size_t ended = read_range(parts, from, to);
    __atomic_fetch_add(&parts->done, ended - from, __ATOMIC_RELAXED);
    if (ended != to)
        lower_to(&parts->ends, ended);
    return true;
}

bool zp_parts_hold_the_file(const struct zp_parts *parts)
{
    struct stat about;
    return zp_os_file_about(parts->fd, &about) == 0 && about.st_dev == parts->device &&
           about.st_ino == parts->inode;
}

// A thread may have descriptors of its own (CLONE_FILES): the number is another file's then.
static bool join(struct zp_team_work *work)
{
    return zp_parts_hold_the_file((const struct zp_parts *)work);
}

// ---- How many read ---------------------------------------------------------------------------

// Members for a cached file.
static unsigned copiers(void)
{
    return zp_team_room(usable_cpus < COPIERS_MOST ? usable_cpus : COPIERS_MOST);
}

static void set_members(struct zp_parts *parts, unsigned members)
{
    parts->members = members;
    if (parts->slot != NULL)
        zp_team_limit(parts->slot, members);
    else if (members != 0)
        parts->slot = zp_team_open(&parts->work, members);
}

static void set_depth(struct zp_parts *parts)
{
    bool alone = parts->depth.settled && parts->depth.readers == 1;
    __atomic_store_n(&parts->part, alone ? ALL_OF_IT : COLD_PART, __ATOMIC_RELAXED);
    if (parts->depth.readers - 1 != parts->members)
        set_members(parts, parts->depth.readers - 1);
}

// What is measured is one reader with small parts, unless the device is known: the larger parts
// that members have begun while all seemed cached are waited for, without waiting.
static void begin_measuring(struct zp_parts *parts)
{
    parts->before_depth = get(&parts->done);
    zp_depth_begin(&parts->depth, parts->device);
    parts->measured = parts->depth.best != 0 || parts->slot == NULL || zp_team_is_left(parts->slot);
}

// What the caller does between two of its parts.
static void adjust(struct zp_parts *parts)
{
    if (!__atomic_load_n(&parts->cold, __ATOMIC_RELAXED))
        return;
    if (!parts->measured) {
        begin_measuring(parts);
    } else {
        zp_depth_measure(&parts->depth, get(&parts->done) - parts->before_depth, COLD_PART);
    }
    set_depth(parts);
}

// ---- All of it -------------------------------------------------------------------------------

void zp_parts_begin(struct zp_parts *parts, bool cold, int flags)
{
    parts->work.join = join;
    parts->work.part = read_part;
    parts->next = parts->done = 0;
    parts->ends = parts->stops = SIZE_MAX;
    // Two threads that touch one huge page would both clear one.
    parts->part = parts->huge ? ZP_HUGE_PAGE : CACHED_PART;
    parts->cold = cold;
    parts->flags = flags;
    parts->measured = false;
    // The parts of one buffer end where its pages do.
    parts->skew = parts->count == 1 ? (uintptr_t)parts->to->iov_base % ZP_HUGE_PAGE : 0;
}

void zp_parts_read(struct zp_parts *parts, zp_signals blocked)
{
    parts->slot = NULL;
    set_members(parts, parts->measured ? parts->depth.readers - 1 : copiers());
    while (read_part(&parts->work)) {
        adjust(parts);
        if ((zp_signals_pending() & ~blocked) != 0)
            break;
    }
    if (parts->slot != NULL)
        zp_team_close(parts->slot);
}

bool zp_parts_are_done(const struct zp_parts *parts)
{
    return parts->next >= parts->size || parts->ends != SIZE_MAX;
}

size_t zp_parts_bytes(const struct zp_parts *parts)
{
    return parts->ends < parts->next ? parts->ends : parts->next;
}

ssize_t zp_parts_read_rest(const struct zp_parts *parts)
{
    struct iovec vector[ZP_PARTS_ELEMENTS];
    size_t there = zp_parts_bytes(parts);
    if (there == parts->stops)
        return 0;
    unsigned count = vector_from(parts, there, parts->size, vector);
    return zp_os_file_read(parts->fd, vector, count, parts->offset + (off_t)there, 0);
}

void zp_parts_end(const struct zp_parts *parts)
{
    if (parts->measured)
        zp_depth_end(&parts->depth);
}
