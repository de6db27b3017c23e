// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Retaining: charging buffers to the budget, and moving them between the places where they wait.
//
// What is retained is charged to the budget; where that is full, others are evicted for it. In a
// shard a buffer holds nothing but zeros, so the kernel is told that it may take the pages whenever
// it wants them (reclaim.h).
//
// Always holds: a pooled slot is charged with all its committed bytes, and all of them are usable. A
// slot in a thread cache, in the scrub queue or in quarantine is charged with its usable bytes, and
// its tail is charged as a tail, as that of a live one is (budget.h).
//
// Locking: see the parts; the caller is inside its own thread cache. Fork: see fork.h.

#ifndef ZP_CORE_RETAIN_H
#define ZP_CORE_RETAIN_H

#include "thread_cache.h"

// ZEROPOOL_DECAY_MS: idle buffers are kept without end.
#define ZP_DECAY_NEVER (-1)

// Charges `bytes` to the budget, evicting others until they fit; false if they do not.
bool zp_retain_charge(struct zp_thread_cache *cache, size_t bytes);

// A cold slot of a region, TAKEN, for use from now on. NULL if there is none.
struct zp_slot *zp_retain_take_cold(unsigned region);

// Puts a TAKEN slot that is charged, and zero unless nothing is scrubbed, into the shard `home` or a
// neighbour; it has been idle since `since`.
void zp_retain_pool(struct zp_thread_cache *cache, unsigned home, struct zp_slot *slot,
                    uint32_t since);

// Gives the memory of a TAKEN slot back to the kernel, its charge with it: of one that is charged
// as retained, which returns its bytes; and of one that is not, but for its tail.
size_t zp_retain_let_go(struct zp_slot *slot);
void zp_retain_drop(struct zp_slot *slot);

// The oldest buffer of a cache moves to a shard, to be idle from now on.
void zp_retain_flush_one(struct zp_thread_cache *cache);

// All that a cache holds moves to the shards: as the newest there, or as the oldest, because it has
// been idle.
void zp_retain_flush(struct zp_thread_cache *cache);
void zp_retain_flush_idle(struct zp_thread_cache *cache);

// The oldest `count` of them move, as the newest there, idle since a moment.
void zp_retain_flush_oldest(struct zp_thread_cache *cache, unsigned count, uint32_t since);

// What other threads' caches hold that have been idle for so many milliseconds moves, as the oldest
// there, but for those that their threads are using just now.
void zp_retain_flush_others(struct zp_thread_cache *cache, uint32_t idle);

#endif
