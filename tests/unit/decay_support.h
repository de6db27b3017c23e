// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The work of time, by a clock that the tests move and a stopwatch that moves with what the pool
// asks of the kernel.

#ifndef ZP_TESTS_UNIT_DECAY_SUPPORT_H
#define ZP_TESTS_UNIT_DECAY_SUPPORT_H

#include "core/commit.h"
#include "core/decay.h"
#include "support.h"

// What each call costs in this test, and the most that one of the program's may spend: 3 ms, and
// the unit that it is at then, of 4 MiB.
enum { MICROSECONDS_PER_MIB = 150, MOST_US = 3000 + 4 * MICROSECONDS_PER_MIB };

static struct {
    size_t given_back, marked; // bytes, since they were last asked for
    unsigned marks;
} asked;

static inline void take_time(size_t length)
{
    unit_let_work_take((uint32_t)(length * MICROSECONDS_PER_MIB / ZP_MIB));
}

// Bytes of a range that are in memory: only to give those back takes time.
static inline size_t resident(void *address, size_t length)
{
    static unsigned char pages[64 * ZP_MIB / 4096];
    size_t bytes = 0, page = zp_os_page_size();
    MUST(length / page <= sizeof(pages) && mincore(address, length, pages) == 0);
    for (size_t i = 0; i < length / page; i++)
        bytes += (pages[i] & 1) != 0 ? page : 0;
    return bytes;
}

static inline void give_back(void *address, size_t length)
{
    size_t bytes = resident(address, length);
    take_time(bytes);
    asked.given_back += bytes;
}

static inline int slow_madvise(void *address, size_t length, int advice)
{
    if (advice == MADV_DONTNEED)
        give_back(address, length);
    if (advice == MADV_FREE) {
        take_time(length);
        asked.marked += length;
        asked.marks++;
    }
    return madvise(address, length, advice);
}

static inline void *slow_mmap(void *address, size_t length, int protection, int flags, int fd,
                              off_t offset)
{
    if ((flags & MAP_FIXED) != 0)
        give_back(address, length);
    return mmap(address, length, protection, flags, fd, offset);
}

static inline void start(struct zp_pool_config *config)
{
    config->arena.reserve = 48 * ZP_GIB;
    config->most_per_shard = 64;
    unit_pool_start(config);
    zp_os_calls.madvise = slow_madvise;
    zp_os_calls.mmap = slow_mmap;
}

static inline struct zp_pool_config uncached(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    config.budget = 512 * ZP_MIB;
    return config;
}

// A slow way that leaves nothing behind: a request that no class serves. Returns how long it took.
static inline uint32_t pass_by(void)
{
    uint32_t before = unit_stopwatch();
    asked.given_back = asked.marked = asked.marks = 0;
    MUST(zp_pool_get(ZP_MIB, (size_t)1 << 40) == NULL);
    return unit_stopwatch() - before;
}

static inline size_t retained(void)
{
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    return stats.retained_bytes;
}

enum { MOST = 64 };

static inline void get_all(struct zp_slot **slots, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++) {
        slots[i] = unit_get(size);
        MUST(slots[i] != NULL);
        memset(slots[i]->base, 0xA5, slots[i]->committed);
    }
}

static inline void put_all(struct zp_slot **slots, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        zp_pool_put(slots[i]->base);
}

static inline void use(unsigned count, size_t size)
{
    struct zp_slot *slots[MOST];
    get_all(slots, count, size);
    put_all(slots, count);
}

#endif
