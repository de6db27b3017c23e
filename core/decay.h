// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Decay: the work of time. What has been idle for long goes back to the kernel; small pages are
// marked as reclaimable (reclaim.h); thread caches whose threads sleep are emptied; the budget
// follows the memory that is available.
//
// Who does it: with ZEROPOOL_DECAY_BY=calls the slow paths of requests, which look at a coarse
// clock, and every ZP_DECAY_LOOKS-th buffer that a thread puts by the fast path. No call spends
// more than about 4 ms: work is done in units of at most 4 MiB until that time is over, and the
// next call of the thread goes on. With ZEROPOOL_DECAY_BY=thread the helper does it, a unit at a
// time, as long as anything is retained; it also asks whether the kernel is short of memory, and
// then gives everything back at once. Where no helper can be started it is as with `calls`.
//
// A large buffer goes back in parts, its tail first; the rest stays the oldest of its shard.
//
// Always holds: one thread at a time is at it; others go on with what they came for.
//
// Locking: none of its own; the caller is inside its own thread cache. Fork: the child starts with
// nobody at it.

#ifndef ZP_CORE_DECAY_H
#define ZP_CORE_DECAY_H

#include "retain.h"

// What the pool may retain just now.
struct zp_decay_limits {
    size_t budget;   // bytes in all
    size_t unmarked; // bytes from which on all of it is marked at once
    bool complete;   // nothing that counts was missing; else the two must not be raised
};

struct zp_decay_config {
    int64_t idle_ms; // after so long memory goes back; ZP_DECAY_NEVER; 0: nothing is retained
    bool by_thread;  // else by calls
    // Fills in the limits, `retained` bytes being retained; false if they cannot be told. NULL:
    // they stay.
    bool (*limits_now)(size_t retained, struct zp_decay_limits *limits);
    // Whether the kernel has been short of memory since this was last asked. NULL: never.
    bool (*is_pressed)(void);
    // Gives back idle pages of the allocator that serves small requests, `all` or those that are
    // due. Returns the bytes that are still idle. Called by the helper, holding nothing. NULL:
    // there is nobody.
    size_t (*trim_small)(bool all);
};

void zp_decay_init(const struct zp_decay_config *config);

// How often the fast path of a put looks whether anything is due: a power of two.
enum { ZP_DECAY_LOOKS = 256 };

// To be called on slow paths: does what is due, a bounded part of it.
void zp_decay_tick(struct zp_thread_cache *cache);

// Whether a helper should be there. If none can be started, calls do the work.
bool zp_decay_wants_helper(void);
void zp_decay_do_without(void);

// For the helper: milliseconds until there is something to do, or ZP_NEVER; a unit of it;
// and what is done holding nothing.
uint32_t zp_decay_due(void);
void zp_decay_unit(struct zp_thread_cache *cache);
void zp_decay_aside(void);

// After how long idle memory goes back, in milliseconds; 0: nothing is retained; negative: never.
int64_t zp_decay_idle_ms(void);

// Whether the program has made a large request: from then on memory ages.
bool zp_decay_has_begun(void);

// Gives back a unit of what is retained, whatever its age; false if nothing is.
bool zp_decay_give_back(struct zp_thread_cache *cache);

// Fork: the child.
void zp_decay_reset(void);

#endif
