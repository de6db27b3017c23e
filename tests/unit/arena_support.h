// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An arena without a pool, for the tests of what is cut out of it and of what is committed there.

#ifndef ZP_TESTS_UNIT_ARENA_SUPPORT_H
#define ZP_TESTS_UNIT_ARENA_SUPPORT_H

#include "core/commit.h"
#include "support.h"

// Regions of 256 MiB.
#define ARENA_REGION (256 * ZP_MIB)

static inline void arena_start(struct zp_arena_config config)
{
    ck_assert_int_eq(zp_arena_init(&config), 0);
}

static inline void arena_start_default(void)
{
    arena_start((struct zp_arena_config){.reserve = 8 * ZP_GIB,
                                         .smallest = ZP_CLASS_MIN,
                                         .huge_pages = ZP_HUGE_FILLED,
                                         .huge_by_default = unit_huge_by_default()});
}

static inline struct zp_slot *arena_take(size_t size)
{
    struct zp_slot *slot = zp_arena_take(zp_arena_region_of(size));
    ck_assert_ptr_nonnull(slot);
    return slot;
}

static inline struct zp_slot *arena_take_committed(size_t size)
{
    struct zp_slot *slot = arena_take(size);
    ck_assert_int_eq(zp_commit(slot, size), 0);
    return slot;
}

// What an owner wrote behind its buffer: the rest of a packed slot's stride is accessible.
static inline void arena_overrun(const struct zp_slot *slot)
{
    memset(slot->base + slot->committed, 0x5A, zp_arena_capacity(slot) - slot->committed);
}

// ---- Commit ----------------------------------------------------------------------------------

#endif
