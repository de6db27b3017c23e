// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Thread caches: a few buffers per thread, last in first out, without a lock or an atomic
// operation.
//
// Always holds:
//   - Slots in a cache are CACHED; their bytes are at most `granted`, which is charged to the
//     budget, so that a put into a cache with room touches no shared counter.
//   - The newest buffer has a place of its own. The fast paths only fill or clear it: they update
//   no
//     counts or sums, which the next malloc or free would have to wait for. The slow paths first
//     move it to the other buffers (zp_thread_cache_open).
//   - Every thread has a cache: before its first large request and after its teardown it is
//     zp_no_cache, which never has a buffer or room for one. So the fast paths need no test for it:
//     they fail, and the slow paths follow.
//   - A cache lies outside of its thread, in memory that is never given back, only reused for the
//     next thread: even if a thread ends without its teardown, no pointer dangles.
//
// A thread's cache is set up at its first large request and emptied when it ends (thread.h). What
// the thread frees after that goes to a shard. It has one more for each pool of the program's own
// that it uses (pools.h), which the fast paths do not know.
//
// Another thread may empty a cache, to give memory back while the owner sleeps. The owner stores
// `inside`, then loads `claimed`; the other thread stores `claimed`, then makes all threads pass a
// full fence (zp_os_barrier), then loads `inside`. At least one of the two sees the other's store
// (Dekker; tests/model/thread_cache.pml): the owner then takes the slow path and waits there, the
// other thread skips that cache. So the owner pays for two stores and a load, not for a fence.
//
// Locking: a cache belongs to its thread. ZP_RANK_THREADS guards the lists of caches, and
// ZP_RANK_EMPTYING is held while caches are claimed. The counters of zp_no_cache are shared without
// a lock and may miss a few events. Fork: see fork.h.

#ifndef ZP_CORE_THREAD_CACHE_H
#define ZP_CORE_THREAD_CACHE_H

#include "list.h"
#include "pools.h"
#include "stats.h"

enum { ZP_CACHE_MOST = 64 };

// The owner's store of `inside` must come before its load of `claimed`. The fence below ensures it
// for the compiler, and the other thread's barrier for the processor. The thread sanitizer does not
// know that barrier: for it the store is sequentially consistent.
#ifdef ZP_THREAD_SANITIZER
#define ZP_OWNER_ORDER __ATOMIC_SEQ_CST
#else
#define ZP_OWNER_ORDER __ATOMIC_RELAXED
#endif

// What the fast paths need of a cached buffer, so that they need not read its record.
struct zp_cached {
    char *start;
    size_t room; // bytes from start; 0: there is no buffer here
    struct zp_slot *slot;
};

struct zp_thread_cache {
    bool inside;             // the owner is working on it
    bool claimed;            // another thread is, or is about to
    unsigned count;          // buffers in `entries`
    unsigned capacity;       // most buffers
    unsigned dirty_capacity; // most buffers that were not scrubbed
    struct zp_cached newest; // the buffer that was put last, if it was not taken since
    // Bytes that `newest` may have if it is put without scrubbing; 0 with scrubbing on, or if the
    // stack of each free is recorded.
    size_t dirty_room;

    size_t bytes;     // usable bytes in `entries`; their tails are charged by themselves
    size_t granted;   // bytes charged to the budget for this cache
    size_t most_used; // bytes in the whole cache at most, since `granted` was looked at last
    uint32_t looked;  // on the clock: when that was
    unsigned settled; // entries, the oldest, that have not been touched since `sorted`
    uint32_t sorted;  // on the clock
    bool attentive;   // decay has work left: puts take the slow path and go on with it
    struct zp_cached entries[ZP_CACHE_MOST]; // those before the newest, oldest first
    struct zp_counters counters;
    uint64_t seen;                     // puts at `stamp`
    struct zp_thread_cache *next;      // list of all caches ever made
    struct zp_thread_cache *next_free; // list of those of its pool without a thread
    struct zp_thread_cache *next_own;  // list of those of its thread, that of the process's first
    struct zp_thread_caches *others;   // that one only: those of its thread by pool; or NULL
    uint32_t stamp;                    // on the clock: when it was last seen in use
    unsigned home;                     // the thread's shard
    unsigned pool;                     // whose it is
    uint32_t opened;                   // the pool that had the number when it was set up (pools.h)
} __attribute__((aligned(ZP_CACHE_LINE)));

