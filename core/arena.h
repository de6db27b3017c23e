// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The arena: the one range of addresses that is reserved at start, its regions, and the cold slots
// in them. A pointer is ours if it lies in the arena; its size class and its slot follow by two
// shifts.
//
// The arena is cut into equal regions, one per size class; a region into slots at multiples of its
// stride, the power of two that holds a buffer of the class. Two layouts:
//   - packed (below 2 MiB): slots lie side by side, are opened a stride at a time and stay open, so
//     that a million of them are one mapping. No huge pages: they would round the memory up.
//   - standalone (2 MiB and up): a slot is accessible over exactly its committed bytes, in huge
//     pages if all of them will be written (usage.h), and ends in an inaccessible gap. The gap
//     catches overruns, and as the mapping ends there, the kernel cannot round the tail up to a
//     huge page. Two mappings per slot in use.
// The kernel grants a process so many mappings. Once the standalone slots have taken their share,
// new slots of 2 MiB and up are packed as well, a few neighbours at a time; what ends such a slot
// is a guard marker in the page table, where the kernel has them (MADV_GUARD_INSTALL), else
// nothing. Under strict overcommit every slot stands alone: there an open page costs, used or not.
// So it does where everything is guarded. Once mappings run short there, the arena has no more
// slots.
//
// Always holds: what is not committed is PROT_NONE, or nothing has written there but who overran a
// buffer, and a commit drops that; the arena never moves or grows.
// Memory the kernel refuses is an error returned, never an abort. Huge pages are asked for slot by
// slot: advice on the whole reservation would make khugepaged walk terabytes of nothing.
//
// Nothing that overruns a buffer reaches the records: their tables are a mapping of their own with
// inaccessible pages around each. What is set at start is read-only from then on (ZP_FROZEN).
//
// Locking: one lock per region (ZP_RANK_REGION) over its list and counts. Under it, once in a few
// hundred new slots, the next page of slot records is opened: the only system call under a lock.
// A slot that was taken belongs to the taker and needs none.
//
// Fork: see fork.h.

#ifndef ZP_CORE_ARENA_H
#define ZP_CORE_ARENA_H

#include "base.h"
#include "lock.h"
#include "size_class.h"
#include "slot.h"
#include "stack.h"

// Which of the slots that stand alone are in huge pages.
enum zp_huge {
    ZP_HUGE_NONE,
    ZP_HUGE_FILLED, // those that will be written to the end, as far as that is known
    ZP_HUGE_ALL,
};

// A region as it is laid out at start.
struct zp_region {
    struct zp_slot *slots; // the records, in the order of the addresses
    uintptr_t record_zero; // where the record would be of the slot that the arena starts with
    unsigned stride_shift;
    uint32_t limit; // slots that fit
    uint32_t run;   // slots that may share a mapping, from a multiple of this on; 0: none
    bool packed;    // all its slots, from the first on
} __attribute__((aligned(32))); // found by a shift, not a multiplication

// What of a region has been used.
struct zp_region_use {
    struct zp_lock lock;
    uint32_t used;           // slots ever taken: the records in use are [0, used)
    uint32_t opened;         // records that are writable
    struct zp_slot *cold[2]; // standalone ones, packed ones
} __attribute__((aligned(ZP_CACHE_LINE)));

// A small malloc and free read the first three: they share a line of the processor's cache.
struct zp_arena {
    size_t threshold; // bytes: smaller requests are not the pool's. Set by who stands before it
    uintptr_t base;   // before the pool starts a value that no pointer is near
    size_t size;      // bytes; 0 before the pool starts
    size_t page;      // bytes in a page
    uintptr_t stacks; // from a slot's record to the stack that was recorded for it
    unsigned region_shift;
    enum zp_huge huge_pages;
    struct zp_region regions[ZP_CLASS_COUNT];
} __attribute__((aligned(ZP_CACHE_LINE)));

extern struct zp_arena zp_arena;
extern struct zp_region_use zp_region_use[ZP_CLASS_COUNT];
extern uint32_t zp_epoch; // changes with every fork: pages of an older one may be shared

struct zp_arena_config {
    size_t reserve;  // most bytes of address space to take
    size_t smallest; // no request is smaller: regions below it stay empty
    enum zp_huge huge_pages;
    bool strict;     // the kernel counts every accessible page (vm.overcommit_memory=2)
    bool guarded;    // inaccessible pages before and after every buffer
    size_t mappings; // that standalone slots may take; 0: any number
};

// Reserves the arena and the slot records: as much as the configuration allows, half of it where
// that is refused, and so on. 0, or a negative errno: -EPERM when the process has all its memory
// locked, another when not even 5 GiB of addresses are to be had. Called once, before any other
// function here.
int zp_arena_init(const struct zp_arena_config *config);

