// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Thread caches: a few buffers per thread, last in first out, without a lock or an atomic
// operation.
//
// Always holds:
//   - slots in a cache are CACHED; bytes <= granted, and `granted` is charged to the budget, so
//   that
//     putting into a cache with room needs no shared counter;
//   - every thread has a cache: before its first large request and after its teardown it is
//     zp_no_cache, which never has a buffer nor room for one. Both then go the slow way, and the
//     fast way needs no test for either;
//   - a cache lives outside its thread, in memory that is never given back, only used for the next
//     thread: should a thread end without its teardown, nothing points into what it was.
//
// A thread's cache is set up on its first large request and emptied by a pthread key's destructor.
// What the thread frees after that, in other destructors, goes straight to a shard.
//
// Locking: a cache belongs to its thread. ZP_RANK_THREADS guards the lists of caches. The counters
// of zp_no_cache are shared without a lock and may miss a few events. Fork: see fork.h.

#ifndef ZP_CORE_THREAD_CACHE_H
#define ZP_CORE_THREAD_CACHE_H

#include "slot.h"
#include "stats.h"

enum { ZP_CACHE_MOST = 64 };

struct zp_cached {
    struct zp_slot *slot;
    size_t committed; // of the slot, kept here so that a search reads no record
};

struct zp_thread_cache {
    unsigned count;                          // buffers held
    unsigned capacity;                       // most buffers
    size_t bytes;                            // committed bytes held
    size_t granted;                          // bytes charged to the budget for this cache
    struct zp_cached entries[ZP_CACHE_MOST]; // oldest first
    struct zp_counters counters;
    unsigned home;                     // the thread's shard
    struct zp_thread_cache *next;      // list of all caches ever made
    struct zp_thread_cache *next_free; // list of those without a thread
} __attribute__((aligned(ZP_CACHE_LINE)));

extern struct zp_thread_cache zp_no_cache;
extern ZP_TLS struct zp_thread_cache *zp_thread_cache;

// `capacity` is at most ZP_CACHE_MOST. `teardown` is called on each thread's cache when the thread
// ends, to empty it. 0 or a negative errno, the caches then staying off.
int zp_thread_caches_init(unsigned capacity, void (*teardown)(struct zp_thread_cache *cache));

// Gives this thread a cache, and returns it: zp_no_cache if it is being torn down, or if there is
// no memory for one. May allocate small memory (a pthread key's slot), never from the pool.
ZP_COLD struct zp_thread_cache *zp_thread_cache_set_up(void);

// Sums the counters of all threads, past and present, and the bytes in their caches.
void zp_thread_caches_sum(struct zp_counters *sum, size_t *bytes);

// Fork: the lock of the lists; in the child all caches are empty and count from 0, and all but the
// calling thread's are without a thread.
void zp_thread_caches_lock(void);
void zp_thread_caches_unlock(void);
void zp_thread_caches_reset(void);

// Other threads read it to sum up.
static inline void zp_thread_cache_set_bytes(struct zp_thread_cache *cache, size_t bytes)
{
    __atomic_store_n(&cache->bytes, bytes, __ATOMIC_RELAXED);
}

static inline struct zp_slot *zp_thread_cache_take_at(struct zp_thread_cache *cache, unsigned index)
{
    struct zp_slot *slot = cache->entries[index].slot;
    zp_thread_cache_set_bytes(cache, cache->bytes - cache->entries[index].committed);
    cache->count--;
    for (unsigned i = index; i < cache->count; i++)
        cache->entries[i] = cache->entries[i + 1];
    return slot;
}

static inline bool zp_cached_fits(const struct zp_cached *entry, size_t size, size_t slack)
{
    return entry->committed >= size && entry->committed - size <= slack;
}

// The buffer that came last, if it holds `size` bytes and at most a quarter more: as a rule one of
// the same size class, found without computing the class.
static inline struct zp_slot *zp_thread_cache_take_newest(struct zp_thread_cache *cache,
                                                          size_t size)
{
    unsigned count = cache->count;
    if (ZP_UNLIKELY(count == 0))
        return NULL;
    const struct zp_cached *newest = &cache->entries[count - 1];
    if (ZP_UNLIKELY(!zp_cached_fits(newest, size, size / 4)))
        return NULL;
    cache->count = count - 1;
    zp_thread_cache_set_bytes(cache, cache->bytes - newest->committed);
    return newest->slot;
}

// The newest buffer of `size` up to `size + slack` bytes, or NULL.
static inline struct zp_slot *zp_thread_cache_take(struct zp_thread_cache *cache, size_t size,
                                                   size_t slack)
{
    for (unsigned i = cache->count; i-- > 0;)
        if (zp_cached_fits(&cache->entries[i], size, slack))
            return zp_thread_cache_take_at(cache, i);
    return NULL;
}

static inline bool zp_thread_cache_has_room(const struct zp_thread_cache *cache, size_t bytes)
{
    return cache->count < cache->capacity && cache->bytes + bytes <= cache->granted;
}

// The cache must have room.
static inline void zp_thread_cache_push(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    slot->state = ZP_SLOT_CACHED;
    cache->entries[cache->count++] = (struct zp_cached){slot, slot->committed};
    zp_thread_cache_set_bytes(cache, cache->bytes + slot->committed);
}

#endif
