// SPDX-License-Identifier: MIT OR Apache-2.0
//
// LIFO: the buffer that came last is used first, and the one that came first is evicted. Cheap, and
// right for programs that free and ask in turns; a loop over more than fits hits nothing.

#include "eviction.h"

static void arrive(struct zp_eviction *eviction, struct zp_slot *slot, size_t capacity)
{
    (void)eviction;
    (void)slot;
    (void)capacity;
}

static void leave(struct zp_eviction *eviction, struct zp_slot *slot, bool used, size_t capacity)
{
    (void)eviction;
    (void)slot;
    (void)used;
    (void)capacity;
}

static struct zp_slot *evict(struct zp_eviction *eviction, size_t capacity)
{
    (void)capacity;
    return eviction->arrivals.oldest;
}

static void come_back(struct zp_eviction *eviction, struct zp_slot *slot, size_t capacity)
{
    (void)eviction;
    (void)slot;
    (void)capacity;
}

const struct zp_eviction_policy zp_eviction_lifo = {
    .name = "lifo",
    .arrive = arrive,
    .leave = leave,
    .evict = evict,
    .come_back = come_back,
};
