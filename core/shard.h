// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Shards: the buffers that wait for any thread, spread over a power of two of locks.
//
// A thread keeps to its own shard, its home, as long as that can serve. Within a shard the slots of
// a class form a list, newest first, and all slots form another in the order of their arrival. The
// class of a slot is that of its committed bytes. Finding a buffer, putting one away and finding the
// oldest cost the same however many are pooled.
//
// Always holds: a slot in a shard is POOLED and charged to the budget; no shard holds more than its
// share of slots, and those that were put back as the oldest while others came in. Taking
// a slot out leaves it TAKEN, the caller's, and still charged.
//
// Locking: one lock per shard (ZP_RANK_SHARD), held for a few list operations. A get tries every
// shard without waiting, and waits only if nothing was found and some shard was busy: that costs
// less than fetching fresh memory. What a thread sees of other shards before locking is a hint.
//
// Fork: see fork.h.

#ifndef ZP_CORE_SHARD_H
#define ZP_CORE_SHARD_H

#include "fit.h"
#include "lock.h"
#include "stats.h"

enum { ZP_SHARDS_MOST = 128 };

struct zp_shard {
    struct zp_lock lock;
    uint32_t count;       // slots held; may be read without the lock
    size_t bytes;         // committed bytes held
    struct zp_slot *reclaimable; // it and all that arrived before it wholly are, or NULL
    struct zp_eviction eviction;
} __attribute__((aligned(ZP_CACHE_LINE)));

// `count` must be a power of two up to ZP_SHARDS_MOST. Called once, before anything else here.
void zp_shards_init(unsigned count, uint32_t most_per_shard,
                    const struct zp_eviction_policy *policy);

// A home for one more thread.
unsigned zp_shards_next_home(void);

// A slot as it is wanted, from the home shard if that has one; NULL if there is none.
struct zp_slot *zp_shards_take(unsigned home, const struct zp_wish *wish,
                               struct zp_counters *counters);

// A request for `size` bytes found nothing: eviction learns of it.
void zp_shards_note_miss(unsigned home, size_t size);

// Puts a clean or dirty TAKEN slot, already charged and with `since` set, into the home shard, or
// into a neighbour when that is full. When all are full, another of the home shard's makes room: it
// is returned, TAKEN and still charged, for the caller to decommit. NULL otherwise.
struct zp_slot *zp_shards_put(unsigned home, struct zp_slot *slot, struct zp_counters *counters);

// The slot that the policy gives up for another, the home shard's first; NULL when all are empty.
struct zp_slot *zp_shards_evict(unsigned home);

// A slot that has been in a shard for at least `idle` milliseconds, in any of them; NULL if none
// has.
struct zp_slot *zp_shards_take_idle(unsigned home, uint32_t idle);

// A slot that has been in a shard for so long and is not yet wholly reclaimable; to be put back
// with the second function. It keeps the age by which it decays. If it still is not wholly
// reclaimable, it is the next to be taken.
struct zp_slot *zp_shards_take_unreclaimable(unsigned home, uint32_t idle);
void zp_shards_put_reclaimable(struct zp_slot *slot);

// Puts a TAKEN slot that has been idle for long, already charged and with `since` set, into a shard
// as the oldest there: what is left of one that is given back in parts, or what a cache held.
void zp_shards_put_oldest(unsigned home, struct zp_slot *slot);

// Committed bytes in all shards.
size_t zp_shards_bytes(void);

// Fork: takes and releases all locks, or makes them anew in the child.
void zp_shards_lock_all(void);
void zp_shards_unlock_all(void);
void zp_shards_reset_locks(void);

// Calls `visit` for every slot in a shard; it may remove any of them. All locks are held, or there
// is no other thread. What is removed is TAKEN.
void zp_shards_visit(void (*visit)(struct zp_slot *slot));
void zp_shards_remove(struct zp_slot *slot);

#endif
