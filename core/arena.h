// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The arena: the one range of addresses that is reserved at start, its regions, and the cold slots
// in them. A pointer is ours if it lies in the arena; its region and its slot follow by two shifts.
//
// The arena is cut into equal regions, one per stride: 64 KiB, 128 KiB, ... 128 GiB. A region is
// cut into slots, which start at multiples of the stride and hold buffers of more than half of it.
// Two layouts:
//   - packed (below 2 MiB): slots lie side by side, are opened a stride at a time and stay open, so
//     that a million of them are one mapping. No huge pages: they would round the memory up.
//   - standalone (2 MiB and up): a slot is accessible over exactly its committed bytes, in huge
//     pages if all of them will be written (usage.h), and ends in an inaccessible gap. The gap
//     catches overruns, and as the mapping ends there, the kernel cannot round the tail up to a
//     huge page. Two mappings per slot in use.
// The kernel limits the number of mappings of a process. Once standalone slots have used their
// share of it, new slots of 2 MiB and up are packed as well, a few neighbours at a time. Such a
// slot ends in a guard marker of the page table, where the kernel has them (MADV_GUARD_INSTALL),
// else in nothing. Under strict overcommit and with CHECK=full every slot stands alone: the kernel
// charges an accessible page even if it is unused. When mappings run out there, so do slots.
//
// Always holds: the arena never moves or grows. What is not committed is PROT_NONE, or written by
// a program that overran a buffer (commit.h).
//
// An overrun of a buffer does not reach the records: their table is a mapping of its own between
// inaccessible pages, and so is the table of stacks, if there is one. What is set at start is
// read-only from then on (ZP_FROZEN).
//
// Locking: one lock per region (ZP_RANK_REGION) for its list and counts. Under it, once in a few
// hundred new slots, the next page of slot records is opened: one of two system calls that are made
// under a lock (lock.h). A slot that was taken belongs to its taker and needs no lock.
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

// Strides are powers of two from ZP_CLASS_MIN to twice ZP_CLASS_MAX.
enum {
    ZP_STRIDE_SHIFT_LEAST = 16,
    ZP_REGION_COUNT = 22,
};

// A region as it is laid out at start.
struct zp_region {
    struct zp_slot *slots; // the records, in the order of the addresses
    uintptr_t record_zero; // where the record would be of the slot that the arena starts with
    unsigned stride_shift;
    uint32_t limit;  // slots that fit
    size_t capacity; // bytes that a slot can hold; 0: the region has none
    uint32_t run;    // slots that may share a mapping, at first (zp_arena_run); 0: none
    bool packed;     // all its slots, from the first on
} __attribute__((aligned(ZP_CACHE_LINE))); // found by a shift, not a multiplication

// What of a region has been used.
struct zp_region_use {
    struct zp_lock lock;
    uint32_t used;           // slots ever taken: the records in use are [0, used)
    uint32_t opened;         // records that are writable
    struct zp_slot *cold[2]; // standalone ones, packed ones; by ZP_ORDER_CLASS
} __attribute__((aligned(ZP_CACHE_LINE)));

// A small malloc and free read the first three: they share a line of the processor's cache.
struct zp_arena {
    size_t threshold; // bytes: smaller requests are not the pool's. Set by who stands before it
    uintptr_t base;   // before the pool starts a value that no pointer is near
    size_t size;      // bytes; 0 before the pool starts
    size_t page;      // bytes in a page
    uintptr_t stacks; // from a slot's record to the stack recorded for it; 0: none are
    unsigned region_shift;
    enum zp_huge huge_pages;
    bool huge_by_default; // the kernel gives huge pages without being asked
    bool guarded;
    bool spread; // buffers do not all start at the same offset of a page (spread.h)
    struct zp_region regions[ZP_REGION_COUNT];
} __attribute__((aligned(ZP_CACHE_LINE)));

extern struct zp_arena zp_arena;
extern struct zp_region_use zp_region_use[ZP_REGION_COUNT];
extern uint32_t zp_epoch; // changes with every fork: pages of an older one may be shared

// What all slots take together.
struct zp_arena_totals {
    size_t committed; // bytes
    size_t mappings;  // of the kernel's, by standalone slots
};

extern struct zp_arena_totals zp_arena_totals;

