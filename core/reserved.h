// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reserved huge pages: those that an administrator has set aside (vm.nr_hugepages, hugetlbfs), for
// the whole pages of a slot that stands alone; what is left over at its end is in small pages.
//
// The kernel has no way to refuse such a page at a touch but SIGBUS. So they are reserved when they
// are mapped and all fetched at once (MADV_POPULATE_WRITE, Linux 5.14): after that the slot has
// them, whatever a cpuset or a group limits. If one is missing the slot is in small pages like any
// other.
//
// Always holds: of a reserved slot the first zp_reserved_bytes are in memory until they are given
// back. They are never dropped, as pages that are dropped might not come again, nor marked with
// MADV_FREE, nor moved by mremap; what is given back of them is whole pages.
//
// Locking: none; the slot is the caller's.
//
// Fork: the kernel shares the pages and copies the one that is written to. If the pool is empty
// then, it takes the page from the child, which dies of SIGBUS at its next touch. So a child gets a
// copy of live buffers in ordinary memory, made before the fork, and the pages themselves are
// excluded. If there is no memory for that, or the fork interrupts the pool, the kernel's way
// remains. What is retained is excluded as ever (fork.h).

#ifndef ZP_CORE_RESERVED_H
#define ZP_CORE_RESERVED_H

#include "arena.h"

bool zp_reserved_is_on(void);

// `page` is the size of the pages: 0, 2 MiB or 1 GiB. Called once.
void zp_reserved_init(size_t page);

// Maps the whole pages of `bytes` at the start of a slot without memory, and returns how many bytes
// that are: 0 if there are none, or too few; then nothing has changed.
size_t zp_reserved_map(struct zp_slot *slot, size_t bytes);

// Bytes at the start of a slot that are in reserved pages.
static inline size_t zp_reserved_bytes(const struct zp_slot *slot)
{
    if (!slot->reserved)
        return 0;
    return slot->seam_count != 0 ? slot->seams[0] * zp_arena.page : slot->committed;
}

// The least that can be kept if at least `keep` bytes are to be.
size_t zp_reserved_cut(const struct zp_slot *slot, size_t keep);

// Notes that so many bytes went back.
void zp_reserved_note_gone(size_t bytes);

struct zp_reserved_counts {
    size_t bytes;     // in reserved pages now
    uint64_t refused; // times that a buffer that would fill some got none
};

struct zp_reserved_counts zp_reserved_counts(void);

// Fork: before, with the locks of the arena held; in the parent; in the child, before any slot is
// looked at.
void zp_reserved_before_fork(void);
void zp_reserved_in_parent(void);
void zp_reserved_in_child(void);

#endif
