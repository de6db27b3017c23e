// SPDX-License-Identifier: MIT OR Apache-2.0
//
// LIFO: the newest buffer is used first, and the oldest is evicted. Cheap, and right for programs
// that alternate between malloc and free; a loop over more than fits never hits.

#include "eviction.h"

static void arrive(struct zp_eviction *eviction, unsigned size_class)
{
    (void)eviction;
    (void)size_class;
}

static void use(struct zp_eviction *eviction, unsigned size_class, size_t bytes, size_t capacity)
{
    (void)eviction;
    (void)size_class;
    (void)bytes;
    (void)capacity;
}

static void miss(struct zp_eviction *eviction, unsigned size_class, size_t capacity)
{
    (void)eviction;
    (void)size_class;
    (void)capacity;
}

static struct zp_slot *evict(struct zp_eviction *eviction, size_t capacity)
{
    (void)capacity;
    return eviction->arrivals.oldest;
}

const struct zp_eviction_policy zp_eviction_lifo = {
    .name = "lifo",
    .arrive = arrive,
    .use = use,
    .miss = miss,
    .evict = evict,
};