struct zp_thread_caches {
    struct zp_thread_cache *of[ZP_POOLS_MOST];
};

extern struct zp_thread_cache zp_no_cache;
extern ZP_TLS struct zp_thread_cache *zp_thread_cache;

// `capacity` is at most ZP_CACHE_MOST; `dirty` says whether buffers may be put without scrubbing,
// `fast` whether the fast paths are used.
void zp_thread_caches_init(unsigned capacity, bool dirty, bool fast);

// A cache of a pool for one more thread, which puts buffers into it only if it `ends`: if it will
// empty the cache and give it up when the thread ends. NULL if there is no memory for one.
struct zp_thread_cache *zp_thread_cache_acquire(unsigned pool);
void zp_thread_cache_enable(struct zp_thread_cache *cache, bool ends);

// Gives up an empty cache for good.
void zp_thread_cache_give_up(struct zp_thread_cache *cache);

// Takes what the caches of a pool hold that have not been used for `idle` milliseconds, but for the
// caller's `own`: a list, linked by `older` of ZP_ORDER_CLASS, of slots that are still charged,
// with `since` set, the newest of each cache first. What was granted beyond them goes to `*spare`.
// Caches whose owners are inside are left alone, and all of them where the kernel has no barrier
// for it.
struct zp_slot *zp_thread_caches_take(const struct zp_thread_cache *own, unsigned pool,
                                      uint32_t idle, size_t *spare);

// Notes that the cache is in use.
static inline void zp_thread_cache_stamp(struct zp_thread_cache *cache, uint32_t now)
{
    __atomic_store_n(&cache->seen, __atomic_load_n(&cache->counters.puts, __ATOMIC_RELAXED),
                     __ATOMIC_RELAXED);
    __atomic_store_n(&cache->stamp, now, __ATOMIC_RELAXED);
}

// Another thread may ask what is granted.
static inline void zp_thread_cache_grant(struct zp_thread_cache *cache, size_t bytes)
{
    __atomic_store_n(&cache->granted, bytes, __ATOMIC_RELAXED);
}

// Takes back what was granted and not used since this was last called, at most once in `every`
// milliseconds. Returns the bytes. The caller is inside its own cache.
size_t zp_thread_cache_take_unused(struct zp_thread_cache *cache, uint32_t now, uint32_t every);

// How many of the oldest buffers have not been used for a period; it returns a number other than 0
// at most once in `every` milliseconds, and the start of the period goes to `*since`. A thread that
// uses its cache all the time may use only a part of it.
unsigned zp_thread_cache_settled(struct zp_thread_cache *cache, uint32_t now, uint32_t every,
                                 uint32_t *since);

// For the slow paths: waits until no thread claims the cache, enters it, and moves the newest
// buffer to the others; the second undoes the first. The third is the first for who does not wait:
// false if a thread claims it.
void zp_thread_cache_open(struct zp_thread_cache *cache);
void zp_thread_cache_close(struct zp_thread_cache *cache);
bool zp_thread_cache_try_open(struct zp_thread_cache *cache);

// Enters the cache if no thread claims it.
static inline bool zp_thread_cache_try_enter(struct zp_thread_cache *cache)
{
    __atomic_store_n(&cache->inside, true, ZP_OWNER_ORDER);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (ZP_LIKELY(!__atomic_load_n(&cache->claimed, __ATOMIC_SEQ_CST)))
        return true;
    __atomic_store_n(&cache->inside, false, __ATOMIC_RELEASE);
    return false;
}

static inline void zp_thread_cache_leave(struct zp_thread_cache *cache)
{
    __atomic_store_n(&cache->inside, false, __ATOMIC_RELEASE);
}

