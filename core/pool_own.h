// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Pools of the program's own: how they are made, closed, emptied and measured. They are got from by
// the functions of pool.h and pool_batch.h that take a number, and a buffer of theirs is put like
// any other.
//
// Always holds: a buffer that is live when its pool is closed stays as it is; when it is put, its
// memory goes back to the kernel.
//
// Locking: see pools.h. Fork: see fork.h. No function here changes errno.

#ifndef ZP_CORE_POOL_OWN_H
#define ZP_CORE_POOL_OWN_H

#include "pool.h"
#include "pools.h"

// A number for a pool with these traits; or -EINVAL if the process may have no memory from its
// node, -ENOMEM if there is no memory for its shards or ZP_POOLS_MOST pools exist.
int zp_pool_own_open(const struct zp_pool_traits *traits);

// Closes it. The caller sees to it that no thread gets from it any more.
void zp_pool_own_close(unsigned pool);

// As zp_pool_trim, for one pool; what is in quarantine stays.
size_t zp_pool_own_trim(unsigned pool);

// What one pool has done since it was opened, and holds: counters, live_buffers, live_bytes,
// retained_bytes, budget_bytes. The rest is 0.
void zp_pool_own_stats(unsigned pool, struct zp_pool_stats *stats);

// In the child of a fork: threads count from 0.
void zp_pool_own_reset(void);

#endif
