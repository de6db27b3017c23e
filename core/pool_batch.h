// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What zeropool.h offers of the pool and malloc has no words for: several buffers in one call, a
// buffer only if one is at hand, buffers made ready now.
//
// Locking, fork: see pool.h.

#ifndef ZP_CORE_POOL_BATCH_H
#define ZP_CORE_POOL_BATCH_H

#include "pool.h"

// A buffer at a multiple of a cache line, without waiting for a lock and without a system call:
// NULL if none is at hand. With ZEROPOOL_PROFILE it is not recorded.
struct zp_slot *zp_pool_get_at_hand(unsigned pool, size_t size);

// A buffer for each of `count` sizes that a shard has one for, into `buffers`, the locks of the
// shards being taken once; the others are NULL.
void zp_pool_get_batch(unsigned pool, void **buffers, const size_t *sizes, size_t count,
                       const void *caller);

// Takes back those of `count` live buffers that lie in the arena. Those of one pool that follow
// each other are put with its locks taken once.
void zp_pool_put_batch(void *const *buffers, size_t count, void *caller);

// Prepares buffers as the helper does, at once; returns how many there are.
size_t zp_pool_prewarm_now(unsigned pool, size_t size, size_t count);

#endif
