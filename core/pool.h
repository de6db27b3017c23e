// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The pool: buffers of 64 KiB to 64 GiB that are handed out, taken back, scrubbed and kept. This is
// what the layers above see of core; get.h, put.h, resize.h and decay.h say how it works.
//
// Always holds: a buffer handed out belongs to one owner; with scrubbing on, every byte of it that
// the owner has not written reads as zero. A get that cannot be served returns NULL and nothing is
// lost; the caller goes elsewhere. A put never fails. Putting what is no live buffer ends the
// program, with ZP_CHECK_OFF it does nothing.
//
// Locking: see the parts; at most one lock is held at a time. No function here changes errno.
// Fork: see fork.h.
//
// The paths that cost nanoseconds are inline here.

#ifndef ZP_CORE_POOL_H
#define ZP_CORE_POOL_H

#include "arena.h"
#include "background.h"
#include "content.h"
#include "decay.h"
#include "eviction.h"
#include "fill.h"
#include "get.h"
#include "placement.h"
#include "prewarm.h"
#include "probes.h"
#include "profile.h"
#include "put.h"
#include "read.h"
#include "readonly.h"
#include "thread_cache.h"

#include <string.h>
#include <sys/types.h>

// ZEROPOOL_CHECK: what is done about a program that corrupts its heap.
enum zp_check {
    ZP_CHECK_BASIC, // what is no live buffer ends the program when it is put
    ZP_CHECK_FULL,  // and so does a write to a freed buffer; many more accesses fault
    ZP_CHECK_OFF,   // what is no live buffer is left alone
};

struct zp_pool_config {
    struct zp_arena_config arena;
    struct zp_content_config content;
    struct zp_put_config put;
    struct zp_decay_config decay;
    struct zp_read_config read;
    struct zp_background_report report;
    struct zp_profile_config profile;
    size_t budget;       // bytes that may be retained
    size_t scrub_behind; // bytes that may wait to be scrubbed after they were kept; 0: none
    bool reclaim;        // let the kernel take pages of what is retained
    size_t unmarked;     // bytes from which on all of it is made reclaimable at once (reclaim.h)
    const struct zp_eviction_policy *eviction; // which buffers are evicted when the budget is full
    unsigned thread_cache_most;                // buffers per thread cache, up to ZP_CACHE_MOST
    unsigned shards;                           // a power of two up to ZP_SHARDS_MOST
    uint32_t most_per_shard;                   // buffers per shard
    struct zp_placement_config placement;
    struct zp_prewarm_config prewarm;
    size_t reserved_page; // bytes of the reserved huge pages to use; 0: none
    bool pin;             // lock buffers in memory
    bool peak;            // note what the program held when it held most (peak.h)
    enum zp_check check;
};

// Set once, when the pool starts.
struct zp_pool {
    bool started;
    bool scrub; // freed buffers are made zero
    enum zp_check check;
};

extern struct zp_pool zp_pool;

// Starts the pool; called once. 0 or a negative errno: the pool then stays off.
// Before, and while it is off: a get returns NULL, nothing is owned, there is nothing to trim.
int zp_pool_init(const struct zp_pool_config *config);

// Has the helper make ready what the configuration lists, and publish reports, if anything.
void zp_pool_prewarm(void);

// The program is about to end: the helper ends. What is freed from now on is scrubbed at once.
void zp_pool_end(void);

// What the pool holds and has done, summed over threads, without the size classes.
void zp_pool_stats(struct zp_pool_stats *stats);

// Calls the helper if work was left for it, or will be due: outside of the own cache, as to start a
// thread takes memory.
void zp_pool_call_helper(void);

// Adds a point to the timeline of the profile, which has said that one is due (timeline.h).
void zp_pool_note_time(void);

// The same with what takes longer: the size classes, and what is estimated.
void zp_pool_survey(struct zp_pool_stats *stats);

// Moves what this thread's caches hold to the shards.
void zp_pool_flush(void);

// Gives back to the kernel what is retained, in the caches of other threads too but for those that
// their threads are at just now. Returns the bytes.
size_t zp_pool_trim(void);

// A buffer of at least `size` bytes that starts at a multiple of `alignment`, a power of two, and
// of a cache line; NULL if there is none, or no slot is so aligned. `size` must not be below the
// smallest size configured. zp_slot_is_zero says whether all of the buffer reads as zero.
// `caller` is a return address in the code that asks: how the same place used what it got before
// decides how the memory comes. The second gets it from a pool of the program's own.
struct zp_slot *zp_pool_get_for(size_t size, size_t alignment, const void *caller);
struct zp_slot *zp_pool_get_of(unsigned pool, size_t size, size_t alignment, const void *caller);

static inline struct zp_slot *zp_pool_get(size_t size, size_t alignment)
{
    return zp_pool_get_for(size, alignment, NULL);
}

