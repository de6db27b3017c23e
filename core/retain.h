// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Retaining: which freed buffers are kept, where, in what condition, and for how long.
//
// A buffer that comes back is scrubbed and goes into the thread's cache or a shard if the budget
// has room, evicting others for it. In a shard it holds nothing but zeros, so the kernel is told
// that it may take the pages whenever it wants them (reclaim.h). What has been idle for longer is
// decommitted (decay.h). With scrubbing in the background the buffer first waits in the scrub
// queue. Where everything is checked it waits in quarantine before it goes to a shard, and is
// looked through before it is used again.
//
// Always holds: what is retained is charged to the budget.
//
// Locking: see the parts; the caller is inside its own thread cache. Fork: see fork.h.

#ifndef ZP_CORE_RETAIN_H
#define ZP_CORE_RETAIN_H

#include "quarantine.h"
#include "scrub_queue.h"
#include "thread_cache.h"

// ZEROPOOL_DECAY_MS: idle buffers are kept for ever.
#define ZP_DECAY_NEVER (-1)

struct zp_retain_config {
    size_t budget;             // bytes that may be retained
    size_t unmarked;           // bytes from which on all of it is marked at once (reclaim.h)
    size_t thread_cache_bytes; // of the budget each thread's cache may hold so many
    size_t cpu_cache;          // bytes of the processor's cache that a thread can count on
    int64_t decay_ms;          // idle time after which memory goes back; ZP_DECAY_NEVER; 0: at once
    bool reclaim;              // let the kernel take pages of what is retained
    bool scrub;                // make buffers zero before they are kept
    bool scrub_again; // and once more before they are handed out: who wrote to them after that?
    // Bytes that may wait to be scrubbed after they were kept; 0: none.
    size_t scrub_behind;
    size_t quarantine; // bytes of freed buffers that wait, inaccessible; 0: none
    bool verify;       // end the program if a buffer that should be zero is not
};

void zp_retain_init(const struct zp_retain_config *config);

// Scrubs a TAKEN buffer and keeps it. False if it is not to be kept: the caller lets it go.
bool zp_retain(struct zp_thread_cache *cache, struct zp_slot *slot);

// A cold slot of a class, TAKEN, for use from now on: eviction knows of it. NULL if there is none.
struct zp_slot *zp_retain_take_cold(unsigned size_class);

// A buffer from a shard is to be used again: what the pool knew of its pages may no longer be so.
// Ends the program if it was written to since and that is to be found. False if it had to be
// scrubbed and the kernel refused.
bool zp_retain_reuse(struct zp_thread_cache *cache, struct zp_slot *slot);

// A buffer of a class from `first` to `last` that waits to be scrubbed, scrubbed now: TAKEN and
// still charged. NULL if there is none.
struct zp_slot *zp_retain_take_unscrubbed(struct zp_thread_cache *cache, unsigned first,
                                          unsigned last);

// For the helper: scrubs a part of what waits.
void zp_retain_scrub_part(struct zp_thread_cache *cache);

// Keeps a charged buffer that nobody has used yet, all of it in memory and zero.
void zp_retain_ready(struct zp_thread_cache *cache, struct zp_slot *slot);

// Passes all that a cache holds on to the shards: as the newest there, or as the oldest, because it
// has been idle.
void zp_retain_flush(struct zp_thread_cache *cache);
void zp_retain_flush_idle(struct zp_thread_cache *cache);

// Passes the oldest `count` of them on as the newest there, idle since a moment.
void zp_retain_flush_oldest(struct zp_thread_cache *cache, unsigned count, uint32_t since);

// Passes on, as the oldest, what other threads' caches hold that have been idle for so many
// milliseconds, but for those that their threads are at just now.
void zp_retain_empty_caches(struct zp_thread_cache *cache, uint32_t idle);

// Lets a TAKEN, charged slot go: back to the kernel. Returns its bytes.
size_t zp_retain_let_go(struct zp_slot *slot);

// Gives everything retained back to the kernel, the caches of other threads included, but for those
// that their threads are at just now, and for what the helper has in hand. Returns the bytes.
size_t zp_retain_give_back(struct zp_thread_cache *cache);

#endif
