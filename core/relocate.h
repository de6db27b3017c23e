// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Moving a buffer to a larger slot by moving its pages: what realloc does instead of copying.
//
// The kernel moves one mapping at a time and does not join a moved mapping with fresh memory behind
// it. Each move therefore leaves a seam in the slot, which the next move has to know; a slot
// remembers ZP_SLOT_SEAMS of them and loses them when it is decommitted, so the number of mappings
// is bounded.
//
// Locking: none; the caller owns both slots. Fork: pages shared with another process stay shared,
// so the new slot keeps the old one's epoch.

#ifndef ZP_CORE_RELOCATE_H
#define ZP_CORE_RELOCATE_H

#include "slot.h"

// Moves the buffer in `from` to `to`, a cold TAKEN slot of a class that holds `bytes`, and commits
// `to` up to `bytes`, more than `from` holds. 0: `from` is empty and on the cold list. A negative
// errno: the buffer is still in `from`, unharmed, and `to` is on the cold list.
int zp_relocate(struct zp_slot *from, struct zp_slot *to, size_t bytes);

#endif
