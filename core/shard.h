// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Shards: the buffers that wait for any thread, spread over a power of two of locks.
//
// A thread uses its own shard, its home, as long as that can serve it; which others there are says
// shard_set.h. Within a shard the slots of a class form a list, newest first, and all slots form
// another in the order of their arrival. The class of a slot is that of its committed bytes. To
// find a buffer, to add one and to find the oldest take the same time however many are pooled.
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
#include "shard_set.h"
#include "stats.h"
#include "summary.h"

// For who goes over the shards itself (batch.h), with a shard's lock held: takes the slot that fits
// a wish best, if there is one and it is `wanted`; adds a slot as zp_shards_put does, unless the
// shard is full.
struct zp_slot *zp_shard_take(struct zp_shard *shard, const struct zp_wish *wish,
                              bool (*wanted)(const struct zp_slot *slot, size_t size));
bool zp_shard_push(struct zp_shard *shard, struct zp_slot *slot);

// A slot of the home's pool that fits the wish, from the home shard if that has one; NULL if there
// is none.
struct zp_slot *zp_shards_take(unsigned home, const struct zp_wish *wish,
                               struct zp_counters *counters);

// Whether any shard of the pool seems to have one (summary.h): else it is enough to have looked at
// the home shard.
bool zp_shards_may_have(unsigned home, const struct zp_wish *wish);

// Tells the eviction policy that a request for `size` bytes found nothing.
void zp_shards_note_miss(unsigned home, size_t size);

// Puts a TAKEN slot, charged and with `since` set, into the shard of its own pool and group that is
// like the home shard, or into a neighbour when that is full. When all are full, a slot of that
// shard is evicted: it is returned, TAKEN and still charged, for the caller to decommit. NULL
// otherwise.
struct zp_slot *zp_shards_put(unsigned home, struct zp_slot *slot, struct zp_counters *counters);

// The slot that the policy of the home's pool evicts, of the home shard first; NULL when all are
// empty.
struct zp_slot *zp_shards_evict(unsigned home);

// A slot that has been in a shard for at least `idle` milliseconds, in any of any pool; NULL if
// none has.
struct zp_slot *zp_shards_take_idle(unsigned home, uint32_t idle);

// A slot that has been in a shard for so long and is not yet wholly reclaimable; the second
// function puts it back, with the same age. If it still is not wholly reclaimable, it is the next
// to be taken.
struct zp_slot *zp_shards_take_unreclaimable(unsigned home, uint32_t idle);
void zp_shards_put_reclaimable(struct zp_slot *slot);

// Puts a TAKEN slot that has been idle, charged and with `since` set, into a shard as the oldest
// there: the rest of one that is given back in parts, or one from an idle cache.
void zp_shards_put_oldest(unsigned home, struct zp_slot *slot);

// For who visits them all (shard_set.h).
void zp_shards_remove(struct zp_slot *slot);

#endif
