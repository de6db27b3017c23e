// SPDX-License-Identifier: MIT OR Apache-2.0
//
// At hand: a buffer for a caller that may neither wait nor make a system call.
//
// One of the thread's cache, or one of a shard whose lock is free, if no page of it has to be given
// back, fetched or asked about.
//
// Locking: locks are only tried. Who waits for one of them meanwhile is not woken (lock.h). Fork:
// see fork.h.

#ifndef ZP_CORE_AT_HAND_H
#define ZP_CORE_AT_HAND_H

#include "thread_cache.h"

// LIVE, at a multiple of a cache line. NULL if there is none; nothing is counted then. The caller
// is inside its own thread cache.
struct zp_slot *zp_at_hand_get(struct zp_thread_cache *cache, size_t size);

#endif
