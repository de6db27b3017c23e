// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Put: what becomes of a freed buffer.
//
//   1. as it is into the thread's cache, where nothing is to be made zero
//   2. given back to the kernel, if a fork shares its pages or the program changed its mapping
//   3. into quarantine, where everything is checked
//   4. into the scrub queue, with scrubbing in the background
//   5. scrubbed, and into the thread's cache
//   6. scrubbed, and into a shard, others being evicted for it
//   7. given back to the kernel
//
// Always holds: what is kept is charged to the budget, and zero if freed buffers are to be.
//
// Locking: see the parts; the caller is inside its own thread cache. Fork: see fork.h.

#ifndef ZP_CORE_PUT_H
#define ZP_CORE_PUT_H

#include "thread_cache.h"

struct zp_put_config {
    size_t thread_cache_bytes; // of the budget each thread's cache may hold so many
    size_t quarantine;         // bytes of freed buffers that wait, inaccessible; 0: none
};

// Called once.
void zp_put_init(const struct zp_put_config *config);

// Records the stack of the caller as that of the put of a slot, if stacks are recorded.
void zp_put_record_stack(const struct zp_slot *slot);

// Takes back a LIVE slot.
void zp_put_slot(struct zp_thread_cache *cache, struct zp_slot *slot);

// Takes back a LIVE slot that others follow, and adds it to the chain of those that
// zp_retain_pool_chain is to pool; what goes another way goes there at once.
struct zp_slot *zp_put_into_chain(struct zp_thread_cache *cache, struct zp_slot *slot,
                                  struct zp_slot *chain);

// Makes a part of what is in the scrub queue zero; what is done goes to a shard. For the helper.
void zp_put_scrub_part(struct zp_thread_cache *cache);

#endif