// Sums the counters of all threads, past and present, and the bytes in their caches. The second
// does so for one pool, of which the caches may hold `granted` bytes.
void zp_thread_caches_sum(struct zp_counters *sum, uint64_t *bytes);
void zp_thread_caches_sum_of(unsigned pool, struct zp_counters *sum, uint64_t *bytes,
                             uint64_t *granted);

// Fork: the lock of the lists; in the child all caches are empty and count from 0, and all but the
// calling thread's for the process's pool are without a thread.
void zp_thread_caches_lock(void);
void zp_thread_caches_unlock(void);
void zp_thread_caches_reset(void);

// ---- The newest buffer: between try_enter and leave ------------------------------------------

// Other threads read it to sum up.
static inline void zp_cached_set_start(struct zp_cached *entry, char *start)
{
    __atomic_store_n(&entry->start, start, __ATOMIC_RELAXED);
}

static inline void zp_cached_set_room(struct zp_cached *entry, size_t room)
{
    __atomic_store_n(&entry->room, room, __ATOMIC_RELAXED);
}

// How far a start is behind its base.
static inline size_t zp_cached_offset(const char *start)
{
    return (uintptr_t)start % ZP_LEAST_PAGE;
}

// The usable bytes of the buffer, those before its start too: what it is charged with.
static inline size_t zp_cached_bytes(const struct zp_cached *entry)
{
    size_t room = __atomic_load_n(&entry->room, __ATOMIC_RELAXED);
    const char *start = __atomic_load_n(&entry->start, __ATOMIC_RELAXED);
    return room != 0 ? room + zp_cached_offset(start) : 0;
}

// The newest buffer, if it holds `size` bytes and at most an eighth of it would be unused: usually
// one of the same size class, without computing that. For one that is too small the difference
// wraps around. The entry can be read until the next buffer is put. NULL if it does not fit.
static inline const struct zp_cached *zp_thread_cache_take_newest(struct zp_thread_cache *cache,
                                                                  size_t size)
{
    struct zp_cached *newest = &cache->newest;
    if (ZP_UNLIKELY(newest->room - size > newest->room / 8))
        return NULL;
    zp_cached_set_room(newest, 0);
    return newest;
}

// Puts a buffer that was not scrubbed; false if there is a newest one or no room.
static inline bool zp_thread_cache_put_dirty(struct zp_thread_cache *cache, struct zp_slot *slot,
                                             char *start)
{
    size_t bytes = slot->usable;
    if (ZP_UNLIKELY(bytes > cache->dirty_room) || ZP_UNLIKELY(cache->newest.room != 0))
        return false;
    zp_slot_step(slot, ZP_SLOT_CACHED);
    slot->content = ZP_CONTENT_DIRTY;
    zp_cached_set_start(&cache->newest, start);
    cache->newest.slot = slot;
    zp_cached_set_room(&cache->newest, bytes - zp_cached_offset(start));
    return true;
}

// ---- All buffers: between open and close -----------------------------------------------------

// Bytes in the whole cache. While the owner moves a buffer within it, other threads count that
// twice or not at all.
static inline size_t zp_thread_cache_bytes(const struct zp_thread_cache *cache)
{
    return __atomic_load_n(&cache->bytes, __ATOMIC_RELAXED) + zp_cached_bytes(&cache->newest);
}

// The buffer at a place, 0 being the oldest.
struct zp_slot *zp_thread_cache_take_at(struct zp_thread_cache *cache, unsigned place);

// The newest buffer of `size` up to `size + slack` bytes, or NULL.
struct zp_slot *zp_thread_cache_take(struct zp_thread_cache *cache, size_t size, size_t slack);

// `capacity` is one of the two of the cache.
static inline bool zp_thread_cache_has_room(const struct zp_thread_cache *cache, unsigned capacity,
                                            size_t bytes)
{
    return cache->count < capacity && cache->bytes + bytes <= cache->granted;
}

// Puts a buffer that there is room for.
void zp_thread_cache_push(struct zp_thread_cache *cache, struct zp_slot *slot);

#endif
