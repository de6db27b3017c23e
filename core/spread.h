// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where a buffer starts in its slot: a few cache lines behind the slot's first byte.
//
// The sets of a first-level cache are chosen by the offset in a page. Buffers that all start at the
// same offset are at the same one whenever a program reads several of them in step, and push each
// other out (docs/decisions.md, decision 40). So neighbouring slots start at
// different lines.
//
// Always holds:
//   - A start is a multiple of a cache line. A request for a larger alignment starts with the slot.
//   - For the same size a slot always has the same start, less than ZP_LEAST_PAGE behind its base.
//   - The length of a slot follows from the size alone. The owner's first byte is in the slot's
//     first page and the last one in its last page, so that an owner who writes all of a buffer
//     touches every page.
//
// Locking: none, pure functions. Fork: nothing to do.

#ifndef ZP_CORE_SPREAD_H
#define ZP_CORE_SPREAD_H

#include "arena.h"

// From this size on: a page of 4 KiB more is less than a hundredth.
#define ZP_SPREAD_LEAST (512 * ZP_KIB)

enum {
    ZP_SPREAD_LINES = 32, // different starts
    // Slots are often used in the order of their addresses: neighbours are so many starts apart.
    ZP_SPREAD_STEP = 11,
};

// Room for all starts.
#define ZP_SPREAD_BYTES ((size_t)ZP_SPREAD_LINES * ZP_CACHE_LINE)

static inline bool zp_spread_moves(size_t size, size_t alignment)
{
    return zp_arena.spread && size >= ZP_SPREAD_LEAST && alignment <= ZP_CACHE_LINE &&
           size <= ZP_CLASS_MAX - ZP_SPREAD_BYTES;
}

// Bytes that a slot needs for a request.
static inline size_t zp_spread_length(size_t size, size_t alignment)
{
    return zp_spread_moves(size, alignment) ? size + ZP_SPREAD_BYTES : size;
}

// The largest size that needs no more than so many bytes, as far as it is not aligned.
static inline size_t zp_spread_size(size_t length)
{
    bool moves = length >= ZP_SPREAD_BYTES && zp_spread_moves(length - ZP_SPREAD_BYTES, 1);
    return moves ? length - ZP_SPREAD_BYTES : length;
}

// Sets where a slot that holds zp_spread_length bytes starts for its next owner.
static inline void zp_spread_place(struct zp_slot *slot, size_t size, size_t alignment)
{
    slot->start = slot->base;
    if (!zp_spread_moves(size, alignment))
        return;
    size_t rest = zp_round_up(size + ZP_SPREAD_BYTES, zp_arena.page) - size;
    size_t least =
        rest > zp_arena.page ? rest - zp_arena.page : 0; // behind it ends in the last page
    size_t number = (size_t)(slot - zp_arena.regions[slot->region].slots) + slot->region;
    size_t line = 1 + number * ZP_SPREAD_STEP % ZP_SPREAD_LINES;
    slot->start += (least / ZP_CACHE_LINE + line) * ZP_CACHE_LINE;
}

#endif
