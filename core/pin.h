// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Pinning: buffers whose pages stay in memory once they are there (mlock2 with MLOCK_ONFAULT, Linux
// 4.4), as far as the kernel's limit allows (RLIMIT_MEMLOCK). The rest are buffers like any other.
//
// Always holds: of a pinned slot all committed bytes are locked. It never gets MADV_FREE, nor
// MADV_DONTNEED, which the kernel refuses; what is given back of it is unlocked first, or its
// mapping is replaced. A slot is pinned when it gets memory, and tried again when it leaves a
// shard. In a memory group with a limit a pinned buffer that is retained is unlocked while the pool
// is tight (reclaim.h): what the program does not use must not fill the group.
//
// Locking: none; the slot is the caller's. Fork: a child inherits no locks, so there no slot is
// pinned that was before; what gets memory in the child is.

#ifndef ZP_CORE_PIN_H
#define ZP_CORE_PIN_H

#include "arena.h"

// Called once; `on` is whether every buffer is to be pinned.
void zp_pin_init(bool on);

// Whether a slot is to be: every one, or those of its pool.
bool zp_pin_is_wanted(const struct zp_slot *slot);

// Pins a slot, if the limit allows.
void zp_pin(struct zp_slot *slot);

// The same for one of which a part is locked: if not all of it can be, none is.
void zp_pin_again(struct zp_slot *slot);

// Unlocks a pinned slot.
void zp_pin_release(struct zp_slot *slot);

// Unlocks what is about to be given back of a pinned slot: all from `keep` on.
void zp_pin_unlock_tail(const struct zp_slot *slot, size_t keep);

// What is committed in a pinned slot has changed, and what is left is locked; with 0 bytes the slot
// is not pinned any more.
void zp_pin_note_size(struct zp_slot *slot, size_t bytes);

struct zp_pin_counts {
    size_t bytes;     // pinned
    uint64_t refused; // times that a buffer could not be pinned
};

struct zp_pin_counts zp_pin_counts(void);

// In the child of a fork.
void zp_pin_reset(void);

#endif
