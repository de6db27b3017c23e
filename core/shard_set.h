// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sets of shards: those of each pool, and which of them a thread uses.
//
// A shard is named by a number, of which the high part is that of its pool. A thread has one of
// each pool that it uses, its home. Each group of NUMA nodes (placement.h) has an equal part of a
// pool's shards, a power of two of them; with more groups than shards several share one. Within a
// group, and then among the others, a shard's neighbours are those whose number differs in few of
// the low bits.
//
// Always holds: a set, once it is there, stays where it is.
//
// Locking: one lock per shard (ZP_RANK_SHARD). What is set when a set is opened does not change
// while its pool is open. Fork: see fork.h.

#ifndef ZP_CORE_SHARD_SET_H
#define ZP_CORE_SHARD_SET_H

#include "eviction.h"
#include "lock.h"
#include "pools.h"
#include "summary.h"

enum { ZP_SHARDS_MOST = 128 }; // of a pool

struct zp_shard {
    struct zp_lock lock;
    uint32_t count;              // slots held; may be read without the lock
    size_t bytes;                // committed bytes held
    struct zp_slot *reclaimable; // it and all older ones are wholly reclaimable; or NULL
    const struct zp_shard_set *set;
    unsigned homes_given; // to threads of the group that begins here
    struct zp_eviction eviction;
} __attribute__((aligned(ZP_CACHE_LINE)));

struct zp_shard_set {
    struct zp_shard *shards;
    unsigned pool;
    unsigned mask;        // of the numbers of its shards
    unsigned group_shift; // a group has 1 << group_shift of them
    uint32_t capacity;    // slots per shard
    const struct zp_eviction_policy *policy;
    struct zp_summary *summary; // of what all of them have
};

// The process's own: `count` must be a power of two up to ZP_SHARDS_MOST. Called once, before
// anything else here. 0 or a negative errno.
int zp_shards_init(unsigned count, uint32_t most_per_shard,
                   const struct zp_eviction_policy *policy);

// Those of another pool, as its traits say: 0 or a negative errno. The number may have been that of
// a pool whose slots are all cold.
int zp_shards_open(unsigned pool);

// The set of a shard, and of a pool; NULL if there is none.
const struct zp_shard_set *zp_shard_set_of(unsigned home);
const struct zp_shard_set *zp_shard_set(unsigned pool);

// Read while a set may be given to another pool with its number.
static inline unsigned zp_shard_set_mask(const struct zp_shard_set *set)
{
    return __atomic_load_n(&set->mask, __ATOMIC_RELAXED);
}

static inline unsigned zp_shards_pool(unsigned home)
{
    return home / ZP_SHARDS_MOST;
}

// The shard that is so far from a home, up to the mask of the set.
static inline struct zp_shard *zp_shard_at(const struct zp_shard_set *set, unsigned home,
                                           unsigned distance)
{
    return &set->shards[(home ^ distance) % ZP_SHARDS_MOST];
}

// For who goes over the shards itself (batch.h): NULL: there are no more.
struct zp_shard *zp_shards_at(unsigned home, unsigned distance);

// The home shard of one more thread in a pool, in the group that it runs in.
unsigned zp_shards_next_home(unsigned pool);

// The group of a shard, as slots know it, and the home shard of a thread that now runs in another.
unsigned zp_shards_group(unsigned home);
unsigned zp_shards_home_in(unsigned home, unsigned group);

// The shard of a pool that is like `home`, which may be one of any pool.
unsigned zp_shards_home_of(unsigned pool, unsigned home);

// The shard of a slot's own pool and group that is like `home`, which may be one of any pool.
unsigned zp_shards_home_for(unsigned home, const struct zp_slot *slot);

// Committed bytes in all shards, and in those of a pool.
size_t zp_shards_bytes(void);
size_t zp_shards_bytes_of(unsigned pool);

// Fork: takes and releases all locks, or initialises them again in the child.
void zp_shards_lock_all(void);
void zp_shards_unlock_all(void);
void zp_shards_reset_locks(void);

// Calls `visit` for every slot in a shard; it may remove any of them, which are then TAKEN. All
// locks are held, or there is no other thread.
void zp_shards_visit(void (*visit)(struct zp_slot *slot));

#endif