struct zp_arena_config {
    size_t reserve;  // most bytes of address space to take
    size_t smallest; // no request is smaller: regions below it stay empty
    enum zp_huge huge_pages;
    bool huge_by_default; // the kernel gives huge pages without being asked
    bool stacks;          // room for a call stack per slot
    bool strict;          // the kernel counts every accessible page (vm.overcommit_memory=2)
    bool guarded;         // inaccessible pages before and after every buffer
    bool spread;          // buffers do not all start at the same offset of a page; not with guarded
    size_t mappings;      // that standalone slots may take; 0: any number
};

// Reserves the arena and the slot records: as much as the configuration allows, half of it where
// that is refused, and so on. 0, or a negative errno: -EPERM when the process has all its memory
// locked, another when not even 5 GiB of addresses are available. Called once, before any other
// function here.
int zp_arena_init(const struct zp_arena_config *config);

// Whether an address lies in the arena. Correct at any time, in any thread, for any pointer that
// was handed out: while the pool starts, `base` and `size` may be seen in either order.
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

// The call stack of the last free of a slot's buffer: readable for every record, writable once the
// slot has been taken. NULL if stacks are not recorded.
static inline struct zp_stack *zp_arena_stack(const struct zp_slot *slot)
{
    return zp_arena.stacks != 0 ? (struct zp_stack *)((uintptr_t)slot + zp_arena.stacks) : NULL;
}

// Where the buffer of a slot was last freed, as far as that was recorded.
static inline struct zp_stack zp_arena_freed(const struct zp_slot *slot)
{
    const struct zp_stack *stack = zp_arena_stack(slot);
    return stack != NULL ? *stack : (struct zp_stack){{slot->freed_by}};
}

// Whether a slot's pages are shared with no other process, and its mapping is as the pool made it.
static inline bool zp_arena_is_private(const struct zp_slot *slot)
{
    return slot->mapping == ZP_MAPPING_PLAIN && slot->epoch == zp_arena_epoch();
}

// The region whose slots hold `size` bytes, not more than ZP_CLASS_MAX. It may have none.
unsigned zp_arena_region_of(size_t size);

// Bytes from a slot to the next, and bytes that it can hold.
static inline size_t zp_arena_stride(const struct zp_slot *slot)
{
    return (size_t)1 << zp_arena.regions[slot->region].stride_shift;
}

static inline size_t zp_arena_capacity(const struct zp_slot *slot)
{
    return zp_arena.regions[slot->region].capacity;
}

// Slots of 2 MiB and up that are packed share a mapping with the others of their run: 256 MiB, as
// the kernel refuses to fork one that is larger than the machine's memory. A region of which 64 GiB
// are in use is on a machine that has more. Runs are 4 GiB from there on, so that all regions
// together stay below the number of mappings that is usual.
enum { ZP_RUNS_SHORT = 256, ZP_RUN_LONGER = 16 };

// Slots in the run of a slot, given by its number; runs start at multiples of it.
static inline uint32_t zp_arena_run(const struct zp_region *region, uint32_t number)
{
    return number / ZP_RUNS_SHORT < region->run ? region->run : ZP_RUN_LONGER * region->run;
}

// A cold slot, now TAKEN, or NULL if the region has none left.
struct zp_slot *zp_arena_take(unsigned region);

// Puts a TAKEN slot without memory back on the cold list.
void zp_arena_put_back(struct zp_slot *slot);

// Replaces what is mapped in a part of the arena by inaccessible addresses. 0 or a negative errno.
int zp_arena_close(char *from, size_t length);

// The slots before and behind one of the same region, if they were ever taken; else NULL.
struct zp_slot *zp_arena_before(const struct zp_slot *slot);
struct zp_slot *zp_arena_behind(const struct zp_slot *slot);

// Calls `visit` for every slot that was ever taken. There must be no other thread.
void zp_arena_visit(void (*visit)(struct zp_slot *slot));

// The same for every LIVE slot, the largest first. Other threads may change them meanwhile: for
// hints.
void zp_arena_visit_live(void (*visit)(const struct zp_slot *slot));

// Fork: takes and releases the locks of all regions, or initialises them again in the child.
void zp_arena_lock_all(void);
void zp_arena_unlock_all(void);
void zp_arena_reset_locks(void);

#endif
