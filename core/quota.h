// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Quotas: how much of the budget each pool may use. The process's pool may use all of it, one of
// the program's own as much as it was made with.
//
// Always holds: what is charged here is charged to the budget as well, and what one of the
// program's own pools has charged never exceeds its quota. One that was closed has none.
//
// Locking: none; atomic counters, touched on the slow paths only. Fork: the child counts what it
// keeps.

#ifndef ZP_CORE_QUOTA_H
#define ZP_CORE_QUOTA_H

#include "budget.h"
#include "pools.h"

// Bytes that a pool may retain, whatever the others do.
size_t zp_quota_limit(unsigned pool);

// Bytes that a pool could charge now.
size_t zp_quota_left(unsigned pool);

// Whether the pool's own part has no room for `bytes`, though the budget may.
bool zp_quota_is_full(unsigned pool, size_t bytes);

// As the functions of budget.h that are named like these.
bool zp_quota_charge(unsigned pool, size_t bytes);
void zp_quota_release(unsigned pool, size_t bytes);
bool zp_quota_charge_tail(unsigned pool, size_t bytes);
void zp_quota_end_tail(unsigned pool, size_t bytes);

// In the child of a fork: so many bytes are charged.
void zp_quota_restart(unsigned pool, size_t bytes);

#endif
