// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Resize: what realloc does to a live buffer instead of copying it.
//
// In place where the slot has the room, giving a tail back that is worth it. Else the buffer's
// pages move to a larger slot. The kernel moves one mapping at a time and does not join a moved
// mapping with fresh memory behind it. Each move therefore leaves a seam in the slot, which the
// next move has to know; a slot remembers ZP_SLOT_SEAMS of them and loses them when it is
// decommitted, so the number of mappings is bounded.
//
// Locking: none; the caller owns the buffer. Fork: pages shared with another process stay shared,
// so the new slot keeps the old one's epoch.

#ifndef ZP_CORE_RESIZE_H
#define ZP_CORE_RESIZE_H

#include "slot.h"

// Makes a LIVE buffer hold `size` bytes where it is. False if it cannot: it is then as it was.
bool zp_resize(struct zp_slot *slot, size_t size);

// Moves the pages of a LIVE buffer to a slot that holds `size` bytes, more than it has. Returns
// that slot, TAKEN, the other being empty and on the cold list; or NULL if pages cannot be moved:
// the buffer is then as it was.
struct zp_slot *zp_resize_move(struct zp_slot *slot, size_t size);

#endif
