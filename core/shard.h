// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Shards: the buffers that wait for any thread, spread over a power of two of locks.
//
// A thread uses its own shard, its home, as long as that can serve it. Within a shard the slots of
// a class form a list, newest first, and all slots form another in the order of their arrival. The
// class of a slot is that of its committed bytes. To find a buffer, to add one and to find the
// oldest take the same time however many are pooled.
//
// Each group of NUMA nodes (placement.h) has an equal part of the shards, a power of two of them;
// with more groups than shards several share one. Within a group, and then among the others, a
// shard's neighbours are those whose number differs in few of the low bits.
//
// Always holds: a slot in a shard is POOLED and charged to the budget. No shard holds more than its
// share of slots, except for those that were put back as the oldest while others were added. A slot
// that is taken out is TAKEN, the caller's, and still charged.
//
// Locking: one lock per shard (ZP_RANK_SHARD), held for a few list operations. A get tries every
// shard without waiting, and waits only if it found nothing and some shard was busy: that costs
// less than fetching fresh memory. Where no shard has what it wants it looks at its home and the
// summary alone (summary.h). What a thread reads of a shard without its lock is a hint.
//
// Fork: see fork.h.

#ifndef ZP_CORE_SHARD_H
#define ZP_CORE_SHARD_H

#include "fit.h"
#include "lock.h"
#include "stats.h"
#include "summary.h"

enum { ZP_SHARDS_MOST = 128 };

struct zp_shard {
    struct zp_lock lock;
    uint32_t count;              // slots held; may be read without the lock
    size_t bytes;                // committed bytes held
    struct zp_slot *reclaimable; // it and all older ones are wholly reclaimable; or NULL
    struct zp_eviction eviction;
} __attribute__((aligned(ZP_CACHE_LINE)));

// `count` must be a power of two up to ZP_SHARDS_MOST. Called once, before anything else here. 0 or
// a negative errno.
int zp_shards_init(unsigned count, uint32_t most_per_shard,
                   const struct zp_eviction_policy *policy);

// For who goes over the shards itself (batch.h): the shard that is so far from a home; NULL: there
// are no more. With its lock held: takes the slot that fits a wish best, if there is one and it is
// `wanted`; adds a slot as zp_shards_put does, unless the shard is full.
struct zp_shard *zp_shards_at(unsigned home, unsigned distance);
struct zp_slot *zp_shard_take(struct zp_shard *shard, const struct zp_wish *wish,
                              bool (*wanted)(const struct zp_slot *slot, size_t size));
bool zp_shard_push(struct zp_shard *shard, struct zp_slot *slot);

// The home shard of one more thread, in the group that it runs in.
unsigned zp_shards_next_home(void);

// The group of a shard, as slots know it, and the home shard of a thread that now runs in another.
unsigned zp_shards_group(unsigned home);
unsigned zp_shards_home_in(unsigned home, unsigned group);

// A slot that fits the wish, from the home shard if that has one; NULL if there is none.
struct zp_slot *zp_shards_take(unsigned home, const struct zp_wish *wish,
                               struct zp_counters *counters);

// Whether any shard seems to have one (summary.h): else it is enough to have looked at the home
// shard.
bool zp_shards_may_have(const struct zp_wish *wish);

// Tells the eviction policy that a request for `size` bytes found nothing.
void zp_shards_note_miss(unsigned home, size_t size);

// Puts a TAKEN slot, charged and with `since` set, into the home shard, or the one like it in the
// slot's own group, or into a neighbour when that is full. When all are full, a slot of the home
// shard is evicted: it is returned, TAKEN and still charged, for the caller to decommit. NULL
// otherwise.
struct zp_slot *zp_shards_put(unsigned home, struct zp_slot *slot, struct zp_counters *counters);

// The slot that the policy evicts, of the home shard first; NULL when all are empty.
struct zp_slot *zp_shards_evict(unsigned home);

// A slot that has been in a shard for at least `idle` milliseconds, in any of them; NULL if none
// has.
struct zp_slot *zp_shards_take_idle(unsigned home, uint32_t idle);

// A slot that has been in a shard for so long and is not yet wholly reclaimable; the second
// function puts it back, with the same age. If it still is not wholly reclaimable, it is the next
// to be taken.
struct zp_slot *zp_shards_take_unreclaimable(unsigned home, uint32_t idle);
void zp_shards_put_reclaimable(struct zp_slot *slot);

// Puts a TAKEN slot that has been idle, charged and with `since` set, into a shard as the oldest
// there: the rest of one that is given back in parts, or one from an idle cache.
void zp_shards_put_oldest(unsigned home, struct zp_slot *slot);

// Committed bytes in all shards.
size_t zp_shards_bytes(void);

// Fork: takes and releases all locks, or initialises them again in the child.
void zp_shards_lock_all(void);
void zp_shards_unlock_all(void);
void zp_shards_reset_locks(void);

// Calls `visit` for every slot in a shard; it may remove any of them, which are then TAKEN. All
// locks are held, or there is no other thread.
void zp_shards_visit(void (*visit)(struct zp_slot *slot));
void zp_shards_remove(struct zp_slot *slot);

#endif
