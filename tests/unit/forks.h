// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the tests of forks share: a pool whose forks are watched, and buffers that were written to.

#ifndef ZP_TESTS_UNIT_FORKS_H
#define ZP_TESTS_UNIT_FORKS_H

#define UNIT_FORKS
#include "census.h"

static inline void start(const struct zp_pool_config *config)
{
    unit_pool_start(config);
    unit_watch_forks();
}

static inline void start_default(void)
{
    struct zp_pool_config config = unit_pool_config();
    start(&config);
}

static inline struct zp_slot *get_filled(size_t size)
{
    struct zp_slot *slot = unit_get(size);
    MUST(slot != NULL);
    memset(slot->base, 0xA5, slot->usable);
    return slot;
}

static inline bool is_filled(const char *base, size_t length)
{
    return base[0] == (char)0xA5 && memcmp(base, base + 1, length - 1) == 0;
}

static inline int do_nothing(void *unused)
{
    (void)unused;
    return 0;
}

static inline void fork_once(void)
{
    unit_expect_success(do_nothing, NULL);
}

// Both layouts, and so many pages that a few buffers are left out of children (core/fork.c).
static const size_t forks_sizes[] = {7 * ZP_MIB / 4, 5 * ZP_MIB};

#endif
