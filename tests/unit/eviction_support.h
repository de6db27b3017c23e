// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The policies without a pool: records of slots without memory, put through what a shard would do
// with them.

#ifndef ZP_TESTS_UNIT_EVICTION_SUPPORT_H
#define ZP_TESTS_UNIT_EVICTION_SUPPORT_H

#include "core/eviction.h"
#include "support.h"

static const struct zp_eviction_policy *const policies[] = {&zp_eviction_lifo,
                                                            &zp_eviction_clockpro};

enum { MOST = 2048 };

static char *records; // each on a page of its own
static struct zp_slot *unused[MOST];
static unsigned unused_count;
static const struct zp_eviction_policy *policy;
static struct zp_eviction eviction;
static size_t capacity, pooled_bytes;

static inline void start(const struct zp_eviction_policy *chosen, size_t bytes)
{
    if (records == NULL) {
        void *mapped;
        ck_assert_int_eq(zp_os_map(MOST * unit_page(), PROT_READ | PROT_WRITE, &mapped), 0);
        records = mapped;
    }
    policy = chosen;
    capacity = bytes;
    pooled_bytes = 0;
    memset(&eviction, 0, sizeof(eviction));
    for (unused_count = 0; unused_count < MOST; unused_count++)
        unused[unused_count] = (struct zp_slot *)(void *)(records + unused_count * unit_page());
}

static inline struct zp_eviction_class *class_of(const struct zp_slot *slot)
{
    return &eviction.classes[zp_class_of(slot->committed)];
}

static inline void take_out(struct zp_slot *slot)
{
    zp_eviction_remove(&eviction, slot);
    zp_list_remove(&eviction.arrivals, ZP_ORDER_ARRIVAL, slot);
    pooled_bytes -= slot->committed;
    unused[unused_count++] = slot;
}

static inline struct zp_slot *evict(void)
{
    struct zp_slot *slot = policy->evict(&eviction, capacity);
    MUST(slot != NULL && slot == class_of(slot)->slots.oldest);
    take_out(slot);
    return slot;
}

// A request; whether there was a buffer for it.
static inline bool get(unsigned size_class)
{
    struct zp_slot *slot = eviction.classes[size_class].slots.newest;
    if (slot == NULL) {
        policy->miss(&eviction, size_class, capacity);
        return false;
    }
    policy->use(&eviction, size_class, slot->committed, capacity);
    take_out(slot);
    return true;
}

static inline struct zp_slot *put(unsigned size_class)
{
    size_t bytes = zp_class_size(size_class);
    while (pooled_bytes + bytes > capacity)
        evict();
    struct zp_slot *slot = unused[--unused_count];
    slot->committed = bytes;
    zp_eviction_add(&eviction, slot, true);
    zp_list_add(&eviction.arrivals, ZP_ORDER_ARRIVAL, slot);
    pooled_bytes += bytes;
    policy->arrive(&eviction, size_class);
    return slot;
}

// A get and its put. Whether there was a buffer.
static inline bool use(unsigned size_class)
{
    bool hit = get(size_class);
    put(size_class);
    return hit;
}

#endif
