// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Retaining: charging buffers to the budget, and moving them between the places where they wait.
//
// What is retained is charged to the budget; if that is full, other buffers are evicted for it. A
// buffer in a shard holds only zeros, so the kernel may take its pages when it is short of memory
// (reclaim.h).
//
// Always holds: a pooled slot is charged with all its committed bytes, and all of them are usable.
// A slot in a thread cache, in the scrub queue or in quarantine is charged with its usable bytes,
// and its tail is charged as a tail, like that of a live slot (budget.h).
//
// Locking: see the parts; the caller is inside its own thread cache. Fork: see fork.h.

#ifndef ZP_CORE_RETAIN_H
#define ZP_CORE_RETAIN_H

#include "thread_cache.h"

// ZEROPOOL_DECAY_MS: idle buffers are never given back.
#define ZP_DECAY_NEVER (-1)

// Charges `bytes` to a pool, evicting others until they fit; false if they do not.
bool zp_retain_charge(struct zp_thread_cache *cache, unsigned pool, size_t bytes);

// A cold slot that holds `size` bytes, now TAKEN and of a pool. NULL if there is none.
struct zp_slot *zp_retain_take_cold(unsigned pool, size_t size);

// Puts a TAKEN, charged slot into the shard of its pool that is like `home`, or a neighbour, idle
// since `since`. It is zero, unless nothing is scrubbed. If its pool was closed, its memory goes
// back to the kernel.
void zp_retain_pool(struct zp_thread_cache *cache, unsigned home, struct zp_slot *slot,
                    uint32_t since);

// The same for a chain of slots, linked by `older` of ZP_ORDER_CLASS: the lock of a shard is taken
// once for all that fit into it.
void zp_retain_pool_chain(struct zp_thread_cache *cache, struct zp_slot *chain, uint32_t since);

// Gives the memory of a TAKEN slot back to the kernel, and ends its charge. The first is for a slot
// that is charged as retained, and returns its bytes; the second for one of which only the tail is
// charged.
size_t zp_retain_let_go(struct zp_slot *slot);
void zp_retain_drop(struct zp_slot *slot);

// Moves the oldest buffer of a cache to a shard, as the newest there.
void zp_retain_flush_one(struct zp_thread_cache *cache);

// Moves all that a cache holds to the shards: as the newest there, or as the oldest, because it has
// been idle.
void zp_retain_flush(struct zp_thread_cache *cache);
void zp_retain_flush_idle(struct zp_thread_cache *cache);

// Moves the oldest `count` buffers, as the newest there, idle since `since`.
void zp_retain_flush_oldest(struct zp_thread_cache *cache, unsigned count, uint32_t since);

// Moves what all other caches hold that have been idle for so many milliseconds, as the oldest
// there. Caches that their threads are using are skipped. The second does so for one pool's.
void zp_retain_flush_others(struct zp_thread_cache *cache, uint32_t idle);
void zp_retain_flush_pool(struct zp_thread_cache *cache, unsigned pool, uint32_t idle);

#endif
