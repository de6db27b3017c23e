// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What tests of retained buffers share.

#ifndef ZP_TESTS_UNIT_RETAINED_H
#define ZP_TESTS_UNIT_RETAINED_H

#include "support.h"

// Uses `count` buffers of `size` bytes at once and puts them all.
static inline void use_many(struct zp_slot **slots, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++)
        slots[i] = unit_get_or_fail(size);
    for (unsigned i = 0; i < count; i++)
        unit_put_written(slots[i]);
}

// A slow way that leaves nothing behind: a request that no region of this arena serves.
static inline void pass_by(void)
{
    MUST(unit_get(ZP_CLASS_MAX) == NULL);
}

static inline size_t retained(void)
{
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    return stats.retained_bytes;
}

static inline struct zp_pool_config uncached(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    return config;
}

#endif
