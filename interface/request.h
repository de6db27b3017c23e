// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the functions of zeropool.h do for a pool given by its number (core/pools.h): buffers of the
// pool, or else of the allocator behind it.
//
// Locking: none here. Fork: nothing to do.

#ifndef ZP_INTERFACE_REQUEST_H
#define ZP_INTERFACE_REQUEST_H

#include "core/pool.h"

struct zeropool_stats;

// NULL, with errno set.
void *zp_fail(int error);

// A buffer that is zero. The first is from the pool alone, for a size that it serves, and the
// second from the allocator if the pool has none; `alignment` is a power of two. NULL if there is
// none.
struct zp_slot *zp_request_pooled(unsigned pool, size_t size, size_t alignment, const void *caller);
void *zp_request(unsigned pool, size_t size, size_t alignment, const void *caller);

// The functions that are named like these.
void *zp_request_try(unsigned pool, size_t size);
int zp_request_batch(unsigned pool, void **buffers, const size_t *sizes, size_t count,
                     void *caller);
void zp_request_put_batch(void *const *buffers, size_t count, void *caller);
int zp_request_stats(unsigned pool, struct zeropool_stats *stats);
double zp_request_hit_rate(unsigned pool);

#endif
