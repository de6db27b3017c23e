// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Read-only buffers: a live buffer that any thread may read and none may write to, with a count of
// its owners.
//
// Always holds: a read-only slot is LIVE, all that it has committed is PROT_READ, and its epoch is
// none, so that every put of it takes the slow path, which gives up one reference. Only the last
// makes it writable again; it is then freed like any other.
//
// Locking: none; the count is atomic. With a reference the record may be read. Fork: parent and
// child each have all references.

#ifndef ZP_CORE_READONLY_H
#define ZP_CORE_READONLY_H

#include "slot.h"
#include "stats.h"

// Makes a LIVE slot read-only, with one reference. 0 or a negative errno: it is then as it was.
int zp_readonly_begin(struct zp_slot *slot);

// Adds a reference. The caller has one.
static inline void zp_readonly_retain(struct zp_slot *slot)
{
    __atomic_fetch_add(&slot->references, 1, __ATOMIC_RELAXED);
}

// Gives up a reference. True if it was the last: the slot is writable, and the caller's to put.
bool zp_readonly_release(struct zp_slot *slot);

// The same for a put that was counted already: it is none if there are other references.
bool zp_readonly_put(struct zp_slot *slot, struct zp_counters *counters);

#endif
