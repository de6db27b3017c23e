// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Pools: the one of the process, which is number 0, and those that the program makes for itself.
//
// All share the arena, the scrub queue, the quarantine, the helper, decay and the budget. A pool of
// the program's own has shards (shard_set.h), thread caches and a part of the budget (quota.h) for
// itself. A slot belongs to the pool that it was taken for until it is cold again; so a buffer
// returns to the pool that it came from, also if another thread frees it.
//
// Always holds: the pool of a slot does not change while the slot has memory. What is configured of
// a pool does not change while it is open. The number of one that was closed is given again once
// none of its slots has memory.
//
// Locking: ZP_RANK_POOLS, while a pool is opened or closed; the sums are atomic. Fork: the lock is
// held; the child has all pools.

#ifndef ZP_CORE_POOLS_H
#define ZP_CORE_POOLS_H

#include "base.h"

enum { ZP_POOLS_MOST = 256 }; // a slot has a byte for the number

struct zp_eviction_policy;

// What may differ between pools.
struct zp_pool_traits {
    size_t threshold; // bytes: smaller requests are not the pool's
    size_t budget;    // bytes that it may retain
    const struct zp_eviction_policy *eviction;
    uint32_t per_shard;
    uint8_t shards;       // a power of two up to ZP_SHARDS_MOST
    uint8_t thread_cache; // buffers per thread, up to ZP_CACHE_MOST
    int16_t node;         // that memory comes from; negative: as the process's pool has it
    bool pinned;          // buffers are locked in memory
};

struct zp_pools_entry {
    struct zp_pool_traits traits;
    bool open;
    bool in_use;      // until all that is done when it is closed has been done
    uint32_t opened;  // how often the number was given
    size_t charged;   // bytes retained, of a pool of the program's own
    size_t committed; // bytes of its slots, likewise
} __attribute__((aligned(ZP_CACHE_LINE)));

extern struct zp_pools_entry zp_pools[ZP_POOLS_MOST];

// Numbers that were ever given, the process's included.
unsigned zp_pools_count(void);

// The process's pool. Called once, before anything else here.
void zp_pools_init(const struct zp_pool_traits *traits);

// A number for a pool of the program's own, which is open once `prepare` has returned 0. Returns
// that number; or a negative errno: -ENOMEM if all are in use, or what `prepare` returned.
int zp_pools_open(const struct zp_pool_traits *traits, int (*prepare)(unsigned pool));

// Closes an open pool of the program's own: from now on it retains nothing. The second allows its
// number to be given again.
void zp_pools_close(unsigned pool);
void zp_pools_give_up(unsigned pool);

// Whether a number is that of a pool which is open.
bool zp_pools_is_open(unsigned pool);

// Whether buffers of a pool are not to be retained because it was closed.
static inline bool zp_pools_is_closed(unsigned pool)
{
    return ZP_UNLIKELY(pool != 0) && !__atomic_load_n(&zp_pools[pool].open, __ATOMIC_RELAXED);
}

// Bytes that slots of a pool gained; wraps around for what they lost.
static inline void zp_pools_note_committed(unsigned pool, size_t bytes)
{
    if (ZP_UNLIKELY(pool != 0))
        __atomic_fetch_add(&zp_pools[pool].committed, bytes, __ATOMIC_RELEASE);
}

// Fork.
void zp_pools_lock(void);
void zp_pools_unlock(void);
void zp_pools_reset_lock(void);

#endif