// A buffer that starts at a multiple of a cache line, as far as that costs nanoseconds: only if the
// one that this thread put last serves. NULL otherwise: zp_pool_get may still have one.
static inline void *zp_pool_get_newest(size_t size)
{
    struct zp_thread_cache *cache = zp_thread_cache;
    if (ZP_UNLIKELY(!zp_thread_cache_try_enter(cache)))
        return NULL;
    char *start = NULL;
    const struct zp_cached *newest = zp_thread_cache_take_newest(cache, size);
    if (ZP_LIKELY(newest != NULL)) {
        start = newest->start;
        zp_count(&cache->counters.thread_hits, 1);
        zp_get_hand_out(cache, newest->slot, size);
    }
    zp_thread_cache_leave(cache);
    return start;
}

static inline bool zp_pool_is_live(const struct zp_slot *slot, const void *buffer)
{
    return ZP_LIKELY(slot->state == ZP_SLOT_LIVE) && ZP_LIKELY(slot->start == buffer);
}

// Ends the program, or returns NULL.
ZP_COLD struct zp_slot *zp_pool_bad_pointer(const char *operation, const void *pointer);

// The record of a live buffer; an address of the arena that is none ends the program with a line
// that names `operation`. NULL instead, with ZP_CHECK_OFF.
static inline struct zp_slot *zp_pool_slot(const void *buffer, const char *operation)
{
    struct zp_slot *slot = zp_arena_slot(buffer);
    return zp_pool_is_live(slot, buffer) ? slot : zp_pool_bad_pointer(operation, buffer);
}

// Takes back a live buffer where the fast path does not; one of a pool of the program's own.
void zp_pool_put_slowly(struct zp_slot *slot);
void zp_pool_put_to_own(struct zp_slot *slot);

// Puts a buffer into the thread's cache as it is; false if that is not to be.
static inline bool zp_pool_keep_dirty(struct zp_thread_cache *cache, struct zp_slot *slot,
                                      char *start)
{
    if (ZP_UNLIKELY(slot->epoch != zp_arena_epoch()) ||
        ZP_UNLIKELY(!zp_thread_cache_try_enter(cache)))
        return false;
    bool kept = zp_thread_cache_put_dirty(cache, slot, start);
    zp_thread_cache_leave(cache);
    return kept;
}

// Takes a live buffer back; any thread may put it. `caller` is a return address in the code that
// freed it.
static inline void zp_pool_put_for(void *buffer, void *caller)
{
    struct zp_slot *slot = zp_arena_slot(buffer);
    if (!zp_pool_is_live(slot, buffer)) {
        zp_pool_bad_pointer("free", buffer);
        return;
    }
    // Atomic, as the owners of a read-only buffer may give it up at once.
    __atomic_store_n(&slot->freed_by, caller, __ATOMIC_RELAXED);
    ZP_PROBE_2(put, buffer, slot->usable);
    if (ZP_UNLIKELY(slot->pool != 0)) {
        zp_pool_put_to_own(slot);
        return;
    }
    struct zp_thread_cache *cache = zp_thread_cache;
    uint64_t puts = __atomic_load_n(&cache->counters.puts, __ATOMIC_RELAXED) + 1;
    zp_count_to(&cache->counters.puts, puts);
    if (ZP_UNLIKELY(puts % ZP_DECAY_LOOKS == 0) ||
        ZP_UNLIKELY(!zp_pool_keep_dirty(cache, slot, buffer)))
        zp_pool_put_slowly(slot);
}

// The same for the caller of the function that this is in.
static inline __attribute__((always_inline)) void zp_pool_put(void *buffer)
{
    zp_pool_put_for(buffer, __builtin_return_address(0));
}

// Makes the first `size` bytes of a live buffer zero that was handed out as it was, without
// bringing pages into memory that are not there. False if the kernel refused: some may be as they
// were.
bool zp_pool_clear(struct zp_slot *slot, size_t size);

// Sees to it that the first `size` bytes of a buffer that was just handed out read as zero.
static inline void zp_pool_make_zero(struct zp_slot *slot, size_t size)
{
    if (ZP_UNLIKELY(!zp_slot_is_zero(slot)) && !zp_pool_clear(slot, size))
        memset(slot->start, 0, size);
}

// The program protected, locked or advised memory of the arena: the buffers there are not kept when
// they are freed.
void zp_pool_note_marks(const void *address, size_t length);

// Makes a live buffer hold `size` bytes without moving it. False if it cannot: the buffer is then
// as it was.
bool zp_pool_resize(struct zp_slot *slot, size_t size);

// Moves a live buffer's pages to a slot that holds `size` bytes, more than it has. Returns the new
// slot, or NULL if pages cannot be moved: the buffer is then as it was.
struct zp_slot *zp_pool_move(struct zp_slot *slot, size_t size);

#endif
