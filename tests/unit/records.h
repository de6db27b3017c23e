// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Slots as shards know them: by their records alone, so these have no memory.

#ifndef ZP_TESTS_UNIT_RECORDS_H
#define ZP_TESTS_UNIT_RECORDS_H

#include "support.h"

static struct zp_slot slots[64];
static struct zp_counters counters;

// A record as the arena would hand it out: as long as a class, with its bytes charged.
static inline struct zp_slot *make(unsigned index, unsigned size_class)
{
    slots[index] = (struct zp_slot){
        .base = (char *)&slots[index],
        .committed = zp_class_size(size_class),
        .usable = zp_class_size(size_class),
        .state = ZP_SLOT_TAKEN,
    };
    return &slots[index];
}

static inline struct zp_slot *put(unsigned home, struct zp_slot *slot)
{
    return zp_shards_put(home, slot, &counters);
}

static inline struct zp_wish wish_for(unsigned size_class)
{
    return (struct zp_wish){
        .size = zp_class_size(size_class), .alignment = 1, .last = zp_class_last_fit(size_class)};
}

static inline struct zp_slot *take(unsigned home, unsigned size_class)
{
    struct zp_wish wish = wish_for(size_class);
    return zp_shards_take(home, &wish, &counters);
}

#endif
