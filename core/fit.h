// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fit: which of a shard's buffers serves a request.
//
// The one that fits most closely among the newest of its class, or else of the next larger class
// that has any, up to twice the size. What it is too long by stays with it as its tail, or goes back
// (get.h). A buffer that is too short can grow where its slot has the room: the pages it has are
// there already.
//
// Locking: that of the shard, but for zp_fit_may_exist. Fork: nothing to do.

#ifndef ZP_CORE_FIT_H
#define ZP_CORE_FIT_H

#include "eviction.h"

// Which buffer is wanted.
struct zp_wish {
    size_t size;      // bytes
    size_t alignment; // of its start, a power of two
    unsigned last;    // class of the longest that will do
    bool grow;        // instead one that is shorter, and whose slot holds `size` bytes
};

// NULL if there is none.
struct zp_slot *zp_fit_find(const struct zp_eviction *eviction, const struct zp_wish *wish);

// Whether it is worth taking the lock to look.
bool zp_fit_may_exist(const struct zp_eviction *eviction, const struct zp_wish *wish);

#endif
