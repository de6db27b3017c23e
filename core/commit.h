// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Commit: giving a slot memory and taking it away, huge pages, guards.
//
// Always holds: what is committed is readable and writable. What is added to a slot reads as zero:
// of a standalone slot it was inaccessible before; of a packed one it is dropped first, as a program
// that overran the buffer may have written there. Memory that the kernel refuses is an error
// returned, never an abort. Huge pages are asked for slot by slot: advice on the whole reservation
// would make khugepaged walk terabytes of nothing.
//
// Locking: none; the slot is the caller's. Fork: see fork.h.

#ifndef ZP_CORE_COMMIT_H
#define ZP_CORE_COMMIT_H

#include "arena.h"

// Makes at least the first `bytes` of a slot accessible, up to its capacity. What is added is in
// huge pages if those are advised for the slot. 0, or a negative errno (-ENOMEM: overcommit, limits,
// too many mappings), the slot then being as it was.
int zp_commit(struct zp_slot *slot, size_t bytes);

// Gives the pages behind the first `keep` bytes, a multiple of the page size, back to the kernel,
// and, where that can be had, their accessibility; `committed` says what is left. 0 or a negative
// errno: the pages are still there.
int zp_commit_trim(struct zp_slot *slot, size_t keep);

// Gives all memory of a TAKEN slot back and puts it on the cold list; a slot whose memory the kernel
// does not take is retired.
void zp_decommit(struct zp_slot *slot);

// For the child of a fork: the memory of a TAKEN slot is not there. If its addresses are `reserved`
// it goes on the cold list, else it is retired.
void zp_commit_forget(struct zp_slot *slot, bool reserved);

// The pages of `from`, a standalone slot, lie in `to` now, as many mappings as they were, and fresh
// memory begins behind them: `to` has one seam more.
void zp_commit_add_seams(struct zp_slot *to, const struct zp_slot *from);

// Whether a slot's memory is in huge pages, but for a rest at its end, if the kernel has some.
static inline bool zp_commit_is_huge(const struct zp_slot *slot)
{
    return slot->huge && !slot->packed && slot->committed >= ZP_HUGE_PAGE;
}

// Whether that could be changed.
static inline bool zp_commit_can_be_huge(const struct zp_slot *slot)
{
    return zp_arena.huge_pages == ZP_HUGE_FILLED && !slot->packed &&
           slot->committed >= ZP_HUGE_PAGE;
}

// Has what a slot takes of the kernel from now on come in huge pages, or no longer; pages that are
// there stay as they are. A refusal does not matter: the slot works either way.
void zp_commit_set_huge(struct zp_slot *slot, bool huge);

// Bytes that are committed in all slots.
size_t zp_commit_bytes(void);

#endif