// Whether an address lies in the arena. Right at any time, from any thread, for any pointer that
// was handed out: `base` and `size` may be seen in either order while the pool starts.
static inline bool zp_arena_owns(const void *pointer)
{
    return (uintptr_t)pointer - ZP_GLANCE(zp_arena.base) < ZP_GLANCE(zp_arena.size);
}

// Read on every put, while another thread may be forking.
static inline uint32_t zp_arena_epoch(void)
{
    return __atomic_load_n(&zp_epoch, __ATOMIC_RELAXED);
}

// The record of the slot that an address of the arena lies in. It can always be read; that of a
// slot never taken is all zeros.
static inline struct zp_slot *zp_arena_slot(const void *pointer)
{
    size_t offset = (uintptr_t)pointer - zp_arena.base;
    const struct zp_region *region = &zp_arena.regions[offset >> zp_arena.region_shift];
    size_t stride = offset >> region->stride_shift; // strides of this region from the arena's start
    return (struct zp_slot *)(region->record_zero + stride * sizeof(struct zp_slot));
}

// Where the buffer in a slot was last freed. Readable for every record, writable once the slot has
// been taken.
static inline struct zp_stack *zp_arena_stack(const struct zp_slot *slot)
{
    return (struct zp_stack *)((uintptr_t)slot + zp_arena.stacks);
}

// Every buffer of a class starts at a multiple of this many bytes.
static inline size_t zp_arena_alignment(unsigned size_class)
{
    return (size_t)1 << zp_arena.regions[size_class].stride_shift;
}

// A cold slot, now TAKEN, or NULL if the class has none left. It is clean and holds no pages.
struct zp_slot *zp_arena_take(unsigned size_class);

// Whether a slot's memory is in huge pages, but for a tail, if the kernel has some.
static inline bool zp_arena_is_huge(const struct zp_slot *slot)
{
    return slot->huge && !slot->packed && slot->committed >= ZP_LARGE_CLASS;
}

// Whether that could be changed.
static inline bool zp_arena_can_be_huge(const struct zp_slot *slot)
{
    return zp_arena.huge_pages == ZP_HUGE_FILLED && !slot->packed &&
           slot->committed >= ZP_LARGE_CLASS;
}

// Has what a slot takes of the kernel from now on come in huge pages, or no longer; pages that are
// there stay as they are. A refusal is none of the caller's business: the slot works either way.
void zp_arena_set_huge(struct zp_slot *slot, bool huge);

// Puts a TAKEN slot without pages back on the cold list.
void zp_arena_put_back(struct zp_slot *slot);

// Makes at least the first `bytes` of a slot accessible; `bytes` must not exceed its class. What is
// added reads as zero, and is in huge pages if the slot is. 0, or a negative errno (-ENOMEM:
// overcommit, limits, too many mappings), the slot then being as it was.
int zp_arena_commit(struct zp_slot *slot, size_t bytes);

// Gives the pages behind the first `keep` bytes back to the kernel, and, where that can be had,
// their accessibility; `committed` says what is left. 0 or a negative errno: the pages are still
// there.
int zp_arena_release(struct zp_slot *slot, size_t keep);

// Gives all of a slot's memory back and puts it on the cold list; a slot whose memory the kernel
// does not take is retired.
void zp_arena_decommit(struct zp_slot *slot);

// Replaces what is mapped in a part of the arena by addresses without access. 0 or a negative
// errno.
int zp_arena_close(char *from, size_t length);

// For the child of a fork: the slot's memory is not there. If its addresses are `reserved` it goes
// on the cold list, else it is retired.
void zp_arena_forget(struct zp_slot *slot, bool reserved);

// The pages of `from`, a standalone slot, lie in `to` now, as many mappings as they were, and fresh
// memory begins behind them: `to` has one seam more.
void zp_arena_add_seams(struct zp_slot *to, const struct zp_slot *from);

// Bytes that are committed in all slots.
size_t zp_arena_committed(void);

// The slots before and behind one of the same region, if they were ever taken; else NULL.
struct zp_slot *zp_arena_before(const struct zp_slot *slot);
struct zp_slot *zp_arena_behind(const struct zp_slot *slot);

// Calls `visit` for every slot that was ever taken. The caller sees to it that no other thread is
// there.
void zp_arena_visit(void (*visit)(struct zp_slot *slot));

// Fork: takes and releases the locks of all regions, or makes them anew in the child.
void zp_arena_lock_all(void);
void zp_arena_unlock_all(void);
void zp_arena_reset_locks(void);

#endif
