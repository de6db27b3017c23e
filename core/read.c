// SPDX-License-Identifier: MIT OR Apache-2.0

#include "read.h"

#include "arena.h"
#include "fill.h"
#include "held.h"
#include "os.h"
#include "parts.h"
#include "thread_cache.h"

#include <errno.h>
#include <fcntl.h>

#define READ_MOST ((size_t)0x7ffff000) // of the kernel, in one call
#define DIRECT_BLOCK ((size_t)4096)    // blocks of O_DIRECT are no larger

static ZP_FROZEN struct zp_read_config config = {0};

void zp_read_init(const struct zp_read_config *wanted)
{
    config = *wanted;
    zp_parts_init(config.cpus);
}

bool zp_read_is_shared(void)
{
    return config.cpus != 0;
}

// ---- Whether a read is shared ----------------------------------------------------------------

static size_t bytes_wanted(const struct zp_read *wanted)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < wanted->count; i++)
        if (__builtin_add_overflow(bytes, wanted->to[i].iov_len, &bytes) || bytes > READ_MOST)
            return READ_MOST;
    return bytes;
}

// The buffer in which the largest element lies, or NULL.
static const struct zp_slot *buffer_of(const struct zp_read *wanted)
{
    const struct iovec *largest = &wanted->to[0];
    for (unsigned i = 1; i < wanted->count; i++)
        if (wanted->to[i].iov_len > largest->iov_len)
            largest = &wanted->to[i];
    const char *from = largest->iov_base;
    if (!zp_arena_owns(from))
        return NULL;
    const struct zp_slot *slot = zp_arena_slot(from);
    bool inside = slot->state == ZP_SLOT_LIVE && from >= slot->start &&
                  from < slot->base + slot->usable &&
                  largest->iov_len <= (size_t)(slot->base + slot->usable - from);
    return inside ? slot : NULL;
}

// Where a read begins: an offset that was given, or the file's position. Negative: nowhere.
static off_t start_of(const struct zp_read *wanted)
{
    return wanted->offset >= 0 ? wanted->offset : zp_os_file_move(wanted->fd, 0);
}

// Whether a direct read is of whole blocks, so that a part can be read if all of it can.
static bool is_of_blocks(const struct zp_read *wanted, off_t offset)
{
    size_t all = (size_t)offset;
    for (unsigned i = 0; i < wanted->count; i++)
        all |= (uintptr_t)wanted->to[i].iov_base | wanted->to[i].iov_len;
    return all % DIRECT_BLOCK == 0;
}

// Fills in what is asked of which file. False if it is no regular file, or has too little.
static bool describe(struct zp_parts *parts, const struct zp_read *wanted)
{
    struct stat about;
    int flags = zp_os_file_control(wanted->fd, F_GETFL, NULL);
    if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY || zp_os_file_about(wanted->fd, &about) != 0 ||
        !S_ISREG(about.st_mode))
        return false;
    parts->offset = start_of(wanted);
    if (parts->offset < 0 || about.st_size - parts->offset < (off_t)ZP_READ_LEAST)
        return false;
    bool direct = (flags & O_DIRECT) != 0;
    if (direct && !is_of_blocks(wanted, parts->offset))
        return false;
    size_t rest = (size_t)(about.st_size - parts->offset), asked = bytes_wanted(wanted);
    if (direct)
        rest = zp_round_up(rest, DIRECT_BLOCK);
    parts->size = asked < rest ? asked : rest;
    parts->device = about.st_dev;
    parts->inode = about.st_ino;
    parts->fetch = wanted->fetch;
    parts->count = wanted->count;
    for (unsigned i = 0; i < wanted->count; i++)
        parts->to[i] = wanted->to[i];
    bool keep = direct || (size_t)about.st_size <= config.limit;
    zp_parts_begin(parts, direct, keep ? 0 : RWF_DONTCACHE);
    return parts->size >= ZP_READ_LEAST;
}

// ---- The file --------------------------------------------------------------------------------

