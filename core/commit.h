// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Commit: giving a slot memory and taking it away, huge pages, guards.
//
// Always holds: what is committed is readable and writable. What is added to a slot reads as zero:
// in a standalone slot it was inaccessible before; in a packed one it is dropped first, because a
// program that overran the buffer may have written there. If the kernel refuses memory, an error is
// returned; nothing aborts. Huge pages are requested slot by slot: advice for the whole reservation
// would make khugepaged search terabytes of empty addresses.
//
// Locking: none; the slot is the caller's. Fork: see fork.h.

#ifndef ZP_CORE_COMMIT_H
#define ZP_CORE_COMMIT_H

#include "arena.h"

// Makes at least the first `bytes` of a slot accessible, up to its capacity. What is added comes in
// huge pages if those are advised for the slot. 0, or a negative errno (-ENOMEM: overcommit,
// limits, too many mappings), the slot then being as it was.
int zp_commit(struct zp_slot *slot, size_t bytes);

// Gives the pages behind the first `keep` bytes, a multiple of the page size, back to the kernel
// and makes them inaccessible, if the kernel has a mapping to spare; `committed` is updated. 0, or
// a negative errno: the pages are still there.
int zp_commit_trim(struct zp_slot *slot, size_t keep);

// Gives all memory of a TAKEN slot back and puts the slot on the cold list; retires it if the
// kernel refuses.
void zp_decommit(struct zp_slot *slot);

// For the child of a fork, in which the memory of this TAKEN slot does not exist. If its addresses
// are `reserved` the slot goes on the cold list, else it is retired.
void zp_commit_forget(struct zp_slot *slot, bool reserved);

// The pages of `from`, a standalone slot, were moved to `to` in as many mappings as they were, with
// fresh memory behind them: `to` takes over the seams and has one more.
void zp_commit_add_seams(struct zp_slot *to, const struct zp_slot *from);

// Whether a slot's memory is in huge pages as far as the kernel has some, except for a rest at the
// end.
static inline bool zp_commit_is_huge(const struct zp_slot *slot)
{
    return slot->huge && !slot->packed && slot->committed >= ZP_HUGE_PAGE;
}

// Whether that could be changed.
static inline bool zp_commit_can_be_huge(const struct zp_slot *slot)
{
    return zp_arena.huge_pages == ZP_HUGE_FILLED && !slot->packed && !slot->reserved &&
           slot->committed >= ZP_HUGE_PAGE;
}

// Whether memory that a slot gets from now on comes in huge pages; existing pages stay as they are.
// A refusal is ignored: the slot works either way.
void zp_commit_set_huge(struct zp_slot *slot, bool huge);

// Bytes that are committed in all slots.
size_t zp_commit_bytes(void);

// The size class of so many committed bytes; what is longer than the last counts as that.
static inline unsigned zp_commit_class_of(size_t bytes)
{
    return zp_class_of(bytes < ZP_CLASS_MAX ? bytes : ZP_CLASS_MAX);
}

// The same in the slots of a size class, by what is committed in each, and the most there ever
// were.
size_t zp_commit_bytes_of(unsigned size_class, size_t *peak);

struct zp_commit_counts {
    uint64_t commits;   // times that memory was asked of the kernel
    uint64_t bytes;     // bytes of those
    uint64_t decommits; // times that memory of a slot went back, whole or in part
};

struct zp_commit_counts zp_commit_counts(void);

// In the child of a fork, when it has what it keeps: the counts start at zero, and the peaks from
// there.
void zp_commit_restart(void);

#endif
