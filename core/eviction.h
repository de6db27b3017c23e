// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Eviction: which pooled buffer of a shard leaves when the budget is full.
//
// Buffers of one size class serve the same requests, so a policy compares classes: how often and
// how recently each is requested. A get is the access; a put re-inserts the buffer. A policy is
// told of both, and of requests that found nothing: the misses that it could have avoided.
//
// Always holds: the shard keeps the lists, a policy only its data about classes. The time of every
// operation is bounded by the number of classes.
//
// Locking: the shard's lock is held around every call. Fork: the child's shards go on.
//
// A third policy: a file like eviction_lifo.c, a line here, a word in config/options.def.

#ifndef ZP_CORE_EVICTION_H
#define ZP_CORE_EVICTION_H

#include "list.h"
#include "size_class.h"

// One class of one shard.
struct zp_eviction_class {
    struct zp_list slots; // by ZP_ORDER_CLASS; kept by the shard
    size_t bytes;         // committed bytes of these; kept by the shard
    size_t ghosts;        // CLOCK-Pro: bytes evicted while the class was in its test
    uint64_t used;        // CLOCK-Pro: number of the last access
    uint64_t cold_since;  // CLOCK-Pro: number of the access since which it counts as cold
    bool hot;             // CLOCK-Pro: it has a short reuse distance
    bool in_test;         // CLOCK-Pro: cold; a request now makes it hot
};

// One shard.
struct zp_eviction {
    struct zp_list arrivals; // all slots of the shard, by ZP_ORDER_ARRIVAL; kept by the shard
    struct zp_eviction_class classes[ZP_CLASS_COUNT];
    uint64_t nonempty[2]; // a bit per class with slots; may be read without the lock
    uint64_t accesses;
    size_t hot_bytes;   // in hot classes
    size_t ghosts;      // bytes of all classes; may be read without the lock
    size_t cold_target; // how much of the capacity is for cold classes; adapts
};

// Adds a slot to its class, as the newest or the oldest; removes it. The first: true if the class
// was empty.
bool zp_eviction_add(struct zp_eviction *eviction, struct zp_slot *slot, bool newest);
void zp_eviction_remove(struct zp_eviction *eviction, struct zp_slot *slot);

// The smallest class from `from` to `to` that seems to have slots, by such bits; or ZP_CLASS_COUNT.
unsigned zp_eviction_find_class(const uint64_t *nonempty, unsigned from, unsigned to);

struct zp_eviction_policy {
    const char *name;
    // A buffer was added to a class.
    void (*arrive)(struct zp_eviction *eviction, unsigned size_class);
    // A buffer of `bytes` is about to be taken out of a class, for use; the shard may hold
    // `capacity` bytes.
    void (*use)(struct zp_eviction *eviction, unsigned size_class, size_t bytes, size_t capacity);
    // A request of a class found nothing.
    void (*miss)(struct zp_eviction *eviction, unsigned size_class, size_t capacity);
    // The slot to be evicted; the caller removes it. The shard is not empty.
    struct zp_slot *(*evict)(struct zp_eviction *eviction, size_t capacity);
};

extern const struct zp_eviction_policy zp_eviction_lifo;     // eviction_lifo.c
extern const struct zp_eviction_policy zp_eviction_clockpro; // eviction_clockpro.c

#endif
