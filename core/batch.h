// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Batches: several requests, or several freed buffers, in one pass over the shards.
//
// Always holds: the lock of a shard is taken once at most for all of a batch.
//
// Locking: a shard's lock is held for as many list operations as the batch has entries. Fork: what
// was taken out or not yet put is TAKEN, as in shard.h.

#ifndef ZP_CORE_BATCH_H
#define ZP_CORE_BATCH_H

#include "shard.h"

// Several requests.
struct zp_batch {
    void **slots;        // entry by entry NULL, or the slot found, which is TAKEN and charged
    const size_t *sizes; // that were asked for
    size_t count;
    size_t (*length)(size_t size); // bytes that a slot needs for one; 0: it is not to be found
    size_t least;                  // what is smaller is not to be found
};

// Finds a slot for each request that has none: one of its class, or else a longer one. Shards that
// are busy are waited for if the others do not have all. Returns the bytes that the slots found are
// charged with: to release them takes one atomic operation for all.
size_t zp_batch_take(unsigned home, const struct zp_batch *batch, struct zp_counters *counters);

// Puts a chain of TAKEN slots, linked by `older` of ZP_ORDER_CLASS, into as few shards as have room
// and are not busy, as zp_shards_put does. Returns the rest of the chain.
struct zp_slot *zp_batch_put(unsigned home, struct zp_slot *chain, struct zp_counters *counters);

// A slot from a shard that is not busy, and only if the one that fits best there is also `wanted`.
// Does not wait, and makes no system call.
struct zp_slot *zp_batch_take_wanted(unsigned home, const struct zp_wish *wish,
                                     bool (*wanted)(const struct zp_slot *slot, size_t size),
                                     struct zp_counters *counters);

#endif
