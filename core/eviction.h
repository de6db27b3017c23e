// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Eviction: which pooled buffer of a shard leaves when the budget is full.
//
// A policy is a table of functions over the state it keeps per shard and per slot. In a pool an
// access takes the buffer out, and its return is what a cache would call the moment after the
// access: so a policy hears of arrivals, of departures, of evictions, and of slots it evicted that
// are given memory again, which is the miss it could have avoided.
//
// Always holds: every operation costs the same however many buffers are pooled (CLOCK-Pro: on
// average). A policy touches the eviction fields of slot records only.
//
// Locking: the shard's lock is held around every call. Fork: the child's shards go on.
//
// A third policy: a file like eviction_lifo.c, a line here, a word in config/options.def.

#ifndef ZP_CORE_EVICTION_H
#define ZP_CORE_EVICTION_H

#include "base.h"
#include "slot.h"

// Slots in one of the orders.
struct zp_queue {
    struct zp_slot *newest, *oldest;
};

// Adds a slot as the next newer one to `older`, or as the oldest if that is NULL.
static inline void zp_queue_insert(struct zp_queue *queue, enum zp_order order,
                                   struct zp_slot *older, struct zp_slot *slot)
{
    struct zp_slot *newer = older != NULL ? older->links[order].newer : queue->oldest;
    slot->links[order] = (struct zp_link){newer, older};
    *(newer != NULL ? &newer->links[order].older : &queue->newest) = slot;
    *(older != NULL ? &older->links[order].newer : &queue->oldest) = slot;
}

static inline void zp_queue_add(struct zp_queue *queue, enum zp_order order, struct zp_slot *slot)
{
    zp_queue_insert(queue, order, queue->newest, slot);
}

static inline void zp_queue_remove(struct zp_queue *queue, enum zp_order order,
                                   struct zp_slot *slot)
{
    struct zp_link link = slot->links[order];
    *(link.newer != NULL ? &link.newer->links[order].older : &queue->newest) = link.older;
    *(link.older != NULL ? &link.older->links[order].newer : &queue->oldest) = link.newer;
}

// Calls `visit` for every slot, the oldest first. It may remove any slot: what was removed keeps
// its links, and they lead back to those that are still there.
static inline void zp_queue_visit(const struct zp_queue *queue, enum zp_order order,
                                  void (*visit)(struct zp_slot *slot))
{
    for (struct zp_slot *slot = queue->oldest, *newer; slot != NULL; slot = newer) {
        newer = slot->links[order].newer;
        visit(slot);
    }
}

// What a policy knows of one shard.
struct zp_eviction {
    struct zp_queue arrivals; // all slots of the shard; kept by the shard
    struct zp_queue recency;  // CLOCK-Pro: the clock
    struct zp_queue cold;     // CLOCK-Pro: cold slots, in the order they are evicted
    struct zp_queue absent;   // CLOCK-Pro: evicted slots in their test
    size_t hot_bytes;         // in pooled hot slots
    size_t absent_bytes;      // that the absent slots' classes have
    size_t cold_target;       // how much of the capacity is for cold slots; adapts
};

struct zp_eviction_policy {
    const char *name;
    // A slot has been put into the shard, which may hold `capacity` bytes.
    void (*arrive)(struct zp_eviction *eviction, struct zp_slot *slot, size_t capacity);
    // A slot of the shard is taken for use, or given back to the kernel for reasons of age.
    void (*leave)(struct zp_eviction *eviction, struct zp_slot *slot, bool used, size_t capacity);
    // The slot to be evicted; the caller takes it out. The shard is not empty.
    struct zp_slot *(*evict)(struct zp_eviction *eviction, size_t capacity);
    // A slot that is `absent` is given memory again.
    void (*come_back)(struct zp_eviction *eviction, struct zp_slot *slot, size_t capacity);
};

extern const struct zp_eviction_policy zp_eviction_lifo;     // eviction_lifo.c
extern const struct zp_eviction_policy zp_eviction_clockpro; // eviction_clockpro.c

#endif