// Whether no process has a POSIX lock on the file, this one included.
static bool is_unlocked(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return zp_os_file_control(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

// Takes a descriptor of the pool's own, of the program's.
static bool hold_file(struct zp_parts *parts, int fd)
{
    if (!is_unlocked(fd))
        return false;
    parts->fd = zp_held_take(fd);
    return parts->fd >= 0;
}

// If a lock has been set meanwhile, the descriptor stays open: the lock would be gone with it.
static void let_go_of_file(struct zp_parts *parts)
{
    zp_held_let_go(parts->fd, is_unlocked);
    parts->fd = -1;
}

// Moves the file's position over what is to be read. False if it cannot be moved; or if somebody
// has moved it since the end of the file was found to be nearer than what is asked for.
static bool reserve(struct zp_parts *parts, size_t asked)
{
    off_t described = parts->offset, size = (off_t)parts->size;
    off_t end = zp_os_file_move(parts->fd, size);
    parts->offset = end - size;
    if (end >= 0 && parts->size < asked && parts->offset != described) {
        zp_os_file_move(parts->fd, -size);
        return false;
    }
    return end >= 0;
}

// And back to the first byte that was not read.
static void give_back(const struct zp_parts *parts, size_t there)
{
    if (there < parts->size)
        zp_os_file_move(parts->fd, (off_t)there - (off_t)parts->size);
}

// Over the rest; false if somebody has moved it.
static bool reserve_again(const struct zp_parts *parts)
{
    off_t rest = (off_t)(parts->size - zp_parts_bytes(parts));
    off_t end = zp_os_file_move(parts->fd, rest);
    if (end == parts->offset + (off_t)parts->size)
        return true;
    if (end >= 0)
        zp_os_file_move(parts->fd, -rest);
    return false;
}

// Holds the file again after handlers have run. False if the descriptor is another file's now, or
// if the file's position is elsewhere.
static bool hold_again(struct zp_parts *parts, const struct zp_read *wanted)
{
    if (!hold_file(parts, wanted->fd))
        return false;
    if (zp_parts_hold_the_file(parts) && (wanted->offset >= 0 || reserve_again(parts)))
        return true;
    let_go_of_file(parts);
    return false;
}

// ---- The reads that are under way ------------------------------------------------------------

enum { STOP_WAIT_MS = 1000, LOOK_AGAIN_MS = 10 };

static struct {
    uint32_t reads;
    uint32_t stopped;
} under_way;

static void leave(void)
{
    if (__atomic_sub_fetch(&under_way.reads, 1, __ATOMIC_SEQ_CST) == 0 &&
        __atomic_load_n(&under_way.stopped, __ATOMIC_SEQ_CST))
        zp_os_wake(&under_way.reads);
}

// Store, full fence, load, here and in zp_read_stop: one of the two sees the other.
static bool enter(void)
{
    __atomic_add_fetch(&under_way.reads, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&under_way.stopped, __ATOMIC_SEQ_CST) && !zp_os_is_restricted())
        return true;
    leave();
    return false;
}

void zp_read_stop(void)
{
    uint32_t reads;
    __atomic_store_n(&under_way.stopped, 1, __ATOMIC_SEQ_CST);
    for (unsigned ms = 0; ms < STOP_WAIT_MS; ms += LOOK_AGAIN_MS) {
        if ((reads = __atomic_load_n(&under_way.reads, __ATOMIC_SEQ_CST)) == 0)
            break;
        zp_os_wait(&under_way.reads, reads, LOOK_AGAIN_MS);
    }
    zp_team_dismiss();
}

void zp_read_go_on(void)
{
    zp_team_allow();
    __atomic_store_n(&under_way.stopped, 0, __ATOMIC_SEQ_CST);
}

void zp_read_reset(void)
{
    under_way.reads = under_way.stopped = 0;
}

// ---- All of it -------------------------------------------------------------------------------

// Returns bytes, or a negative errno.
static ssize_t finish(struct zp_parts *parts, bool moved)
{
    size_t there = zp_parts_bytes(parts);
    ssize_t rest = there < parts->size ? zp_parts_read_rest(parts) : 0;
    if (rest > 0)
        there += (size_t)rest;
    if (moved)
        give_back(parts, there);
    zp_parts_end(parts);
    let_go_of_file(parts);
    return there == 0 && rest < 0 ? rest : (ssize_t)there;
}

// Lets the handlers run, which may jump out of this: until then nothing is held, and the file's
// position is behind what was read. False if the read ends here.
static bool run_handlers(struct zp_parts *parts, const struct zp_read *wanted, zp_signals *blocked)
{
    if (wanted->offset < 0)
        give_back(parts, zp_parts_bytes(parts));
    let_go_of_file(parts);
    leave();
    zp_signals_restore(*blocked);
    *blocked = zp_signals_block();
    if (!enter())
        return false;
    zp_signals_hold();
    if (hold_again(parts, wanted))
        return true;
    leave();
    return false;
}

// The file is held, and signals are; neither is afterwards.
static ssize_t read_all(struct zp_parts *parts, const struct zp_read *wanted, zp_signals *blocked)
{
    zp_parts_read(parts, *blocked);
    while (!zp_parts_are_done(parts)) {
        if (!run_handlers(parts, wanted, blocked))
            return (ssize_t)zp_parts_bytes(parts);
        zp_parts_read(parts, *blocked);
    }
    ssize_t result = finish(parts, wanted->offset < 0);
    leave();
    return result;
}

static bool begin(struct zp_parts *parts, const struct zp_read *wanted)
{
    if (!enter())
        return false;
    if (describe(parts, wanted) && hold_file(parts, wanted->fd)) {
        if (wanted->offset >= 0 || reserve(parts, bytes_wanted(wanted))) {
            zp_signals_hold(); // some of those that are blocked, from now on
            return true;
        }
        let_go_of_file(parts);
    }
    leave();
    return false;
}

bool zp_read_share(const struct zp_read *wanted, ssize_t *result)
{
    struct zp_parts parts;
    const struct zp_slot *buffer = buffer_of(wanted);
    if (zp_os_is_restricted() || buffer == NULL)
        return false;
    parts.huge = wanted->count == 1 && zp_fill_comes_huge(buffer);
    zp_signals blocked = zp_signals_block();
    bool begun = begin(&parts, wanted);
    if (begun)
        *result = read_all(&parts, wanted, &blocked);
    zp_signals_restore(blocked);
    if (!begun)
        return false;
    zp_count(&zp_thread_cache->counters.reads_shared, 1);
    zp_count(&zp_thread_cache->counters.bytes_shared, *result > 0 ? (uint64_t)*result : 0);
    return true;
}
