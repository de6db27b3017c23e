// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A pool as callers with different habits use it.

#ifndef ZP_TESTS_UNIT_USAGE_SUPPORT_H
#define ZP_TESTS_UNIT_USAGE_SUPPORT_H

#include "core/usage.h"
#include "support.h"

#define SIZE (6 * ZP_MIB)

static const char site[2]; // return addresses

static inline void start_with_cache(enum zp_huge huge, unsigned buffers)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.huge_pages = huge;
    config.arena.reserve = 48 * ZP_GIB;
    config.budget = 256 * ZP_MIB;
    config.thread_cache_most = buffers;
    unit_pool_start(&config);
}

static inline void start(enum zp_huge huge)
{
    start_with_cache(huge, 0);
}

static inline struct zp_slot *get(size_t size, const char *caller)
{
    struct zp_slot *slot = zp_pool_get_for(size, 1, caller);
    ck_assert_ptr_nonnull(slot);
    return slot;
}

static inline void write_all(struct zp_slot *slot)
{
    memset(slot->base, 0xA5, slot->committed);
}

static inline struct zp_slot *get_and_fill(size_t size, const char *caller)
{
    struct zp_slot *slot = get(size, caller);
    write_all(slot);
    return slot;
}

#endif
