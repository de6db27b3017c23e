// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fit: which of a shard's buffers serves a request.
//
// The closest fit among the newest of the request's class, or else of the next larger class that
// has any, up to twice the size. What it is too long by stays with it as its tail, or is given back
// (get.h). A buffer that is too short can grow if its slot has the room: then only the rest has to
// be fetched.
//
// Locking: the shard's lock is held, except by zp_fit_may_exist. Fork: nothing to do.

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

// The classes whose slots may serve a wish.
unsigned zp_fit_first(const struct zp_wish *wish);
unsigned zp_fit_last(const struct zp_wish *wish);

// Whether one of them seems to have slots, by the bits of struct zp_eviction: whether it is worth
// taking the lock to look.
bool zp_fit_may_exist(const uint64_t *nonempty, const struct zp_wish *wish);

#endif
