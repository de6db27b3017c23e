// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Get: how a request is served, where the newest buffer of the thread's cache does not serve it.
//
//   1. a buffer of the thread's cache that fits closely
//   2. a buffer of a shard, the own one first, or one that waits to be scrubbed: of the same class,
//      then of up to twice the size
//   3. a buffer of a shard that can grow
//   4. a cold slot: fresh memory
//
// A buffer that is longer than what was asked for keeps its tail, zero and charged to the budget,
// as long as it is at most a third of what was asked for: to give it back and fetch it again for
// the next longer request would cost its page faults each time. One that grows gets its new pages
// in one call if those it has are all in memory, as its owners write to the end.
//
// Always holds: what is returned is LIVE, `usable` bytes of it are at least what was asked for, and
// no page of it is shared by a fork.
//
// Locking: see the parts; the caller is inside its own thread cache. Fork: see fork.h.

#ifndef ZP_CORE_GET_H
#define ZP_CORE_GET_H

#include "probes.h"
#include "thread_cache.h"

// NULL if there is no memory, or no slot so aligned. `caller` is a return address in the program:
// how the same place used what it got before decides how the memory comes (usage.h).
struct zp_slot *zp_get_slot(struct zp_thread_cache *cache, size_t size, size_t alignment,
                            const void *caller);

// Bytes that a slot may have committed while so many of them are its owner's: the rest is its tail.
size_t zp_get_most_committed(const struct zp_slot *slot, size_t usable);

// Finds a slot for each request of a batch in the shards, their locks being taken once; then hands
// out each of them, or leaves its entry NULL. `slots` holds starts of buffers then.
void zp_get_batch(struct zp_thread_cache *cache, void **slots, const size_t *sizes, size_t count,
                  const void *caller);

static inline void zp_get_hand_out(struct zp_thread_cache *cache, struct zp_slot *slot, size_t size)
{
    uint64_t requested = __atomic_load_n(&cache->counters.bytes_requested, __ATOMIC_RELAXED);
    zp_slot_step(slot, ZP_SLOT_LIVE);
    slot->born = requested;
    zp_count_to(&cache->counters.bytes_requested, requested + size);
    ZP_PROBE_2(get, slot->start, size);
}

#endif
